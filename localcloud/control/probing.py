"""Which probes there should be: derived from the store, one per instance and consumer (and per forwarding rule, for the balancer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from localcloud.control import serving
from localcloud.control.group import parse
from localcloud.control.groups import members_prefix
from localcloud.control.health import Thresholds
from localcloud.control.links import last
from localcloud.plans.probe import Consumer, ProbeSpec, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.store import Document, Store

_BLOCKS: Mapping[str, str] = {
    "TCP": "tcpHealthCheck",
    "SSL": "sslHealthCheck",
    "HTTP": "httpHealthCheck",
    "HTTPS": "httpsHealthCheck",
    "HTTP2": "http2HealthCheck",
    "GRPC": "grpcHealthCheck",
}
_DEFAULT_PORTS: Mapping[str, int] = {"TCP": 80, "HTTP": 80, "SSL": 443, "HTTPS": 443, "HTTP2": 443}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One endpoint to be watched: the probe, how its results are counted and where the verdict is kept.

    `since`: when the instance began to run: results of probes sent before are of no interest. `grace_until`: failures before do not count.
    """

    spec: ProbeSpec
    check: str
    thresholds: Thresholds
    instance_id: str
    instance_key: str
    record: str
    since: float
    grace_until: float = 0.0
    forwarding_rule: str = ""
    backend_service: str = ""


def targets(store: Store) -> dict[str, Target]:
    """Return every endpoint to be watched, by probe id. Only RUNNING instances are; a check that does not exist watches nothing."""
    found: dict[str, Target] = {}
    for key, document in store.scan("compute/projects/"):
        if key.split("/")[-2] == "instanceGroupManagers":
            for target in _autohealing(store, key.removeprefix("compute/"), document):
                found[target.spec.id] = target
    for rule in serving.rules(store):
        for target in _balancer(store, rule):
            found[target.spec.id] = target
    return found


def _autohealing(store: Store, name: str, document: Document) -> list[Target]:
    if not (document.get("versions") or document.get("instanceTemplate")):
        return []
    group = parse(name, document, deleting=False)
    check = store.get("compute/" + group.check) if group.check else None
    if check is None:
        return []
    found = []
    for each in serving.serving(store, name):
        if each.running and not each.leaving and str(each.document["id"]) == each.member.instance_id:
            since = float(each.intent.get("runningAt", 0.0))
            found.append(
                Target(
                    spec=_spec(check, "autohealing", each, each.address, name),
                    check=group.check,
                    thresholds=_thresholds(check),
                    instance_id=str(each.document["id"]),
                    instance_key=each.key,
                    record=members_prefix(name) + each.member.name,
                    since=since,
                    grace_until=since + group.initial_delay,
                )
            )
    return found


def _balancer(store: Store, rule: serving.Rule) -> list[Target]:
    check = store.get("compute/" + rule.service.check) if rule.service.check else None
    if check is None:
        return []
    behind = [each for group, _ in rule.service.groups for each in serving.serving(store, group)]
    return [
        Target(
            spec=_spec(check, "balancer", each, rule.address, rule.key),
            check=rule.service.check,
            thresholds=_thresholds(check),
            instance_id=str(each.document["id"]),
            instance_key=each.key,
            record=f"control/backends/{rule.service.key}/{each.member.name}/{rule.name}",
            since=float(each.intent.get("runningAt", 0.0)),
            forwarding_rule=rule.key,
            backend_service=rule.service.key,
        )
        for each in behind
        if each.running and not each.leaving
    ]


def _thresholds(check: Document) -> Thresholds:
    return Thresholds(
        healthy=int(check.get("healthyThreshold") or 2), unhealthy=int(check.get("unhealthyThreshold") or 2)
    )


def _spec(
    check: Document, consumer: Consumer, instance: serving.Serving, address: str, path: str
) -> ProbeSpec:
    kind = str(check.get("type") or "TCP")
    kind = "GRPC" if kind == "GRPC_WITH_TLS" else kind
    block: Mapping[str, Any] = check.get(_BLOCKS[kind]) or check.get("grpcTlsHealthCheck") or {}
    port = block.get("port") or _DEFAULT_PORTS.get(kind)
    if not port:
        msg = f"health check {last(str(check.get('name', '')))}: port is missing; {kind} has no default, set {_BLOCKS[kind]}.port"
        raise ValueError(msg)
    return ProbeSpec(
        id=f"{consumer}|{instance.member.name}|{path}",
        consumer=consumer,
        instance=instance.member.name,
        instance_address=instance.address,
        address=address,
        protocol=cast("Protocol", kind),
        port=int(port),
        interval=float(check.get("checkIntervalSec") or 5),
        timeout=float(check.get("timeoutSec") or 5),
        path=str(block.get("requestPath") or "/"),
        host=str(block.get("host") or ""),
        request=str(block.get("request") or ""),
        response=str(block.get("response") or ""),
        proxy_header=cast("Literal['NONE', 'PROXY_V1']", block.get("proxyHeader") or "NONE"),
    )
