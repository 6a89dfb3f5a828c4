"""The API's documents read into facts; no request is made here."""

from __future__ import annotations

from typing import Any

from scripts.diagnosis.facts import Autoscaler, Check, ForwardingRule, Group, Instance, Role
from scripts.diagnosis.firewall import FirewallRule
from scripts.diagnosis.google_api import relative
from scripts.diagnosis.serial_log import harmless, last_run

Document = dict[str, Any]
_BLOCKS = {"HTTP": "httpHealthCheck", "HTTPS": "httpsHealthCheck", "HTTP2": "http2HealthCheck", "TCP": "tcpHealthCheck",
           "SSL": "sslHealthCheck", "GRPC": "grpcHealthCheck"}  # fmt: skip
_USUAL = {"HTTP": 80, "TCP": 80, "HTTPS": 443, "SSL": 443, "HTTP2": 443}
_WORST = ("", "HEALTHY", "UNKNOWN", "DRAINING", "TIMEOUT", "UNHEALTHY")


def last(link: str) -> str:
    """Return the name at the end of a link."""
    return link.rstrip("/").rpartition("/")[2]


def place(link: str) -> str:
    """Return gcloud's flag for where a resource is."""
    parts = relative(link).split("/")
    for kind, flag in (("regions", "--region"), ("zones", "--zone")):
        if kind in parts:
            return f"{flag}={parts[parts.index(kind) + 1]}"
    return "--global"


def group(link: str, document: Document, errors: list[Document]) -> Group:
    """Read an instanceGroupManagers document, and what its listErrors says."""
    versions = document.get("versions") or [{"instanceTemplate": document.get("instanceTemplate", "")}]
    lifecycle = document.get("instanceLifecyclePolicy") or {}
    healing = (document.get("autoHealingPolicies") or [{}])[0]
    failed = lifecycle.get("onFailedHealthCheck") or "DEFAULT_ACTION"
    default = lifecycle.get("defaultActionOnFailure") or "REPAIR"
    return Group(
        name=document["name"],
        project=relative(link).split("/")[1],
        place=place(link),
        target=int(document.get("targetSize") or 0),
        stable=bool((document.get("status") or {}).get("isStable")),
        templates=tuple(last(version.get("instanceTemplate", "")) for version in versions),
        update_type=(document.get("updatePolicy") or {}).get("type", "OPPORTUNISTIC"),
        heals=bool(healing) and (default if failed == "DEFAULT_ACTION" else failed) != "DO_NOTHING",
        initial_delay=int(healing.get("initialDelaySec") or 0),
        named_ports=tuple((item["name"], int(item["port"])) for item in document.get("namedPorts") or []),
        errors=tuple(
            harmless(f"{last((item.get('instanceActionDetails') or {}).get('instance', ''))} "
                     f"{(item.get('error') or {}).get('code', '')}: {(item.get('error') or {}).get('message', '')}").strip()
            for item in errors
        ),
    )  # fmt: skip


def instance(
    managed: Document, document: Document | None, backends: list[Document], serial: str | None
) -> Instance:
    """Read one managed instance: the group's view, its own document, the balancer's verdicts, its serial port's output."""
    link = managed["instance"]
    states = [
        entry.get("healthState", "") for entry in backends if relative(entry["instance"]) == relative(link)
    ]
    accounts = (document or {}).get("serviceAccounts") or []
    attempt = ((managed.get("lastAttempt") or {}).get("errors") or {}).get("errors") or []
    return Instance(
        name=managed.get("name") or last(link),
        zone=relative(link).split("/")[3],
        status=managed.get("instanceStatus") or "",
        action=managed.get("currentAction") or "",
        template=last((managed.get("version") or {}).get("instanceTemplate", "")),
        autohealing=next(
            (entry.get("detailedHealthState", "") for entry in managed.get("instanceHealth") or []), ""
        ),
        # Behind several forwarding rules an instance is as healthy as its worst verdict.
        balancer=max(states, key=lambda state: _WORST.index(state) if state in _WORST else 1, default=""),
        run=last_run(serial) if serial is not None else None,
        errors=tuple(harmless(f"{item.get('code', '')}: {item.get('message', '')}") for item in attempt),
        scopes=tuple(accounts[0].get("scopes", [])) if accounts else (() if document else None),
    )


def check(role: Role, link: str, document: Document) -> Check:
    """Read a healthChecks document."""
    protocol = document["type"]
    block = document.get(_BLOCKS.get(protocol, ""), {})
    named = block.get("portSpecification") == "USE_NAMED_PORT"
    request = {"HTTP": "GET ", "HTTPS": "GET ", "HTTP2": "GET "}.get(protocol, "")
    if request:
        request += block.get("requestPath", "/")
        request += f" for host {block['host']}" if block.get("host") else ""
    elif protocol == "GRPC":
        request = f"gRPC service {block.get('grpcServiceName') or 'overall'}"
    else:
        request = (
            f"{protocol} {'request ' + repr(block['request']) if block.get('request') else 'connection'}"
        )
    if block.get("response"):
        request += f", answer to begin with {block['response']!r}"
    return Check(
        role=role,
        name=document["name"],
        protocol=protocol,
        port=None if named else int(block.get("port") or _USUAL.get(protocol, 0)) or None,
        request=request,
        interval=int(document.get("checkIntervalSec") or 5),
        timeout=int(document.get("timeoutSec") or 5),
        healthy=int(document.get("healthyThreshold") or 2),
        unhealthy=int(document.get("unhealthyThreshold") or 2),
        place=place(link),
    )


def autoscaler(document: Document) -> Autoscaler:
    """Read an autoscalers document."""
    policy = document["autoscalingPolicy"]
    recommended = document.get("recommendedSize")
    return Autoscaler(
        name=document["name"],
        mode=policy.get("mode", "ON"),
        smallest=int(policy.get("minNumReplicas") or 0),
        largest=int(policy.get("maxNumReplicas") or 0),
        recommended=None if recommended is None else int(recommended),
        status=document.get("status", ""),
        details=tuple(
            (item.get("type", ""), item.get("message", "")) for item in document.get("statusDetails") or []
        ),
    )


def forwarding_rule(document: Document) -> ForwardingRule:
    """Read a forwardingRules document."""
    given = document.get("ports") or ([document["portRange"]] if document.get("portRange") else [])
    return ForwardingRule(
        name=document["name"],
        address=document.get("IPAddress", ""),
        protocol=document.get("IPProtocol", "TCP"),
        ports=_ranges(given),
    )


def firewall_rules(
    documents: list[Document], network: str, tags: set[str], account: str
) -> tuple[FirewallRule, ...]:
    """Read the enabled ingress rules of a network that apply to instances with these tags and this service account."""
    found = []
    for document in documents:
        if document.get("disabled") or document.get("direction", "INGRESS") != "INGRESS":
            continue
        if relative(document.get("network", "")) != relative(network):
            continue
        targets, accounts = document.get("targetTags") or [], document.get("targetServiceAccounts") or []
        if (targets or accounts) and not (tags.intersection(targets) or account in accounts):
            continue
        found.append(
            FirewallRule(
                name=document["name"],
                priority=int(document.get("priority", 1000)),
                allows=bool(document.get("allowed")),
                sources=tuple(document.get("sourceRanges") or []),
                entries=tuple(
                    (entry["IPProtocol"], _ranges(entry.get("ports") or []))
                    for entry in document.get("allowed") or document.get("denied") or []
                ),
            )
        )
    return tuple(found)


def _ranges(texts: list[str]) -> tuple[tuple[int, int], ...]:
    found = []
    for text in texts:
        low, _, high = str(text).partition("-")
        found.append((int(low), int(high or low)))
    return tuple(found)
