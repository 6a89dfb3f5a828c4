"""A healthy stack's facts, for tests to break one thing of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from components.prober_ranges import ALL_PROBERS
from scripts.diagnosis.facts import (
    Access,
    Autoscaler,
    Check,
    Facts,
    ForwardingRule,
    Group,
    Instance,
    Role,
    Script,
)
from scripts.diagnosis.firewall import FirewallRule
from scripts.diagnosis.reach import Reach
from scripts.diagnosis.serial_log import ScriptRun

ACCOUNT = "web-vm@demo.iam.gserviceaccount.com"
NAMES = ("web-a", "web-b", "web-c")


def run(port: int | None = 8080, **given: object) -> ScriptRun:
    """Return a run of the start-up script that ended well, but for what is given."""
    usual: dict[str, Any] = {
        "finished": True,
        "failure": "",
        "exit_status": 0,
        "tail": ("done",),
        "port": port,
    }
    return ScriptRun(**{**usual, **given})


def instance(name: str = "web-a", **given: object) -> Instance:
    """Return a healthy instance, but for what is given."""
    usual: dict[str, Any] = {
        "zone": "europe-west1-b", "status": "RUNNING", "action": "NONE", "template": "web-2", "autohealing": "HEALTHY",
        "balancer": "HEALTHY", "run": run(), "scopes": ("https://www.googleapis.com/auth/cloud-platform",),
    }  # fmt: skip
    return Instance(name=name, **{**usual, **given})


def every(**given: object) -> tuple[Instance, ...]:
    """Return all three instances, each with what is given."""
    return tuple(instance(name, **given) for name in NAMES)


def one_of_three(**given: object) -> tuple[Instance, ...]:
    """Return three instances of which the first has what is given."""
    return (instance(NAMES[0], **given), *(instance(name) for name in NAMES[1:]))


def check(role: Role, **given: object) -> Check:
    """Return a check of this role."""
    slow = role == "autohealing"
    usual: dict[str, Any] = {
        "name": f"web-{role}", "protocol": "HTTP", "port": 8080, "request": "GET /healthz", "interval": 30 if slow else 5,
        "timeout": 15 if slow else 3, "healthy": 2, "unhealthy": 5 if slow else 2,
        "place": "--global" if slow else "--region=europe-west1",
    }  # fmt: skip
    return Check(role=role, **{**usual, **given})


def firewall_rule(**given: object) -> FirewallRule:
    """Return the rule that lets the probers in."""
    usual: dict[str, Any] = {
        "name": "web-probes", "priority": 1000, "allows": True, "sources": ALL_PROBERS, "entries": (("tcp", ((8080, 8080),)),),
    }  # fmt: skip
    return FirewallRule(**{**usual, **given})


GROUP = Group(
    name="web-group",
    project="demo",
    place="--region=europe-west1",
    target=3,
    stable=True,
    templates=("web-2",),
    update_type="PROACTIVE",
    initial_delay=300,
)
SCALER = Autoscaler(name="web", mode="ON", smallest=3, largest=10, recommended=3, status="ACTIVE")
SCRIPT = Script(
    bucket="web-scripts", name="startup.sh", exists=True,
    access=Access(account=ACCOUNT, granted=True, by="roles/storage.objectViewer on bucket web-scripts"),
)  # fmt: skip
REACH = Reach(subnetwork="web", region="europe-west1", by="Private Google Access", routed=True)
DENIED = replace(SCRIPT, access=Access(account=ACCOUNT, granted=False))


def facts(**given: object) -> Facts:
    """Return a healthy stack's facts, but for what is given."""
    usual: dict[str, Any] = {
        "group": GROUP,
        "instances": every(),
        "checks": (check("autohealing"), check("balancer")),
        "network": "web",
        "firewall": (firewall_rule(),),
        "forwarding_rules": (ForwardingRule(name="web-main", address="203.0.113.1", protocol="TCP", ports=((8080, 8080),)),),
        "autoscaler": SCALER,
        "script": SCRIPT,
        "reach": REACH,
    }  # fmt: skip
    return Facts(**{**usual, **given})
