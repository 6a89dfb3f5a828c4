"""A canary on the local cloud: a few instances get another version, and nobody else is touched, neither when it comes nor when it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def names(deployment: Deployment) -> set[str]:
    return {item["name"] for item in deployment.wait_until_healthy(3)}


def test_a_canary_replaces_one_instance_when_it_comes_and_when_it_goes(deploy: Deploy) -> None:
    deployment = deploy("canary", speed=10)
    deployment.make("up")
    before = names(deployment)

    deployment.configure(canary={"size": 1, "machine": {"machine_type": "e2-medium"}})
    deployment.make("up")
    during = names(deployment)
    assert len(during & before) == 2

    deployment.configure(canary=None)
    deployment.make("up")
    assert names(deployment) & during == before & during, "only the canary went"
    templates = deployment.api("/compute/v1/projects/local/global/instanceTemplates")["items"]
    assert len(templates) == 1
