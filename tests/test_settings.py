"""Settings: what is read, what is refused and in which words, and that the page about them is true."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from components.invalid_argument import InvalidArgumentError
from components.machine import ImageFamily
from components.network import ExistingVpc
from components.scaling_policy import ScaleInControl, ScalingPolicy
from components.startup_script import InlineScript, ScriptUrl
from environments import ENVIRONMENTS
from localcloud.plans import quotas
from settings import Settings
from stack_file import as_engine_passes, committed_stacks, read_config, read_document
from tests.configuration_table import HEADING, PAGE, table

if TYPE_CHECKING:
    from pathlib import Path

LEAST: dict[str, Any] = {
    "gcp:project": "p",
    "gcp:region": "europe-west1",
    "mig-nlb:service": "web",
    "mig-nlb:startup": {"script": "scripts/startup.sh"},
    "mig-nlb:group": {"zones": ["europe-west1-b", "europe-west1-c", "europe-west1-d"]},
}


def settings(**changes: Any) -> Settings:  # noqa: ANN401 - whatever YAML holds
    """Return the least settings with these keys changed; None takes a key away."""
    values = LEAST | {f"mig-nlb:{key}": value for key, value in changes.items()}
    return Settings.from_config(
        as_engine_passes({key: value for key, value in values.items() if value is not None})
    )


def test_four_lines_are_a_stack_and_the_rest_has_defaults_for_production() -> None:
    least = settings()
    assert least.machine.image == ImageFamily(family="debian-12", project="debian-cloud")
    assert not least.machine.external_address
    assert least.autoscaler is not None
    assert (least.autoscaler.min_replicas, least.autoscaler.cpu_target) == (3, 0.6)
    assert least.health_checks.ratio == 15
    assert least.firewall.client_ranges == ()
    assert least.iam.project == {}


@pytest.mark.parametrize("stack", committed_stacks())
def test_every_committed_stack_parses(stack: str) -> None:
    assert Settings.from_config(as_engine_passes(read_config(stack))).service == "web"


def test_an_environments_defaults_stand_where_the_file_says_nothing_and_the_file_goes_before_them() -> None:
    dev = settings(environment="dev", autoscaler={"min_replicas": 4})
    assert dev.autoscaler is not None
    assert (dev.autoscaler.min_replicas, dev.autoscaler.max_replicas) == (4, 6)
    assert dev.autoscaler.scale_in_control == ScaleInControl(time_window_sec=600, max_scaled_in_replicas=1)
    assert settings(environment="prod").machine.machine_type == "e2-standard-2"
    assert settings(autoscaler={"min_replicas": 4}).autoscaler == ScalingPolicy(min_replicas=4)


def test_every_environment_works_as_it_is_and_has_a_committed_stack() -> None:
    assert set(ENVIRONMENTS) == set(committed_stacks())
    for name in ENVIRONMENTS:
        assert settings(environment=name).environment == name
        assert read_config(name)["mig-nlb:environment"] == name


def test_production_is_nowhere_laxer_than_staging_nor_staging_than_development() -> None:
    dev, staging, prod = (
        Settings.from_config(as_engine_passes(read_config(stack))) for stack in ("dev", "staging", "prod")
    )
    for laxer, stricter in ((dev, staging), (staging, prod)):
        assert stricter.health_checks.ratio >= laxer.health_checks.ratio
        assert stricter.autohealing_check.window_sec >= laxer.autohealing_check.window_sec
        assert stricter.smallest_size >= laxer.smallest_size
        assert stricter.update.min_ready_sec >= laxer.update.min_ready_sec
        assert stricter.load_balancer.draining_sec >= laxer.load_balancer.draining_sec
        assert len(stricter.group.zones) >= len(laxer.group.zones)
        assert set(stricter.firewall.ssh_ranges) <= set(laxer.firewall.ssh_ranges)
        assert stricter.health_check_guard == "on"


def test_the_local_stack_fits_into_a_new_projects_quotas_at_its_largest_and_while_it_is_updated() -> None:
    local = Settings.from_config(as_engine_passes(read_config("local")))
    assert local.autoscaler is not None
    surge = local.update.max_surge if local.update.max_surge is not None else len(local.group.zones)
    most = local.autoscaler.max_replicas + int(surge)
    limits = quotas.NEW_PROJECT["region"]
    assert most <= limits["INSTANCES"]
    assert most * quotas.cpus(local.machine.machine_type) <= limits["CPUS"]


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_stacks_on_google_cloud_never_point_at_a_local_endpoint(stack: str) -> None:
    config = read_config(stack)
    assert {key for key in config if key.startswith("gcp:")} == {"gcp:project", "gcp:region"}
    assert "127.0.0.1" not in str(config)
    assert "encryptionsalt" not in read_document(stack)


def test_a_check_keeps_its_own_defaults_where_the_stack_says_nothing() -> None:
    some = settings(balancer_check={"check_interval_sec": 4}, autohealing_check={"unhealthy_threshold": 6})
    assert (some.balancer_check.check_interval_sec, some.balancer_check.timeout_sec) == (4, 3)
    assert (some.autohealing_check.check_interval_sec, some.autohealing_check.unhealthy_threshold) == (30, 6)


def test_alternatives_are_told_apart_by_their_keys() -> None:
    assert settings(startup={"url": "gs://bucket/o"}).startup == ScriptUrl(url="gs://bucket/o")
    assert settings(startup={"text": "#!/bin/sh\n"}).startup == InlineScript(text="#!/bin/sh\n")
    assert settings(network={"network": "n", "subnetwork": "s"}).network == ExistingVpc(
        network="n", subnetwork="s"
    )
    assert (
        settings(machine={"image": "projects/p/global/images/i"}).machine.image
        == "projects/p/global/images/i"
    )
    assert settings(machine={"image": {"family": "f", "project": "p"}}).machine.image == ImageFamily(
        family="f", project="p"
    )


def test_a_group_of_a_fixed_size_has_no_autoscaler_even_where_the_environment_has_one() -> None:
    fixed = settings(environment="dev", group=LEAST["mig-nlb:group"] | {"target_size": 4})
    assert (fixed.autoscaler, fixed.smallest_size) == (None, 4)


def test_numbers_may_be_whole_and_nested_ones_are_typed() -> None:
    assert settings(health_check_min_ratio=4).health_check_min_ratio == 4.0
    assert settings(update={"max_surge": "50%"}, autoscaler={"min_replicas": 10}).update.max_surge == "50%"


def test_text_that_can_only_be_a_number_or_a_truth_is_one() -> None:
    # `pulumi config set --path 'mig-nlb:autoscaler.cpu_target' 0.4` writes the text "0.4".
    found = settings(
        autoscaler={"cpu_target": "0.4", "max_replicas": "12", "metrics": [{"name": "m", "target": "-1e3"}]},
        machine={"spot": "true", "vtpm": "false", "integrity_monitoring": "false", "metadata": {"a": "7"}},
        load_balancer={"frontends": {"main": {"ports": ["8080", 8081]}}, "log_sample_rate": "1"},
        group=LEAST["mig-nlb:group"] | {"named_ports": {"http": "8080"}},
        health_check_min_ratio="3.5",
    )
    assert found.autoscaler is not None
    assert (found.autoscaler.cpu_target, found.autoscaler.max_replicas) == (0.4, 12)
    assert found.autoscaler.metrics[0].target == -1000
    assert (found.machine.spot, found.machine.vtpm, found.machine.metadata) == (True, False, {"a": "7"})
    assert found.load_balancer.frontends["main"].ports == (8080, 8081)
    assert found.load_balancer.log_sample_rate == 1
    assert found.group.named_ports == {"http": 8080}
    assert found.health_check_min_ratio == 3.5


def test_an_autoscaled_group_may_be_balanced_without_redistribution() -> None:
    shape = LEAST["mig-nlb:group"] | {"target_shape": "BALANCED"}
    found = settings(group=shape, update={"instance_redistribution_type": "NONE"})
    assert found.autoscaler is not None


def test_a_canarys_machine_is_the_others_but_for_what_it_says() -> None:
    found = settings(
        machine={"machine_type": "e2-standard-4", "labels": {"a": "b"}, "disk_size_gb": 30},
        canary={"size": 1, "machine": {"disk_size_gb": 40, "metadata": {"flag": "on"}}},
    )
    assert found.canary is not None
    assert found.canary.machine == replace(found.machine, disk_size_gb=40, metadata={"flag": "on"})
    staging = settings(environment="staging", canary={"size": 1, "machine": {"spot": True}})
    assert staging.canary is not None
    assert staging.canary.machine == replace(staging.machine, spot=True)
    assert staging.machine.machine_type == "e2-standard-2"


@pytest.mark.parametrize("name", ["project", "region"])
def test_the_providers_own_settings_are_required(name: str) -> None:
    values = {key: value for key, value in as_engine_passes(LEAST).items() if key != f"gcp:{name}"}
    with pytest.raises(InvalidArgumentError, match=f"run pulumi config set gcp:{name} VALUE"):
        Settings.from_config(values)


def test_a_zone_in_place_of_the_region_is_refused_as_that() -> None:
    values = as_engine_passes(LEAST | {"gcp:region": "europe-west1-b"})
    with pytest.raises(
        InvalidArgumentError,
        match=r"gcp:region = 'europe-west1-b': this is a zone. Fix: write its region, europe-west1\.",
    ):
        Settings.from_config(values)


@pytest.mark.parametrize("key", ["mignlb:machine", "mig_nlb:machine", "mig-nbl:machine", "machine"])
def test_a_key_with_another_beginning_is_not_passed_over(key: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{key} = .* Fix: write mig-nlb:machine"):
        Settings.from_config(as_engine_passes(LEAST | {key: {"machine_type": "e2-small"}}))


def test_what_providers_read_is_theirs() -> None:
    assert Settings.from_config(as_engine_passes(LEAST | {"gcp:zone": "z", "aws:region": "r"})) == settings()


def test_a_secret_setting_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    values = as_engine_passes(LEAST | {"mig-nlb:machine": {"metadata": {"token": "hunter2"}}})
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(values))
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["mig-nlb:machine", "gcp:accessToken"]))
    with pytest.raises(InvalidArgumentError, match="Secret Manager") as refusal:
        Settings.from_stack()
    assert "hunter2" not in str(refusal.value)


def test_the_stack_is_read_from_what_the_engine_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi.runtime.set_all_config({}, [])
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(as_engine_passes(LEAST)))
    assert Settings.from_stack() == settings()


def test_the_page_about_configuration_has_every_key_as_it_is() -> None:
    assert PAGE.read_text("utf-8").endswith(f"{HEADING}\n{table()}"), (
        "write it anew: python -m tests.configuration_table"
    )


def test_every_key_is_explained() -> None:
    unexplained = [line.split("`")[1] for line in table().splitlines() if line.endswith("|  |")]
    assert unexplained == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config:\n\tgcp:project: p\n", "Pulumi.odd.yaml is no YAML: line 2, column 1: found character"),
        ("config:\n    a: 1\n  b: 2\n", "is no YAML: line 3, column 3: "),
        ("config: \x01\n", "is no YAML: .*special characters are not allowed"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "Pulumi.odd.yaml").write_text(text)
    with pytest.raises(InvalidArgumentError, match=words):
        read_document("odd", tmp_path)


def test_a_stacks_file_is_read_as_the_engine_reads_it(tmp_path: Path) -> None:
    values = "[true, True, FALSE, on, off, yes, no, y, trueblue, falsework]"
    (tmp_path / "Pulumi.odd.yaml").write_text(f"config: {{a: {values}}}\n")
    found = read_document("odd", tmp_path)["config"]["a"]
    words = ["on", "off", "yes", "no", "y", "trueblue", "falsework"]
    assert found == [True, True, False, *words]
    assert [type(each) for each in found] == [bool] * 3 + [str] * 7
