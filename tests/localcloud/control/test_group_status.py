"""A group's status: which autoscaler sizes it."""

from __future__ import annotations

import asyncio

from localcloud.control.links import url
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import AUTOSCALER, GROUP, autoscaler, group

OTHER = GROUP.replace("/web", "/other")


def test_a_group_names_the_autoscaler_that_it_has_now() -> None:
    async def story() -> None:
        cloud = standard(size=1)
        group(cloud, 0, name=OTHER)

        async def named() -> list[str | None]:
            await cloud.advance(1)
            return [cloud.get(each)["status"].get("autoscaler") for each in (GROUP, OTHER)]

        async with cloud.running():
            assert await named() == [None, None]
            autoscaler(cloud, minimum=0, mode="OFF")
            assert await named() == [url(AUTOSCALER), None]
            cloud.patch(AUTOSCALER, target=url(OTHER))
            assert await named() == [None, url(AUTOSCALER)]
            with cloud.store.transaction() as change:
                change.delete("compute/" + AUTOSCALER)
            assert await named() == [None, None]

    asyncio.run(story())
