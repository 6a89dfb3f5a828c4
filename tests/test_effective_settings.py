"""`make settings`: every setting once, with where it came from, and refusals as the program's own."""

from __future__ import annotations

import json

import pytest

from components.balancing import Balancing, Failover
from components.invalid_argument import InvalidArgumentError
from effective_settings import _shown, effective_settings, main
from environments import EnvironmentDefaults
from stack_file import committed_stacks, read_config
from tests.test_settings import LEAST


def origins(**changes: object) -> dict[str, tuple[object, str]]:
    config = LEAST | {f"mig-nlb:{key}": value for key, value in changes.items()}
    return {
        item.key.removeprefix("mig-nlb:"): (item.value, item.origin) for item in effective_settings(config)
    }


def test_a_value_is_of_the_file_of_the_environment_or_of_the_components() -> None:
    found = origins(environment="prod", autoscaler={"max_replicas": 40})
    assert found["autoscaler.max_replicas"] == (40, "stack file")
    assert found["autoscaler.min_replicas"] == (6, "prod environment")
    assert found["autoscaler.cpu_target"] == (0.6, "default")
    assert found["machine.machine_type"] == ("e2-standard-2", "prod environment")
    assert found["group.target_shape"] == ("EVEN", "default")


def test_without_an_environment_there_are_file_and_defaults_only() -> None:
    assert {origin for _, origin in origins().values()} == {"stack file", "default"}


def test_a_value_of_the_file_is_the_files_even_where_it_says_what_holds_anyway() -> None:
    assert origins(autoscaler={"cpu_target": 0.6})["autoscaler.cpu_target"] == (0.6, "stack file")


def test_a_section_within_a_section_is_the_files_as_a_whole() -> None:
    found = origins(environment="local", load_balancer={"frontends": {"dns": {"protocol": "UDP"}}})
    assert found["load_balancer.frontends.dns.protocol"] == ("UDP", "stack file")
    assert found["load_balancer.frontends.dns.all_ports"] == (False, "default")
    assert found["load_balancer.draining_sec"] == (5, "local environment")
    assert "load_balancer.frontends.main.protocol" not in found


def test_what_such_a_section_leaves_out_is_the_components_default_not_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropping = EnvironmentDefaults(load_balancer=Balancing(failover=Failover(drop_traffic_if_unhealthy=True)))
    monkeypatch.setattr("settings.ENVIRONMENTS", {"dev": dropping})
    key = "load_balancer.failover.drop_traffic_if_unhealthy"
    assert origins(environment="dev")[key] == (True, "dev environment")
    said = {"failover": {"disable_connection_drain": True}}
    assert origins(environment="dev", load_balancer=said)[key] == (False, "default")


def test_what_the_program_would_refuse_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="an unknown key"):
        origins(servise="web")
    with pytest.raises(InvalidArgumentError, match="Secret Manager"):
        origins(address={"secure": "v1:abc"})


@pytest.mark.parametrize("stack", committed_stacks())
def test_it_prints_every_committed_stack_with_what_the_checks_amount_to(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([stack]) == 0
    printed = capsys.readouterr().out
    assert f"{stack} environment" in printed
    assert "balancer stops sending after" in printed.splitlines()[-1]
    assert main([stack, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gcp:project"] == {"value": read_config(stack)["gcp:project"], "origin": "stack file"}


def test_a_stack_without_a_file_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["production"]) == 1
    assert "use one of dev, local, prod, staging" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("word", "word"),
        ("", '""'),
        ("two\nlines", '"two\\nlines"'),
        (0.6, "0.6"),
        (False, "false"),
        (("a", "ü"), '["a", "ü"]'),
    ],
)
def test_every_value_is_shown_on_a_line_of_its_own(value: object, shown: str) -> None:
    assert _shown(value) == shown
