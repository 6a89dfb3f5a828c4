"""Names of instances are theirs until they are gone, whoever they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localcloud.whole.cloud import GROUPS, WholeCloud

if TYPE_CHECKING:
    from pathlib import Path


def test_the_name_of_an_abandoned_instance_is_not_given_again_in_another_zone(tmp_path: Path) -> None:
    cloud = WholeCloud(1, tmp_path)
    try:
        cloud.build()
        cloud.advance(60)
        name, entry = next(iter(cloud.listed().items()))
        instance = entry["instance"].partition("/compute/v1/")[2]
        cloud.post(f"{GROUPS}/web/abandonInstances", {"instances": [instance]})
        cloud.advance(10)
        assert name not in cloud.listed()
        asked = {"instances": [{"name": name}]}
        refusal = cloud.post(f"{GROUPS}/web/createInstances", asked, statuses=(400,))["error"]["message"]
        assert (
            refusal
            == f"Invalid value for field 'instances[0].name': '{name}'. There is an instance {instance} already."
        )
        cloud.call("DELETE", instance)
        cloud.advance(60)
        cloud.post(f"{GROUPS}/web/createInstances", asked)
        cloud.advance(10)
        assert name in cloud.listed()
    finally:
        cloud.close()
