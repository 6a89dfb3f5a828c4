"""Which group the doctor looks at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from scripts.diagnosis.google_api import CannotLookError, GoogleApi
from scripts.diagnosis.stack import group_of

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {
    "gcp:project": {"value": "p", "secret": False},
    "gcp:region": {"value": "r", "secret": False},
    "mig-nlb:service": {"value": "web", "secret": False},
    "mig-nlb:group": {"value": "{}", "secret": False, "objectValue": {"zones": ["r-b"]}},
}


def engine(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    outputs: dict[str, Any],
    **settings: Any,  # noqa: ANN401 - JSON
) -> None:
    """Put an engine on PATH that has a stack with these outputs and further settings."""
    config = CONFIG | {
        f"mig-nlb:{key}": {"value": "", "objectValue": value} for key, value in settings.items()
    }
    (folder / "stack.json").write_text(json.dumps(outputs))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "pulumi").write_text(f'#!/bin/sh\nexec cat "{folder}/$1.json"\n')
    (folder / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@dataclass(frozen=True, kw_only=True)
class Groups(GoogleApi):
    """An API that has group managers: when each was made, by its name."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    made: Mapping[str, str] = field(default_factory=dict)

    def items(self, service: str, path: str, field: str = "items", *, by_post: bool = False) -> list[Any]:
        assert (service, field, by_post) == ("compute", "items", False)
        return [
            {"name": name, "creationTimestamp": at, "selfLink": f"https://c/v1/{path}/{name}"}
            for name, at in self.made.items()
        ]


def test_a_stacks_output_names_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(tmp_path, monkeypatch, {"instance_group": "the-link"})
    assert group_of("dev", Groups()) == "the-link"


def test_while_the_first_deployment_is_under_way_the_newest_of_the_services_groups_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(tmp_path, monkeypatch, {})
    there = Groups(
        made={"web-group-1": "2026-01-01", "web-group-2": "2026-01-02", "website-group-3": "2026-01-03"}
    )
    assert group_of("dev", there).endswith("/projects/p/regions/r/instanceGroupManagers/web-group-2")
    with pytest.raises(CannotLookError, match="the stack dev has no output instance_group; deploy it first"):
        group_of("dev", Groups(made={"website-group-3": "2026-01-03"}))


def test_a_zonal_group_is_looked_for_in_its_zone_and_a_named_one_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(tmp_path, monkeypatch, {}, group={"zones": ["r-b"], "scope": "ZONAL"}, names={"group": "mine"})
    assert group_of("dev", Groups(made={"mine": "2026"})).endswith(
        "/projects/p/zones/r-b/instanceGroupManagers/mine"
    )
