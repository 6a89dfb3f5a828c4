"""Services begin, go on and end as systemd.service(5) has it."""

from __future__ import annotations

import pytest

from tests.localcloud.guest.cloud import Cloud, in_cloud
from tests.localcloud.guest.unit_cases import CASES, FUNCTIONS


@pytest.mark.kernel
@in_cloud
async def test_services_of_every_kind_become_what_their_files_say(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    for title, (script, prints) in CASES.items():
        assert await cloud.said(spec, FUNCTIONS + script) == prints, title
