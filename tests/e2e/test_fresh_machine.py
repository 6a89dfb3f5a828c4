"""A machine that has nothing of ours: engine and environments come from package registries, then `make up` ends with the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Deploy

# It builds the engine: some minutes of work, and the registries have to be there.
pytestmark = [pytest.mark.e2e, pytest.mark.campaign]

HALF_AN_HOUR = 1800


def test_with_empty_caches_make_up_ends_with_the_address(deploy: Deploy, tmp_path: Path) -> None:
    nothing = {
        "HOME": "home",
        "MIG_NLB_CACHE": "cache",
        "XDG_CACHE_HOME": "xdg-cache",
        "XDG_STATE_HOME": "state",
        "GOPATH": "go",
    }
    empty = {name: str(tmp_path / folder) for name, folder in nothing.items()}
    for folder in empty.values():
        (tmp_path / folder).mkdir()
    deployment = deploy("fresh", env={**empty, "GOMODCACHE": "", "GOCACHE": ""})
    printed = deployment.make("up", timeout=HALF_AN_HOUR)
    assert f"\n{deployment.url()}\n" in printed
    assert deployment.get()["instance"].startswith("web-")
    assert "unchanged" in deployment.make("up")
    assert not (tmp_path / "cache").stat().st_mode & 0o022, (
        "what all users run may not be written by all users"
    )
