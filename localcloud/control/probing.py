"""Which probes there should be: derived from the store, one per instance and consumer (and per forwarding rule, for the balancer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from localcloud.control.health import Thresholds
from localcloud.control.links import last, relname
from localcloud.control.managed import members_prefix
from localcloud.plans.probe import Consumer, ProbeSpec, Protocol
from localcloud.store import Document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.control import serving
    from localcloud.store import Store

_BLOCKS: Mapping[str, str] = {
    "TCP": "tcpHealthCheck",
    "SSL": "sslHealthCheck",
    "HTTP": "httpHealthCheck",
    "HTTPS": "httpsHealthCheck",
    "HTTP2": "http2HealthCheck",
    "GRPC": "grpcHealthCheck",
    "GRPC_WITH_TLS": "grpcTlsHealthCheck",
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


@dataclass(frozen=True, kw_only=True)
class Watching:
    """What a group's autohealing needs to know for all its instances."""

    group: str
    check: str
    document: Document
    initial_delay: float


def watching(store: Store) -> dict[str, Watching | None]:
    """Return what every group's autohealing watches with; None for those that have no check, or one that does not exist."""
    return {
        key.removeprefix("compute/"): watching_of(store, key.removeprefix("compute/"))
        for key, _ in store.scan("compute/projects/")
        if key.split("/")[-2] == "instanceGroupManagers"
    }


def watching_of(store: Store, name: str) -> Watching | None:
    """Return what one group's autohealing watches with."""
    document = store.get("compute/" + name)
    if document is None or not (document.get("versions") or document.get("instanceTemplate")):
        return None
    policy: Mapping[str, Any] = (document.get("autoHealingPolicies") or [{}])[0]
    link = relname(policy["healthCheck"], name) if policy.get("healthCheck") else ""
    check = store.get("compute/" + link) if link else None
    if check is None:
        return None
    return Watching(
        group=name, check=link, document=check, initial_delay=float(policy.get("initialDelaySec") or 0)
    )


def autohealing(watching: Watching | None, each: serving.Serving) -> Target | None:
    """Return the target of a group's own check on one of its instances. Only RUNNING instances are watched."""
    if watching is None or not each.running or each.leaving:
        return None
    numeric_id = str(each.document["id"])
    if numeric_id != each.member.instance_id:
        return None
    since = float(each.intent.get("runningAt", 0.0))
    return Target(
        spec=_spec(watching.document, "autohealing", each, each.address, watching.group),
        check=watching.check,
        thresholds=_thresholds(watching.document),
        instance_id=numeric_id,
        instance_key=each.key,
        record=members_prefix(watching.group) + each.member.name,
        since=since,
        grace_until=since + watching.initial_delay,
    )


def balancer(store: Store, rule: serving.Rule, each: serving.Serving) -> Target | None:
    """Return the target of a forwarding rule's check on one instance behind it."""
    check = store.get("compute/" + rule.service.check) if rule.service.check else None
    if check is None or not each.running or each.leaving or not each.takes_packets_of(rule):
        return None
    address = rule.address.partition("/")[0]  # of an IPv6 rule's range the first
    return Target(
        spec=_spec(check, "balancer", each, address, rule.key),
        check=rule.service.check,
        thresholds=_thresholds(check),
        instance_id=str(each.document["id"]),
        instance_key=each.key,
        record=f"control/backends/{rule.service.key}/{each.member.name}/{rule.name}",
        since=float(each.intent.get("runningAt", 0.0)),
        forwarding_rule=rule.key,
        backend_service=rule.service.key,
    )


def _thresholds(check: Document) -> Thresholds:
    return Thresholds(
        healthy=int(check.get("healthyThreshold") or 2), unhealthy=int(check.get("unhealthyThreshold") or 2)
    )


def _spec(
    check: Document, consumer: Consumer, instance: serving.Serving, address: str, path: str
) -> ProbeSpec:
    kind = str(check.get("type") or "TCP")
    block: Mapping[str, Any] = check.get(_BLOCKS[kind]) or {}
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
        grpc_service=str(block.get("grpcServiceName") or ""),
        enough=_thresholds(check).healthy,
    )
