"""The program as a whole, per committed stack: what it makes, in which order, and what it says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from components.invalid_argument import InvalidArgumentError
from stack_file import as_engine_passes, committed_stacks, read_config
from tests.components.recording import Recording, record
from tests.golden.inventory import assert_inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
STACKS = committed_stacks()
SERVED = {
    *(f"gcp:compute/{name[0].lower()}{name[1:]}:{name}" for name in (
        "Network", "Subnetwork", "Firewall", "Router", "RouterNat", "Address", "HealthCheck", "RegionHealthCheck", "InstanceTemplate",
        "RegionInstanceGroupManager", "RegionAutoscaler", "RegionBackendService", "ForwardingRule")),
    *(f"gcp:storage/{name[0].lower()}{name[1:]}:{name}" for name in ("Bucket", "BucketObject", "BucketIAMMember")),
    "gcp:serviceaccount/account:Account", "gcp:serviceaccount/iAMMember:IAMMember", "gcp:projects/iAMMember:IAMMember",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_configuration_left() -> Iterator[None]:
    yield
    pulumi.runtime.set_all_config({}, [])


def run(config: dict[str, Any], *, known: bool = True) -> Recording:
    """Run the program with this configuration."""
    pulumi.runtime.set_all_config(as_engine_passes(config), [])
    return record(lambda: runpy.run_path(str(ROOT / "__main__.py")), known=known)


@pytest.mark.parametrize("stack", STACKS)
def test_every_committed_stack_makes_what_its_inventory_says(stack: str) -> None:
    made = run(read_config(stack))
    assert_inventory(f"stack-{stack}", made.inventory())
    assert made.warnings == []
    assert {item.type for item in made.resources if item.custom} <= SERVED


@pytest.mark.parametrize("stack", STACKS)
def test_a_first_preview_shows_everything_though_nothing_is_known_yet(stack: str) -> None:
    names = {(item.type, item.name) for item in run(read_config(stack)).resources}
    assert {(item.type, item.name) for item in run(read_config(stack), known=False).resources} == names


@pytest.mark.parametrize("stack", STACKS)
def test_a_first_preview_is_what_the_policy_packs_tests_judge(stack: str) -> None:
    assert_inventory(f"preview-{stack}", run(read_config(stack), known=False).first_preview())


def test_the_outputs_say_where_the_service_answers_and_how_fast_each_check_is() -> None:
    outputs = run(read_config("local")).exports
    assert outputs.keys() == {"url", "address", "instance_group", "health_checks"}
    assert (outputs["url"], outputs["address"]) == ("http://203.0.113.5:8080", "203.0.113.5")
    assert outputs["instance_group"].endswith("/instanceGroups/web-group-1a2b3c4")
    checks = outputs["health_checks"]
    assert checks["balancer"]["detection_sec"] == {"min": 4, "max": 6}
    assert checks["autohealing"]["detection_sec"] == {"min": 27, "max": 30}
    assert (checks["ratio"], checks["required_ratio"]) == (6.75, 3)


def test_no_instance_boots_before_it_may_fetch_its_script_and_be_probed() -> None:
    template = run(read_config("local")).one("InstanceTemplate")
    assert template.depends_on >= {
        "web-bucket-storage.objectViewer",
        "web-project-logging.logWriter",
        "web-startup.sh",
        "web-service.py",
        "web-probes",
        "web-clients",
        "web-subnetwork",
        "web-account",
    }


def test_equal_checks_make_no_resource_at_all() -> None:
    config = read_config("local")
    config["mig-nlb:autohealing_check"] = config["mig-nlb:balancer_check"]
    pulumi.runtime.set_all_config(as_engine_passes(config), [])
    registered: list[object] = []

    def program() -> None:
        with pytest.raises(
            InvalidArgumentError, match=r"mig-nlb:autohealing_check = .*ratio 4 s / 4 s = 1, required 3"
        ):
            runpy.run_path(str(ROOT / "__main__.py"))

    registered += record(program).resources
    assert registered == []


def test_equal_checks_with_the_guard_off_are_made_with_a_warning() -> None:
    config = read_config("local")
    config["mig-nlb:autohealing_check"] = config["mig-nlb:balancer_check"]
    config["mig-nlb:health_check_guard"] = "off"
    made = run(config)
    (warning,) = made.warnings
    assert "health_check_guard is off" in warning
    assert made.named("web-autohealing").inputs["unhealthyThreshold"] == 2


def test_without_the_bucket_binding_everything_else_stays() -> None:
    config = read_config("local")
    del config["mig-nlb:iam"]["bucket"]
    made = run(config)
    (warning,) = made.warnings
    assert "they get 403" in warning
    assert "bind roles/storage.objectViewer in mig-nlb:iam bucket" in warning
    assert made.of("BucketIAMMember") == []
    assert len(made.of("InstanceTemplate")) == 1


def test_a_canary_is_a_second_version_from_a_template_of_its_own() -> None:
    config = read_config("dev")
    config["mig-nlb:canary"] = {
        "size": 1,
        "machine": {"machine_type": "e2-medium"},
        "startup": {"text": "#!/bin/sh\n"},
    }
    made = run(config)
    usual, canary = made.named("web-template"), made.named("web-canary-template")
    assert canary.inputs["machineType"] == "e2-medium"
    assert canary.inputs["metadata"]["startup-script"] == "#!/bin/sh\n"
    assert "startup-script" not in usual.inputs["metadata"]
    assert canary.depends_on >= {"web-bucket-storage.objectViewer", "web-probes"}
    assert made.one("RegionInstanceGroupManager").inputs["versions"] == [
        {
            "instanceTemplate": "projects/p/global/instanceTemplates/web-template-1a2b3c4?uniqueId=1",
        },
        {
            "name": "canary",
            "instanceTemplate": "projects/p/global/instanceTemplates/web-canary-template-1a2b3c4?uniqueId=1",
            "targetSize": {"fixed": 1},
        },
    ]


def test_what_is_imported_keeps_its_name_and_everything_else_is_named_as_ever() -> None:
    one = (
        "network",
        "subnetwork",
        "router",
        "nat",
        "template",
        "group",
        "autohealing_check",
        "autoscaler",
        "address",
        "address_ipv6",
    )
    names = {key: f"their-{key.replace('_', '-')}" for key in (*one, "balancer_check", "backend_service")}
    config = read_config("dev") | {
        "mig-nlb:network": {"nat": True},
        "mig-nlb:load_balancer": {"frontends": {"main": {}, "six": {"ip_version": "IPV6"}}},
        "mig-nlb:canary": {"size": 1, "machine": {"spot": True}},
    }
    usual = run(config)
    config["mig-nlb:names"] = {
        **names,
        "firewalls": {"probes": "their-probes", "ssh": "their-ssh"},
        "forwarding_rules": {"main": "their-rule"},
    }
    taken = run(config)
    before, after = usual.inventory(), taken.inventory()
    assert before.keys() == after.keys()
    renamed = {
        key.split()[1]: after[key]["name"]
        for key in before
        if before[key].get("name") != after[key].get("name")
    }
    assert sorted(renamed.values()) == sorted([*names.values(), "their-probes", "their-ssh", "their-rule"])
    assert renamed["web-main"] == "their-rule"
    assert (renamed["web-probes"], renamed["web-group"]) == ("their-probes", "their-group")
    assert "namePrefix" not in taken.named("web-template").inputs
    assert taken.named("web-canary-template").inputs["namePrefix"] == "web-canary-"


def test_a_canarys_files_stand_beside_the_others_in_a_folder_of_their_own() -> None:
    config = read_config("dev")
    config["mig-nlb:canary"] = {
        "size": 1,
        "machine": {"spot": True},
        "startup": config["mig-nlb:startup"],
    }
    made = run(config)
    assert len(made.of("Bucket")) == 1
    assert {item.inputs["name"] for item in made.of("BucketObject")} == {
        *("startup.sh", "service.py"),
        *("canary/startup.sh", "canary/service.py"),
    }
    assert {item.inputs["bucket"] for item in made.of("BucketObject")} == {"web-scripts-1a2b3c4"}
    usual, canary = made.named("web-template"), made.named("web-canary-template")
    assert canary.inputs["metadata"]["startup-script-url"] == "gs://web-scripts-1a2b3c4/canary/startup.sh"
    assert canary.depends_on >= {
        "web-canary-startup.sh",
        "web-canary-service.py",
        "web-bucket-storage.objectViewer",
    }
    assert canary.inputs["machineType"] == usual.inputs["machineType"]
    config["mig-nlb:canary"]["startup"] = {**config["mig-nlb:startup"], "bucket": "theirs"}
    assert {item.inputs["bucket"] for item in run(config).of("BucketObject")} == {
        "web-scripts-1a2b3c4",
        "theirs",
    }


def test_a_zonal_group_of_a_fixed_size_with_a_regional_template() -> None:
    config = read_config("dev") | {
        "mig-nlb:group": {"zones": ["europe-west1-b"], "scope": "ZONAL", "target_size": 2},
        "mig-nlb:template_scope": "REGIONAL",
        "mig-nlb:autohealing_check_id": "their-check",
        "mig-nlb:balancer_check_id": "their-other-check",
    }
    made = run(config)
    group = made.one("InstanceGroupManager")
    assert (group.inputs["zone"], group.inputs["targetSize"]) == ("europe-west1-b", 2)
    assert group.inputs["autoHealingPolicies"]["healthCheck"] == "their-check"
    template = "projects/p/regions/europe-west1/instanceTemplates/web-template-1a2b3c4"
    assert group.inputs["versions"] == [{"instanceTemplate": template}]
    assert made.of("Autoscaler") == made.of("RegionAutoscaler") == []
    (backend,) = made.one("RegionBackendService").inputs["backends"]
    assert backend["group"].endswith("/zones/europe-west1-b/instanceGroups/web-group-1a2b3c4")
    assert made.of("HealthCheck") == made.of("RegionHealthCheck") == []


def test_a_zonal_group_has_a_zonal_autoscaler() -> None:
    config = read_config("dev") | {
        "mig-nlb:group": {"zones": ["europe-west1-b"], "scope": "ZONAL"},
    }
    assert run(config).one("Autoscaler").inputs["zone"] == "europe-west1-b"


def test_alerts_and_dashboard_are_made_where_asked_for() -> None:
    made = run(read_config("prod") | {"mig-nlb:monitoring": {"alerts": True, "dashboard": True}})
    assert {item.name for item in made.of("AlertPolicy")} == {
        "web-unhealthy",
        "web-recreated",
        "web-at-maximum",
    }
    (full,) = made.named("web-at-maximum").inputs["conditions"]
    assert full["conditionThreshold"]["thresholdValue"] == 29
    assert '"web-group-1a2b3c4"' in full["conditionThreshold"]["filter"]
    assert made.one("Dashboard").property_dependencies["dashboardJson"] == {"web-group"}


def test_a_frontend_over_ipv6_reaches_from_the_subnetwork_to_the_outputs() -> None:
    frontends = {"main": {}, "main-v6": {"ip_version": "IPV6"}}
    made = run(read_config("dev") | {"mig-nlb:load_balancer": {"frontends": frontends}})
    assert made.one("Subnetwork").inputs["ipv6AccessType"] == "EXTERNAL"
    (interface,) = made.one("InstanceTemplate").inputs["networkInterfaces"]
    assert interface["stackType"] == "IPV4_IPV6"
    assert {rule.inputs.get("ipVersion") for rule in made.of("ForwardingRule")} == {None, "IPV6"}
    assert (made.exports["address"], made.exports["address_ipv6"]) == ("203.0.113.5", "2001:db8::5")
    assert made.exports["url"] == "http://203.0.113.5:8080"


def test_an_existing_project_is_used_instead_of_making_things_again() -> None:
    config = read_config("dev") | {
        "mig-nlb:network": {"network": "their-network", "subnetwork": "their-subnetwork"},
        "mig-nlb:identity": {"email": "theirs@p.iam.gserviceaccount.com"},
        "mig-nlb:startup": {"url": "gs://theirs/startup.sh", "version": "3"},
        "mig-nlb:machine": {"image": "projects/p/global/images/theirs"},
        "mig-nlb:address": "203.0.113.99",
    }
    made = run(config)
    for kind in ("Network", "Subnetwork", "Account", "Bucket", "BucketObject", "Address"):
        assert made.of(kind) == [], kind
    assert made.one("ForwardingRule").inputs["ipAddress"] == "203.0.113.99"
    assert made.one("InstanceTemplate").inputs["disks"][0]["sourceImage"] == "projects/p/global/images/theirs"
    assert made.one("BucketIAMMember").inputs["bucket"] == "theirs"
    assert made.exports["url"] == "http://203.0.113.99:8080"
