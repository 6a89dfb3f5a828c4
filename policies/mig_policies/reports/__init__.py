"""The gate: what the engine's event stream says of a run, as an exit status and as reports for machines and people.

`pulumi preview --json` with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true writes one event per line; the plain `--json` output
leaves policy events out.
"""
