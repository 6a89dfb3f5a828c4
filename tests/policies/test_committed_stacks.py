"""Every committed stack, as the program declares it on a first preview, is found sound under its own configuration of the pack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mig_policies.configuration import load
from mig_policies.housekeeping import CONFIG_FOLDER

from tests.policies import engine
from tests.policies.engine import Declared, analyze

# Written by tests/test_program.py, where the program can run; in this environment it cannot.
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STACKS = sorted(path.stem.removeprefix("preview-") for path in GOLDEN.glob("preview-*.json"))


def declared(stack: str) -> list[Declared]:
    found = json.loads((GOLDEN / f"preview-{stack}.json").read_text("utf-8"))
    return [Declared(name=name, **item) for name, item in found.items()]


def configuration(stack: str) -> dict[str, Any]:
    path = CONFIG_FOLDER / f"{stack}.json"
    return dict(load(path)) if path.is_file() else {}


def test_every_stack_of_the_cloud_has_a_configuration_of_the_pack() -> None:
    assert STACKS == ["dev", "local", "prod", "staging"]
    assert [stack for stack in STACKS if configuration(stack)] == ["dev", "prod", "staging"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_gives_the_pack_nothing_to_say(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STACK", stack)
    report = analyze(declared(stack), configuration(stack))
    assert report.findings == ()
    assert report.account, "it was judged"


def test_the_same_stack_with_two_equal_checks_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STACK", "prod")
    resources = {item.name: item for item in declared("prod")}
    names = ("checkIntervalSec", "timeoutSec", "unhealthyThreshold")
    resources["web-autohealing"].inputs |= {name: resources["web-balancer"].inputs[name] for name in names}
    assert "HC02" in analyze(list(resources.values()), configuration("prod")).violated
