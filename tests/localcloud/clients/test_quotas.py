"""A group that finds no room says so in its errors, as Google's do, and fills up when there is some."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tests.localcloud.clients.client import GROUP, REGION
from tests.localcloud.clients.raw_http import RawHttp
from tests.localcloud.clients.test_life import build
from tests.localcloud.provider.local_cloud import local_cloud

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.store import Store


def test_instances_beyond_the_quota_are_errors_of_their_group(tmp_path: Path) -> None:
    limits = {"global": {}, "region": {"CPUS": 5.0, "INSTANCES": 10.0}}
    with local_cloud(tmp_path, quotas=limits) as cloud, closing(RawHttp(cloud)) as client:
        build(client)  # two instances of two CPUs each

        def refused(store: Store) -> bool:
            return store.get(f"control/errors/{GROUP}") is not None

        client.resize("web", 3)
        cloud.until(refused, "an error of the group's")
        (problem, *_) = client.problems("web")
        assert problem.endswith(f"creation failed: Quota 'CPUS' exceeded.  Limit: 5.0 in region {REGION}.")
        (late,) = [member for member in client.members("web") if "id" not in member]
        assert late["lastAttempt"]["errors"]["errors"][0]["code"] == "QUOTA_EXCEEDED"
        region = client.call("compute.regions.get", project="p", region=REGION)
        assert {"metric": "CPUS", "limit": 5, "usage": 4} in region["quotas"]
        client.resize("web", 2)
        cloud.until_stable(GROUP)
        client.resize("web", 1)
        cloud.until_stable(GROUP)
        client.resize("web", 2)
        cloud.until_stable(GROUP)
        assert len(client.members("web")) == 2
