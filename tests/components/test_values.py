"""The value types: what each refuses, in which words, and what it becomes in the API's terms."""

from __future__ import annotations

from typing import Any

import pytest

from components.balancing import Balancing, Failover
from components.canary import Canary
from components.frontend import Frontend
from components.group_shape import GroupShape
from components.iam_bindings import Binding, IamBindings, MembersBinding
from components.instance_flexibility import InstanceSelection
from components.invalid_argument import InvalidArgumentError
from components.machine import Machine
from components.monitoring import MonitoringPolicy
from components.network import FirewallPolicy, NewVpc
from components.repair_policy import RepairPolicy
from components.resource_name import require_resource_name
from components.scaling_policy import MetricSignal, ScaleInControl, ScalingPolicy, Schedule
from components.service_identity import ExistingServiceAccount
from components.standby_pool import StandbyPool
from components.startup_script import InlineScript, ScriptFiles, ScriptUrl, StartupScriptArgs
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy
from tests.persistence import CELLS

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (Frontend, {"ports": (80, 443), "port_range": "1-2"}, "ports and port_range are set.*keep one"),
    (Frontend, {"protocol": "L3_DEFAULT"}, "set all_ports: true"),
    (Frontend, {"protocol": "L3_DEFAULT", "ports": (80,)}, "set all_ports: true"),
    (Frontend, {"ports": (1, 2, 3, 4, 5, 6)}, "takes 1 to 5 ports"),
    (Frontend, {"ports": ()}, "takes 1 to 5 ports"),
    (Frontend, {"ports": (80, 80)}, "named twice"),
    (Frontend, {"ports": (0,)}, "takes 1 to 65535"),
    (Frontend, {"port_range": "90"}, "write for instance 9000-9010"),
    (Frontend, {"port_range": "90-80"}, "write 80-90"),
    (Frontend, {"protocol": "SCTP"}, "use one of TCP, UDP, L3_DEFAULT"),
    (UpdatePolicy, {"replacement_method": "RECREATE"}, "max_surge = None: .*RECREATE keeps names"),
    (UpdatePolicy, {"replacement_method": "RECREATE", "max_surge": 0}, "has to take instances away"),
    (UpdatePolicy, {"max_surge": 0}, "no instance could ever be updated"),
    (UpdatePolicy, {"max_surge": "lots"}, "neither a number of instances nor a percentage"),
    (UpdatePolicy, {"max_unavailable": "101%"}, "neither a number of instances nor a percentage"),
    (UpdatePolicy, {"max_surge": -1}, "below zero"),
    (UpdatePolicy, {"most_disruptive_allowed_action": "RESTART"}, "less than minimal_action REPLACE"),
    (UpdatePolicy, {"min_ready_sec": 3601}, "takes 0 to 3600 s"),
    (RepairPolicy, {"boot_sec": 300}, "300 s .* 10 % = 330 s.*set initial_delay_sec to 330 or more"),
    (RepairPolicy, {"boot_sec": 10, "initial_delay_sec": 10}, "10 s .* = 11 s"),
    (RepairPolicy, {"initial_delay_sec": 3601}, "takes 0 to 3600 s"),
    (RepairPolicy, {"on_failed_health_check": "IGNORE"}, "use one of REPAIR, DO_NOTHING"),
    (ScalingPolicy, {"min_replicas": 11}, "max_replicas = 10: below min_replicas 11"),
    (ScalingPolicy, {"cpu_target": 60.0}, "write 0.6 for 60 %"),
    (ScalingPolicy, {"cpu_target": 0.0}, "above 0 and up to 1"),
    (ScalingPolicy, {"cpu_target": None}, "no signal left"),
    (ScalingPolicy, {"mode": "OF"}, "use one of ON, OFF"),
    (ScaleInControl, {"time_window_sec": 600, "max_scaled_in_replicas": 0}, "write 2 or 10%"),
    (ScaleInControl, {"time_window_sec": 30, "max_scaled_in_replicas": 1}, "takes 60 to 3600 s"),
    (
        Schedule,
        {"schedule": "daily", "duration_sec": 300, "min_required_replicas": 1},
        "not a cron expression",
    ),
    (Schedule, {"schedule": "0 8 * * *", "duration_sec": 60, "min_required_replicas": 1}, "takes 300 to"),
    (
        MetricSignal,
        {"name": "m"},
        "target = None: the metric m needs exactly one of target and single_instance_assignment",
    ),
    (MetricSignal, {"name": "m", "target": 1.0, "single_instance_assignment": 1.0}, "exactly one of"),
    (Machine, {"disk_size_gb": 5}, "takes 10 to 65536 GB"),
    (Machine, {"metadata": {"startup-script-url": "x"}}, "written by another setting.*mig-nlb:startup"),
    (Machine, {"metadata": {"enable-oslogin": "FALSE"}}, "use os_login"),
    (Machine, {"labels": {"Team": "web"}}, "labels.Team = 'web': keys and values are lower-case"),
    (Machine, {"labels": {"team": "Web!"}}, "labels.team = 'Web!': keys and values are lower-case"),
    (Machine, {"labels": {f"l{number}": "" for number in range(65)}}, "65 labels.*Google takes 64"),
    (Machine, {"tags": ("Web",)}, "tags = 'Web': names are lower-case"),
    (GroupShape, {"zones": ("z-b",), "instance_labels": {"1": "a"}}, "a key begins with a letter"),
    (
        GroupShape,
        {"zones": ("z-b",), "named_ports": {"Web": 80}},
        "named_ports = 'Web': names are lower-case",
    ),
    (GroupShape, {"zones": ("z-b",), "named_ports": {"web": 0}}, "named_ports.web = 0: .*1 to 65535"),
    (
        ScalingPolicy,
        {
            "cpu_target": None,
            "predictive_method": "OPTIMIZE_AVAILABILITY",
            "metrics": (MetricSignal(name="m", target=1.0),),
        },
        "there is no cpu_target",
    ),
    (
        ScalingPolicy,
        {"schedules": {"Peak": Schedule(schedule="0 8 * * *", duration_sec=300, min_required_replicas=1)}},
        "schedules = 'Peak': names are lower-case",
    ),
    (ScriptFiles, {"script": "scripts/startup.sh", "kms_key": "k"}, "kms_key = 'k': not the name of a key"),
    (ScriptFiles, {"script": "scripts/startup.sh", "bucket": "b", "location": "EU"}, "the bucket exists"),
    (StandbyPool, {"stopped": -1}, "takes 0 to 2000"),
    (StandbyPool, {"stopped": 1, "mode": "AUTO"}, "use one of SCALE_OUT_POOL, MANUAL"),
    (
        StartupScriptArgs,
        {"source": InlineScript(text="#!/bin/sh"), "region": "r", "folder": "canary"},
        'write for instance "canary/"',
    ),
    (Machine, {"vtpm": False}, "set integrity_monitoring: false too"),
    (IamBindings, {"project": {"roles/editor": Binding()}}, "project = 'roles/editor': a basic role"),
    (IamBindings, {"service_account": {"roles/owner": MembersBinding(members=())}}, "a basic role"),
    (IamBindings, {"bucket": {"objectViewer": Binding()}}, "write roles/NAME"),
    (MembersBinding, {"members": ("allUsers",)}, "someone in particular"),
    (GroupShape, {"zones": ("z-b", "z-c"), "scope": "ZONAL"}, "stands in one zone"),
    (GroupShape, {"zones": ("z-b",), "scope": "ZONAL", "target_shape": "ANY"}, "no zones to choose from"),
    (GroupShape, {"zones": ("z-b",), "target_size": -1}, "takes 0 to 2000"),
    (StatefulPolicy, {"disks": {"d": "ALWAYS"}}, "disks.d = 'ALWAYS': .*use one of NEVER"),
    (StatefulPolicy, {"internal_ips": {"nic1": "NEVER"}}, "call it nic0"),
    (InstanceSelection, {"machine_types": ()}, "at least one machine type"),
    (Canary, {"size": 1}, "say its machine or its startup"),
    (Canary, {"size": 0, "machine": Machine()}, "takes 1 to 2000"),
    (Canary, {"size": "100%", "machine": Machine()}, "a percentage below 100"),
    (Failover, {"ratio": 0.5}, "nothing to fail over to"),
    (MonitoringPolicy, {"notification_channels": ("projects/p/notificationChannels/1",)}, "nothing to tell"),
    (GroupShape, {"zones": ()}, "at least one zone"),
    (GroupShape, {"zones": ("z-b", "z-b")}, "each once"),
    (NewVpc, {"cidr": "10.0.0.1/20"}, "not a range in CIDR notation .*write 10.0.0.0/20"),
    (NewVpc, {"cidr": "10.0.0.0/30"}, "use a /29 or larger"),
    (NewVpc, {"cidr": "fd00::/28"}, "own range is IPv4.*write for instance 10.128.0.0/20"),
    (FirewallPolicy, {"client_ranges": ("everywhere",)}, "write for instance 10.0.0.0/8"),
    (FirewallPolicy, {"ssh_ranges": ("0.0.0.0/0",)}, "opens SSH to the whole internet.*35.235.240.0/20"),
    (Balancing, {"draining_sec": 20}, "would be cut on every update.*set draining_sec to 30"),
    (Frontend, {"ip_version": "IPV5"}, "use one of IPV4, IPV6"),
    (
        Balancing,
        {"frontends": {"a": Frontend(ip_version="IPV6")}, "network_tier": "STANDARD"},
        "in the PREMIUM tier only",
    ),
    (Balancing, {"frontends": {}}, "nobody could connect"),
    (
        Balancing,
        {"frontends": {"a": Frontend(), "b": Frontend(port_range="8000-9000")}},
        "frontends.b = .*in common with frontends.a",
    ),
    (Balancing, {"frontends": {"a": Frontend(), "b": Frontend(protocol="UDP")}}, "takes one protocol"),
    (
        Balancing,
        {"persistence_on_unhealthy": "ALWAYS_PERSIST", "tracking_mode": "PER_SESSION"},
        "does not go with PER_SESSION.*set tracking_mode: PER_CONNECTION",
    ),
    (Balancing, {"session_affinity": "COOKIE"}, "use one of NONE"),
    (ExistingServiceAccount, {"email": "someone"}, "write NAME@PROJECT"),
    (
        ExistingServiceAccount,
        {"email": "1-compute@developer.gserviceaccount.com"},
        "shared by everything in the project",
    ),
    (ScriptUrl, {"url": "https://example.com/x.sh"}, "write gs://BUCKET/OBJECT"),
    (InlineScript, {"text": "echo hi"}, 'does not begin with "#!"'),
    (InlineScript, {"text": "#!" + "x" * 256 * 1024}, "metadata takes 262144"),
    (ScriptFiles, {"script": "scripts/absent.sh"}, r"cannot be read as text \(No such file or directory\)"),
    (ScriptFiles, {"script": "pyproject.toml"}, 'does not begin with "#!"'),
    (
        ScriptFiles,
        {"script": "scripts/startup.sh", "files": ("scripts/startup.sh",)},
        "a second file called startup.sh",
    ),
]


@pytest.mark.parametrize(
    ("kind", "arguments", "words"), REFUSED, ids=lambda value: getattr(value, "__name__", None)
)
def test_what_cannot_work_is_refused_with_the_rule_and_the_fix(
    kind: type, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=words) as refusal:
        kind(**arguments)
    assert " Fix: " in str(refusal.value)


@pytest.mark.parametrize(
    ("frontend", "rule", "firewall"),
    [
        (Frontend(), {"ip_protocol": "TCP", "ports": ["8080"]}, {"protocol": "tcp", "ports": ["8080"]}),
        (
            Frontend(protocol="UDP", ports=(53, 123)),
            {"ip_protocol": "UDP", "ports": ["53", "123"]},
            {"protocol": "udp", "ports": ["53", "123"]},
        ),
        (
            Frontend(port_range="8000-8100"),
            {"ip_protocol": "TCP", "port_range": "8000-8100"},
            {"protocol": "tcp", "ports": ["8000-8100"]},
        ),
        (Frontend(all_ports=True), {"ip_protocol": "TCP", "all_ports": True}, {"protocol": "tcp"}),
        (
            Frontend(protocol="L3_DEFAULT", all_ports=True),
            {"ip_protocol": "L3_DEFAULT", "all_ports": True},
            {"protocol": "all"},
        ),
    ],
)
def test_a_frontend_becomes_a_forwarding_rule_and_the_firewall_rule_that_goes_with_it(
    frontend: Frontend, rule: dict[str, Any], firewall: dict[str, Any]
) -> None:
    assert frontend.forwarding_rule_arguments() == rule
    assert frontend.firewall_allow() == firewall


@pytest.mark.parametrize(("value", "zones", "size"), [(1, 3, 3), (2, 3, 30), ("20%", 3, 9)])
def test_surge_and_unavailability_that_a_regional_group_refuses(
    value: int | str, zones: int, size: int
) -> None:
    with pytest.raises(InvalidArgumentError, match=f"max_surge = {value!r}"):
        UpdatePolicy(max_surge=value).validate_for(zones=zones, smallest_size=size)
    with pytest.raises(InvalidArgumentError, match=f"max_unavailable = {value!r}"):
        UpdatePolicy(max_unavailable=value).validate_for(zones=zones, smallest_size=size)


@pytest.mark.parametrize(
    ("size", "smallest", "shape", "words"),
    [
        (1, 3, "ANY", "takes one version only"),
        ("10%", 3, "EVEN", "percentages need a group of 10 or more"),
        (3, 3, "EVEN", "all of them would be canaries"),
    ],
)
def test_a_canary_that_the_group_cannot_have(size: int | str, smallest: int, shape: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Canary(size=size, machine=Machine()).validate_for(smallest_size=smallest, shape=shape)
    Canary(size="10%", machine=Machine()).validate_for(smallest_size=10, shape="EVEN")


def test_surge_is_the_number_of_zones_unless_said() -> None:
    arguments = UpdatePolicy().resource_arguments(4)
    assert (arguments["max_surge_fixed"], arguments["max_unavailable_fixed"]) == (4, 0)
    assert UpdatePolicy(max_surge="20%").resource_arguments(4)["max_surge_percent"] == 20
    assert UpdatePolicy().surge(zones=3, size=10) == 3
    assert UpdatePolicy(max_surge="25%").surge(zones=3, size=10) == 3
    assert UpdatePolicy(max_surge=6).surge(zones=3, size=10) == 6


def test_a_schedule_may_not_ask_for_more_than_there_can_be() -> None:
    schedule = Schedule(schedule="0 8 * * MON-FRI", duration_sec=3600, min_required_replicas=11)
    with pytest.raises(
        InvalidArgumentError, match=r"schedules.day.min_required_replicas = 11: above max_replicas 10"
    ):
        ScalingPolicy(schedules={"day": schedule})


def test_every_autoscaler_signal_reaches_the_api() -> None:
    policy = ScalingPolicy(
        predictive_method="OPTIMIZE_AVAILABILITY",
        stabilization_period_sec=300,
        scale_in_control=ScaleInControl(time_window_sec=600, max_scaled_in_replicas="10%"),
        metrics=(MetricSignal(name="pubsub/undelivered", filter="x = y", single_instance_assignment=5.0),),
        schedules={"day": Schedule(schedule="0 8 * * MON-FRI", duration_sec=3600, min_required_replicas=5)},
    )
    assert policy.resource_arguments() == {
        "min_replicas": 3,
        "max_replicas": 10,
        "cooldown_period": 120,
        "mode": "ON",
        "cpu_utilization": {"target": 0.6, "predictive_method": "OPTIMIZE_AVAILABILITY"},
        "stabilization_period": 300,
        "scale_in_control": {"time_window_sec": 600, "max_scaled_in_replicas": {"percent": 10}},
        "metrics": [{"name": "pubsub/undelivered", "filter": "x = y", "single_instance_assignment": 5.0}],
        "scaling_schedules": [
            {
                "name": "day",
                "schedule": "0 8 * * MON-FRI",
                "duration_sec": 3600,
                "min_required_replicas": 5,
                "time_zone": "UTC",
            }
        ],
    }


def test_names_are_measured_with_everything_that_is_appended() -> None:
    longest = "a" * (63 - len("-x") - len("-1a2b3c4"))
    assert require_resource_name("service", longest, suffix="-x", automatic=True) == f"{longest}-x"
    with pytest.raises(
        InvalidArgumentError, match=r"would have 64 characters.*use a name of at most 53 characters"
    ):
        require_resource_name("service", longest + "a", suffix="-x", automatic=True)


@pytest.mark.parametrize("name", ["Web", "1web", "web-", "we_b", ""])
def test_names_that_google_does_not_take_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="rename it"):
        require_resource_name("service", name)


@pytest.mark.parametrize(("persistence", "tracking", "affinity", "stays"), CELLS)
def test_connections_can_be_tracked_and_persist_as_googles_table_has_it(
    persistence: str, tracking: str, affinity: str, stays: str | None
) -> None:
    fields: dict[str, Any] = {"tracking_mode": tracking, "session_affinity": affinity}

    def make() -> Balancing:
        return Balancing(**fields, persistence_on_unhealthy=persistence)  # type: ignore[arg-type]  # of the table

    if stays is None:
        with pytest.raises(InvalidArgumentError, match="does not go with PER_SESSION"):
            make()
    else:
        assert make().persistence_on_unhealthy == persistence
