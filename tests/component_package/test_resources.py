"""What the package's resources make: what the program makes, below a resource of their own, and outputs under the schema's names."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from component_package.provider import PackageProvider
from config_decoder import hints_of
from settings import Settings
from stack_file import as_engine_passes, committed_stacks, read_config
from tests.component_package.caller import written
from tests.components.recording import Recording, record

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_configuration_left() -> Iterator[None]:
    yield
    pulumi.runtime.set_all_config({}, [])


def construct(kind: str, inputs: dict[str, Any], *, known: bool = True) -> tuple[Recording, dict[str, Any]]:
    """Have the plugin make a resource called `web`; returns what it registered, and the outputs it answers with."""
    provider = PackageProvider()
    state: dict[str, Any] = {}

    def program() -> None:
        result = provider.construct("web", f"mig-nlb:index:{kind}", inputs)
        for name, value in result.state.items():
            pulumi.export(name, value)
        pulumi.export("urn", result.urn)

    made = record(program, known=known)
    state.update(made.exports)
    return made, state


@pytest.mark.parametrize("stack", committed_stacks())
def test_the_service_makes_what_the_program_makes_of_a_stacks_file(stack: str) -> None:
    config = read_config(stack)
    pulumi.runtime.set_all_config(as_engine_passes(config), [])
    program = record(lambda: runpy.run_path(str(ROOT / "__main__.py")))
    hints = hints_of(Settings)
    inputs = {
        key.partition(":")[2]: value
        for key, value in config.items()
        if key.startswith("mig-nlb:") and key != "mig-nlb:service"
    }
    sent = written(Settings, inputs)
    assert len(sent) == len(inputs) < len(hints)
    made, outputs = construct("Service", sent)

    def declared(recording: Recording) -> dict[tuple[str, str], Any]:
        return {
            (item.type, item.name): (item.wire, item.depends_on, item.property_dependencies)
            for item in recording.resources
            if item.custom
        }

    assert declared(made) == declared(program)
    assert {item.name: item.parent for item in made.resources if item.type == "mig-nlb:compute:Network"} == {
        "web": "web"
    }
    assert outputs["url"] == program.exports["url"]
    assert outputs["instanceGroup"] == program.exports["instance_group"]
    group = made.one("RegionInstanceGroupManager")
    assert outputs["group"].startswith("RegionInstanceGroupManager/")
    assert outputs["instanceTemplate"] == group.inputs["versions"][0]["instanceTemplate"]
    assert outputs["autohealingCheck"] == group.inputs["autoHealingPolicies"]["healthCheck"]
    assert outputs["balancerCheck"] == made.one("RegionBackendService").inputs["healthChecks"]
    assert outputs["serviceAccount"] == made.one("InstanceTemplate").inputs["serviceAccount"]["email"]
    checks = outputs["healthChecks"]
    assert checks["requiredRatio"] == program.exports["health_checks"]["required_ratio"]
    assert (
        checks["autohealing"]["detectionSec"]
        == program.exports["health_checks"]["autohealing"]["detection_sec"]
    )
    registered = {name for name, value in made.outputs["mig-nlb:index:Service"].items() if value is not None}
    assert registered == outputs.keys() - {"urn"}, "the state says what callers are answered"


TEMPLATE = {"machine": {"machineType": "e2-medium"}, "subnetwork": "s", "serviceAccount": "a@p"}


def test_what_another_resource_knows_later_is_taken_and_waited_for() -> None:
    def program() -> None:
        other = pulumi.CustomResource("test:index:Other", "other", {})
        another = pulumi.CustomResource("test:index:Other", "another", {})
        waited_for = pulumi.CustomResource("test:index:Other", "waited-for", {})
        PackageProvider().construct(
            "web",
            "mig-nlb:index:InstanceTemplate",
            {
                **TEMPLATE,
                "subnetwork": other.id,
                "startupMetadata": pulumi.Output.all(another.id).apply(lambda found: {"from": found[0]}),
                "waitFor": [waited_for.id, "a value of nobody's"],
            },
        )

    template = record(program).one("InstanceTemplate")
    assert template.inputs["metadata"]["from"] == "Other/another-1a2b3c4"
    assert template.inputs["metadata"]["enable-oslogin"] == "TRUE"
    assert template.depends_on >= {"other", "another", "waited-for"}
    template = record(program, known=False).one("InstanceTemplate")
    assert template.depends_on >= {"other", "another", "waited-for"}, (
        "at a first preview nothing of it is known"
    )


def test_resources_among_the_outputs_are_their_ids() -> None:
    made, outputs = construct(
        "Network",
        {
            "region": "europe-west1",
            "vpc": {},
            "healthChecks": {},
            "frontends": [{}],
            "firewall": {"clientRanges": ["10.0.0.0/8"]},
            "serviceAccount": "a@p",
        },
    )
    assert outputs["firewalls"] == ["Firewall/web-probes", "Firewall/web-clients"]
    assert made.outputs["mig-nlb:index:Network"]["firewalls"] == outputs["firewalls"]


def test_an_id_is_called_so_that_the_engine_keeps_it() -> None:
    made, outputs = construct(
        "Autoscaler", {"region": "europe-west1", "target": "t", "policy": {"minReplicas": 2.0}}
    )
    assert outputs == {"resourceId": "RegionAutoscaler/web", "urn": outputs["urn"]}
    assert made.outputs["mig-nlb:index:Autoscaler"] == {"resourceId": "RegionAutoscaler/web"}
    assert outputs["urn"].endswith("mig-nlb:index:Autoscaler::web")


def test_a_group_of_a_fixed_size_has_no_alert_for_its_largest() -> None:
    inputs = {
        "project": "p",
        "policy": {"alerts": True},
        "group": "g",
        "baseInstanceName": "web",
        "healthChecks": {},
    }
    assert len(construct("Monitoring", inputs)[1]["alerts"]) == 2
    assert len(construct("Monitoring", {**inputs, "maxReplicas": 3.0})[1]["alerts"]) == 3


def test_a_weak_pair_is_refused_as_the_program_refuses_it() -> None:
    weak = {"check_interval_sec": 2, "timeout_sec": 2, "unhealthy_threshold": 2}
    config = read_config("local") | {"mig-nlb:autohealing_check": weak, "mig-nlb:balancer_check": weak}
    with pytest.raises(ValueError, match="autohealing must be more conservative") as refusal:
        Settings.from_config(as_engine_passes(config))
    pulumi.runtime.set_all_config(as_engine_passes(config), [])
    inputs = {key.partition(":")[2]: value for key, value in config.items() if key.startswith("mig-nlb:")}
    with pytest.raises(pulumi.InputPropertyError) as shown:
        PackageProvider().construct("web", "mig-nlb:index:Service", written(Settings, inputs))
    assert shown.value.reason == str(refusal.value)
    assert shown.value.property_path == "mig-nlb:autohealing_check"
