"""Quotas: what is used is counted as it comes and goes, one too many is refused in Google's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localcloud.api.quotas import from_environment
from localcloud.plans import quotas
from tests.localcloud.api.client import PROJECT, REGION, Api, global_path, region_path
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import INSTANCE, add_instance, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = f"/compute/v1/projects/{PROJECT}"


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path, quotas=quotas.NEW_PROJECT)
    yield made
    made.close()


def used(api: Api, path: str) -> dict[str, float]:
    """Return what is used of each quota, as far as anything is."""
    return {each["metric"]: each["usage"] for each in api.get(path)["quotas"] if each["usage"]}


def test_usage_follows_what_there_is(limited: Api) -> None:
    build(limited)
    assert used(limited, BASE) == {
        "NETWORKS": 1,
        "SUBNETWORKS": 1,
        "FIREWALLS": 1,
        "HEALTH_CHECKS": 2,
        "INSTANCE_TEMPLATES": 1,
    }
    expected = {
        "EXTERNAL_NETWORK_LB_FORWARDING_RULES": 1,
        "INSTANCE_GROUPS": 1,
        "IN_USE_ADDRESSES": 1,
        "REGIONAL_EXTERNAL_NETWORK_LB_BACKEND_SERVICES": 1,
        "REGIONAL_INSTANCE_GROUP_MANAGERS": 1,
        "STATIC_ADDRESSES": 1,
    }
    region = f"{BASE}/regions/{REGION}"
    assert used(limited, region) == expected
    add_instance(limited)
    machine = f"{BASE}/zones/{REGION}-b/machineTypes/e2-standard-4"
    put(limited, INSTANCE, {**(limited.store.get(INSTANCE) or {}), "machineType": machine})
    assert used(limited, region) == {**expected, "INSTANCES": 1, "CPUS": 4}
    put(limited, INSTANCE, None)
    limited.call("DELETE", region_path("forwardingRules/web"))
    limited.reopen()
    left = used(limited, region)
    assert "CPUS" not in left
    assert "IN_USE_ADDRESSES" not in left


@pytest.mark.parametrize(
    ("path", "body", "limit", "words"),
    [
        (
            global_path("networks"),
            {"autoCreateSubnetworks": False},
            5,
            "'NETWORKS' exceeded.  Limit: 5.0 globally.",
        ),
        (
            region_path("addresses"),
            {},
            8,
            f"'STATIC_ADDRESSES' exceeded.  Limit: 8.0 in region {REGION}.",
        ),
        (
            global_path("healthChecks"),
            {"type": "TCP", "tcpHealthCheck": {"port": 80}},
            50,
            "'HEALTH_CHECKS' exceeded.  Limit: 50.0 globally.",
        ),
    ],
)
def test_one_too_many_is_refused(
    limited: Api, path: str, body: dict[str, Any], limit: int, words: str
) -> None:
    for number in range(limit):
        limited.post(path, {"name": f"n{number}", **body})
    assert limited.refused("POST", path, {"name": "more", **body}) == (403, "quotaExceeded", f"Quota {words}")
    limited.call("DELETE", f"{path}/n0")
    limited.post(path, {"name": "more", **body})


def test_without_limits_there_are_none(api: Api) -> None:
    for number in range(6):
        api.post(global_path("networks"), {"name": f"n{number}", "autoCreateSubnetworks": False})
    assert "quotas" not in api.get(BASE)
    assert api.store.get(quotas.KEY) is None


def test_a_variable_changes_limits() -> None:
    assert from_environment({}) == quotas.NEW_PROJECT
    assert from_environment({"LOCALCLOUD_QUOTAS": "none"}) is None
    changed = from_environment({"LOCALCLOUD_QUOTAS": "CPUS=100, NETWORKS=1"})
    assert changed is not None
    assert (changed["region"]["CPUS"], changed["global"]["NETWORKS"], changed["region"]["INSTANCES"]) == (
        100,
        1,
        24,
    )
    for text in ("CPUS", "CPUS=many", "GPUS=1"):
        with pytest.raises(ValueError, match="must be METRIC=NUMBER with one of AUTOSCALERS"):
            from_environment({"LOCALCLOUD_QUOTAS": text})


def test_cpus_are_counted_as_guests_see_them() -> None:
    wanted = {
        "e2-small": 2,
        "n2-standard-8": 8,
        "e2-custom-4-8192": 4,
        "custom-2-4096": 2,
        "f1-micro": 1,
        "c3-standard-8-lssd": 8,
    }
    assert {name: quotas.cpus(name) for name in wanted} == wanted
    assert quotas.cpus("odd") == 0
