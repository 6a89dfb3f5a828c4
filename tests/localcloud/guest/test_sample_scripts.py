"""Scripts of the kinds that Google's documentation shows run, or fail as they would without a way to the internet."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from localcloud.guest import root_system
from localcloud.guest.system import System, has_overlays
from tests.localcloud.guest.cloud import Cloud, in_cloud
from tests.localcloud.guest.sample_scripts import SAMPLES, Sample, installed_table, table

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


@pytest.mark.kernel
@pytest.mark.campaign
@pytest.mark.parametrize("layered", [True, False], ids=["layer", "copy"])
@pytest.mark.parametrize("sample", [each for each in SAMPLES if each.installed], ids=lambda each: each.title)
def test_sample_that_installs_packages_ends_as_the_page_says_on_a_root_system_of_its_own(
    sample: Sample, *, layered: bool
) -> None:
    mirror, expected = _mirror(), sample.installed
    assert expected is not None

    @in_cloud
    async def story(cloud: Cloud) -> None:
        folder = await asyncio.to_thread(
            root_system.ensure, "debian-12", cloud.world.machine_user, lambda _: None, mirror
        )
        if layered and not has_overlays(folder, cloud.home.path):
            pytest.skip("this kernel lays no file system above another for ordinary users")
        system = System(name="debian-12", folder=str(folder), overlay=layered, packages=mirror)
        system.choose(cloud.home.path / "guest")
        spec = await cloud.boot(sample.script)
        said = await cloud.settled(spec) + await cloud.said(spec, expected.check)
        ended = "exit status 0" if not expected.status else f"error: exit status {expected.status}"
        assert ended in said
        assert expected.says in said
        await cloud.machines.stop(spec.id, grace=0)
        await cloud.machines.forget(spec.id)
        assert not cloud.home.instance(spec.id).exists()

    story()


@pytest.mark.kernel
@pytest.mark.campaign
@in_cloud
async def test_without_a_mirror_a_root_system_gets_no_packages(cloud: Cloud) -> None:
    folder = await asyncio.to_thread(
        root_system.ensure, "debian-12", cloud.world.machine_user, lambda _: None, _mirror()
    )
    overlay = has_overlays(folder, cloud.home.path)
    System(name="debian-12", folder=str(folder), overlay=overlay).choose(cloud.home.path / "guest")
    spec = await cloud.boot(SAMPLES[1].script)
    said = await cloud.settled(spec)
    assert "Unable to locate package nginx" in said
    assert "error: exit status 100" in said


def _mirror() -> str:
    """Return the Debian mirror that this machine's own apt uses; skips where there is no debootstrap or no such mirror."""
    if shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("debootstrap is missing; install it with: sudo apt-get install debootstrap")
    try:
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no apt here to tell a Debian mirror: {error}")
    for line in targets.splitlines():
        suite, _, address = line.partition(" ")
        if suite == "bookworm" and address.startswith("http"):
            return address.rstrip("/")
    pytest.skip("this machine's apt has no mirror of Debian 12")


def test_the_page_shows_every_sample() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page
    assert installed_table() in page
