"""What is asked last is done, whatever was under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localcloud.whole.cloud import GROUPS, WholeCloud

if TYPE_CHECKING:
    from pathlib import Path


def test_an_instance_that_is_deleted_while_it_is_reset_is_deleted(tmp_path: Path) -> None:
    cloud = WholeCloud(1, tmp_path)
    try:
        cloud.build()
        cloud.advance(60)
        name, entry = next(iter(cloud.listed().items()))
        instance = entry["instance"].partition("/compute/v1/")[2]
        cloud.post(f"{instance}/reset")
        cloud.advance(0.1)
        cloud.post(f"{GROUPS}/web/deleteInstances", {"instances": [instance]})
        cloud.advance(120)
        assert [event.subject for event in cloud.simulated.events("instance.reset")] == [name]
        cloud.call("GET", instance, statuses=(404,))
        assert name not in cloud.listed()
    finally:
        cloud.close()
