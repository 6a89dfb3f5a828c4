"""Deployments for the end-to-end proofs. Each has a folder and a cloud of its own; the user's is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment
from tests.localcloud.conftest import clouds_end_with_the_tests

__all__ = ["clouds_end_with_the_tests"]

Deploy = Callable[..., Deployment]


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    """Return a function that makes a deployment (not yet up); all are stopped with their module, as they go on probing."""
    made: list[Deployment] = []

    def make(name: str, speed: float = 10, env: Mapping[str, str] | None = None) -> Deployment:
        deployment = Deployment(Path(tmp_path_factory.mktemp(name)), speed, env)
        made.append(deployment)
        return deployment

    yield make
    for deployment in made:
        deployment.close()


@pytest.fixture(scope="module")
def service(deploy: Deploy) -> Deployment:
    """The service as committed, deployed by `make up`, with all of its instances healthy for both checks."""
    deployment = deploy("service", speed=5)
    deployment.make("up")
    deployment.wait_until_healthy(3)
    return deployment
