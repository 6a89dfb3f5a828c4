"""The engine's side of a policy pack: real protobufs over a real channel to the pack's Analyzer service.

What the engine does is done here as it does it: schema defaults and configuration are merged and sent by
`Configure`, every resource's inputs go to `Analyze` as it is registered, and at the end all outputs go to
`AnalyzeStack` with the property dependencies. Unknowns and secrets are encoded as on the wire.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from mig_policies.pack import PACK_NAME, policies
from mig_policies.session import Entry, Session
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.verdict import Outcome

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
STACK = "test"
TODAY = dt.date(2026, 7, 1)

Tree = dict[str, Any]


def secret(value: object) -> Tree:
    """Encode a secret as it travels."""
    return {_SIGNATURE: _SECRET, "value": value}


@dataclass
class Declared:
    """A resource of a program: inputs, what its properties are made from, and what a provider predicts of it."""

    type: str
    name: str
    inputs: Tree
    # Names of the resources that each top-level property's value comes from.
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # Outputs that a preview adds or changes; by default everything Google makes up is unknown.
    computed: Tree = field(default_factory=lambda: {"id": UNKNOWN, "selfLink": UNKNOWN})
    delete_before_replace: bool | None = None
    ignore_changes: Sequence[str] = ()
    # Which inputs the provider filled in, if it notes that.
    defaulted: Sequence[str] | None = None

    @property
    def outputs(self) -> Tree:
        return {**self.inputs, **self.computed}


@dataclass(frozen=True)
class Finding:
    """One diagnostic of the pack."""

    policy: str
    level: str
    message: str
    resource: str


@dataclass(frozen=True)
class Report:
    """What the engine was told, and the pack's own account of every outcome."""

    findings: tuple[Finding, ...]
    account: Mapping[tuple[str, str], Entry]
    not_applicable: frozenset[str]

    def of(self, policy: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.policy == policy]

    def message(self, policy: str) -> str:
        """The one message of a policy."""
        (finding,) = self.of(policy)
        return finding.message

    def outcome(self, rule: str, resource: str) -> Outcome:
        for (rule_id, _), entry in self.account.items():
            if rule_id == rule and entry.resource.name == resource:
                return entry.outcome
        raise AssertionError(f"{rule} has no account of {resource}")

    def told(self, rule: str) -> list[str]:
        """Every message of a rule, those of passed ones too."""
        return [
            message for entry in self.account.values() if entry.rule == rule for message in entry.messages
        ]

    @property
    def violated(self) -> set[str]:
        """The mandatory policies that would stop a deployment."""
        return {finding.policy for finding in self.findings if finding.level == "MANDATORY"}


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:{STACK}::web::{type_}::{name}"


@contextmanager
def _analyzer(session: Session) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    servicer = _PolicyAnalyzerServicer(PACK_NAME, "1.0.0", policies(session), EnforcementLevel.ADVISORY)
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        server.stop(None).wait()


def _struct(tree: Tree) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(tree, struct)
    return struct


def _options(resource: Declared) -> analyzer_pb2.AnalyzerResourceOptions:
    before = resource.delete_before_replace
    return analyzer_pb2.AnalyzerResourceOptions(
        deleteBeforeReplace=bool(before),
        deleteBeforeReplaceDefined=before is not None,
        ignoreChanges=resource.ignore_changes,
    )


def configure(stub: analyzer_pb2_grpc.AnalyzerStub, config: Mapping[str, Any]) -> None:
    """Send what the engine sends: schema defaults and levels, with the given configuration over them."""
    info = stub.GetAnalyzerInfo(empty_pb2.Empty())
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for policy in info.policies:
        schema = json_format.MessageToDict(policy.configSchema.properties)
        properties = {key: value["default"] for key, value in schema.items() if "default" in value}
        given = config.get(policy.name, {})
        given = {"enforcementLevel": given} if isinstance(given, str) else dict(given)
        level = given.pop("enforcementLevel", None)
        request.policyConfig[policy.name].enforcementLevel = (
            policy.enforcementLevel if level is None else analyzer_pb2.EnforcementLevel.Value(level.upper())
        )
        request.policyConfig[policy.name].properties.CopyFrom(_struct({**properties, **given}))
    stub.Configure(request)


def analyze(
    resources: Sequence[Declared],
    config: Mapping[str, Any] | None = None,
    *,
    inputs_seen: bool = True,
    today: dt.date = TODAY,
) -> Report:
    """Run the pack over a deployment; without `inputs_seen`, over its outputs alone."""
    session = Session(today=lambda: today)
    findings: list[Finding] = []
    not_applicable: set[str] = set()
    types = {resource.name: resource.type for resource in resources}

    def take(response: analyzer_pb2.AnalyzeResponse, resource: str) -> None:
        not_applicable.update(item.policy_name for item in response.not_applicable)
        for found in response.diagnostics:
            level = analyzer_pb2.EnforcementLevel.Name(found.enforcementLevel)
            name = found.urn.rsplit("::", 1)[-1] or resource
            findings.append(Finding(found.policyName, level, found.message, name))

    with _analyzer(session) as stub:
        configure(stub, config or {})
        for resource in resources if inputs_seen else ():
            if resource.defaulted is not None:
                # The engine keeps internal keys in this request alone.
                noted = {**resource.inputs, "__defaults": list(resource.defaulted)}
                request = analyzer_pb2.AnalyzeRequest(
                    type=resource.type,
                    name=resource.name,
                    urn=urn(resource.type, resource.name),
                    properties=_struct(noted),
                    options=_options(resource),
                )
                assert not stub.Remediate(request).remediations, "nothing is ever changed"
            request = analyzer_pb2.AnalyzeRequest(
                type=resource.type,
                name=resource.name,
                urn=urn(resource.type, resource.name),
                properties=_struct(resource.inputs),
                options=_options(resource),
            )
            take(stub.Analyze(request), resource.name)
        request = analyzer_pb2.AnalyzeStackRequest()
        for resource in resources:
            entry = request.resources.add(
                type=resource.type,
                name=resource.name,
                urn=urn(resource.type, resource.name),
                properties=_struct(resource.outputs),
                options=_options(resource),
            )
            for key, names in resource.sources.items():
                entry.propertyDependencies[key].urns.extend(
                    urn(types[name], name) for name in names if name in types
                )
        take(stub.AnalyzeStack(request), "")
    return Report(tuple(findings), dict(session.account), frozenset(not_applicable))
