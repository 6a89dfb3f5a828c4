"""Firewall rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import read_link, reference
from localcloud.provider.mapping import OMIT, Body, Scope, Table, as_sent

if TYPE_CHECKING:
    from localcloud.provider.values import Value


def _write_log(value: Value, scope: Scope) -> Value:
    if isinstance(value, dict):
        return {"enable": True, "metadata": value.get("metadata")}
    return {"enable": bool(scope.properties.get("enableLogging") is True)}


def _write_rules(value: Value, _: Scope) -> Value:
    """Write what is allowed or denied, in the order of the official provider's hashes."""
    rules = [
        {
            "IPProtocol": rule["protocol"],
            **({"ports": [str(port) for port in rule["ports"]]} if rule.get("ports") else {}),
        }
        for rule in value or []
    ]
    return as_sent(rules, _hashed) if rules else OMIT


def _hashed(rule: Body) -> str:
    return "".join(f"{text}-" for text in (rule["IPProtocol"].lower(), *rule.get("ports", [])))


def _read_log(body: Body, _: Scope) -> Value:
    log = body.get("logConfig") or {}
    return {"metadata": log.get("metadata", "")} if log.get("enable") else None


_TABLE = Table(
    names={
        "allows": "allowed",
        "allows.protocol": "IPProtocol",
        "denies": "denied",
        "denies.protocol": "IPProtocol",
    },
    kept=frozenset({"priority", "disabled", "description"}),
    local=frozenset({"deletionPolicy", "project"}),
    unread=frozenset({"params"}),
    writers={
        "allows": _write_rules,
        "denies": _write_rules,
        "network": reference("global/networks"),
        "logConfig": _write_log,
        "enableLogging": lambda _, __: OMIT,
    },
    readers={
        "network": read_link("network"),
        "logConfig": _read_log,
        "enableLogging": lambda _, scope: _known(scope.properties.get("enableLogging")),
    },
)


def _known(value: Value) -> Value:
    return value if isinstance(value, bool) else None


_MUTABLE = (
    "allows",
    "denies",
    "description",
    "destinationRanges",
    "disabled",
    "logConfig",
    "network",
    "priority",
    "sourceRanges",
    "sourceServiceAccounts",
    "sourceTags",
    "targetServiceAccounts",
    "targetTags",
)

FIREWALL = ComputeResource(
    "gcp:compute/firewall:Firewall",
    Settings(
        collection="global/firewalls",
        table=_TABLE,
        steps=(Step("PATCH", body=_MUTABLE),),
        schema_version="1",
    ),
)
