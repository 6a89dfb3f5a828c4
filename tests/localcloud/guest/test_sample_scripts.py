"""Scripts of the kinds that Google's documentation shows run, or fail as they would without a way to the internet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.localcloud.guest.cloud import Cloud, in_cloud
from tests.localcloud.guest.sample_scripts import SAMPLES, table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "start-up-scripts.md"


@pytest.mark.kernel
@in_cloud
async def test_every_sample_ends_as_the_page_says(cloud: Cloud) -> None:
    await cloud.put_object("app.conf", "colour=green")
    await cloud.allow_reading()
    for sample in SAMPLES:
        metadata = {"startup-script": sample.script, "foo": "bar", "enable-guest-attributes": "TRUE"}
        spec = await cloud.boot_with(metadata, "web-x7k2")
        said = await cloud.settled(spec)
        if sample.check:
            said += await cloud.said(spec, sample.check)
        ended = "startup-script exit status 0" if not sample.status else f"error: exit status {sample.status}"
        assert ended in said, f"{sample.title}: {said}"
        assert sample.says in said, f"{sample.title}: {said}"
        await cloud.machines.stop(spec.id, grace=0)


def test_the_page_shows_every_sample() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
