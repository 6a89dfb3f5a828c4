"""The rules, one file per domain."""
