"""Members that are put to rest by requests wait, serve nobody, and serve again when they are woken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.whole.cloud import GROUPS, WholeCloud

if TYPE_CHECKING:
    from pathlib import Path

WEB = f"{GROUPS}/web"


@pytest.mark.parametrize(
    ("rest", "wake", "status", "size"),
    [
        ("stopInstances", "startInstances", "TERMINATED", "targetStoppedSize"),
        ("suspendInstances", "resumeInstances", "SUSPENDED", "targetSuspendedSize"),
    ],
)
def test_a_member_rests_and_is_woken(tmp_path: Path, rest: str, wake: str, status: str, size: str) -> None:
    cloud = WholeCloud(1, tmp_path)
    try:
        cloud.build()
        cloud.advance(300)
        before = cloud.listed()
        name = min(before)
        chosen = {"instances": [before[name]["instance"]]}
        cloud.post(f"{WEB}/{rest}", chosen)
        cloud.advance(300)
        group = cloud.call("GET", WEB)
        assert (group["targetSize"], group[size], group["status"]["isStable"]) == (2, 1, True)
        resting = cloud.listed()
        assert set(resting) == set(before), "nobody is made in its place"
        assert resting[name]["instanceStatus"] == status
        assert cloud.simulated.eligible() == set(before) - {name}
        cloud.post(f"{WEB}/{rest}", chosen, statuses=(400,))  # it rests already
        cloud.post(f"{WEB}/{wake}", chosen)
        cloud.advance(300)
        group = cloud.call("GET", WEB)
        assert (group["targetSize"], group[size], group["status"]["isStable"]) == (3, 0, True)
        woken = cloud.listed()
        assert {each: entry["id"] for each, entry in woken.items()} == {
            each: entry["id"] for each, entry in before.items()
        }
        assert cloud.simulated.eligible() == set(before)
    finally:
        cloud.close()


def test_an_instance_that_is_no_member_is_suspended_and_resumed(tmp_path: Path) -> None:
    cloud = WholeCloud(1, tmp_path)
    try:
        cloud.build()
        cloud.advance(300)
        entry = next(iter(cloud.listed().values()))
        instance = entry["instance"].partition("/compute/v1/")[2]
        cloud.post(f"{WEB}/abandonInstances", {"instances": [instance]})
        cloud.advance(60)
        for verb, status in (
            ("suspend", "SUSPENDED"),
            ("resume", "RUNNING"),
            ("stop", "TERMINATED"),
            ("start", "RUNNING"),
        ):
            operation = cloud.post(f"{instance}/{verb}")
            cloud.advance(180)
            assert cloud.call("GET", instance)["status"] == status
            assert cloud.call("GET", operation["selfLink"].partition("/compute/v1/")[2])["status"] == "DONE"
    finally:
        cloud.close()


@pytest.mark.parametrize("verb", ["deleteInstances", "abandonInstances"])
def test_a_member_that_leaves_from_the_pool_is_one_less_to_wait_there(tmp_path: Path, verb: str) -> None:
    cloud = WholeCloud(1, tmp_path)
    try:
        cloud.build()
        cloud.advance(300)
        first, second, third = sorted(cloud.listed())
        links = {name: entry["instance"] for name, entry in cloud.listed().items()}
        cloud.post(f"{WEB}/suspendInstances", {"instances": [links[first], links[second]]})
        cloud.advance(300)
        cloud.post(f"{WEB}/{verb}", {"instances": [links[first]]})
        cloud.advance(300)
        group = cloud.call("GET", WEB)
        assert (group["targetSize"], group["targetSuspendedSize"]) == (1, 1)
        assert group["status"]["isStable"]
        assert set(cloud.listed()) == {second, third}
    finally:
        cloud.close()
