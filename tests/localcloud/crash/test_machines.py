"""Machines that were being made, or removed, when whoever did it died."""

from __future__ import annotations

import pytest

from localcloud.dataplane.addresses import link_name
from localcloud.dataplane.holding import WorldError
from tests.localcloud.guest.cloud import Cloud, in_cloud, until

pytestmark = pytest.mark.kernel


@in_cloud
async def test_a_machine_that_only_the_kernel_knows_is_removed_by_the_next_daemon(cloud: Cloud) -> None:
    known = await cloud.boot()
    orphan = await cloud.boot("", "orphan")
    init = cloud.machine(orphan.id).record.init
    await cloud.machines.release()
    (
        cloud.home.instance(orphan.id) / "machine.json"
    ).unlink()  # as if the daemon had died before it was written
    cloud.machines = cloud.sandboxes()
    assert await cloud.machines.adopt() == [known.id]
    await until(lambda: not init.alive())
    records = {file.stem for file in (cloud.home.run / "machines").iterdir()}
    assert records == {link_name(known.interface.instance)}
    await cloud.machines.start(orphan)
    assert await cloud.said(orphan, "echo up") == "up\n"


@in_cloud
async def test_a_machine_that_only_the_kernel_knows_gives_way_to_its_successor(cloud: Cloud) -> None:
    spec = await cloud.boot()
    init = cloud.machine(spec.id).record.init
    await cloud.machines.release()
    (cloud.home.instance(spec.id) / "machine.json").unlink()
    cloud.machines = cloud.sandboxes()
    await cloud.machines.start(spec)
    assert not init.alive()
    assert await cloud.said(spec, "echo up") == "up\n"


@in_cloud
async def test_a_machine_whose_removal_was_cut_short_is_removed_the_next_time(cloud: Cloud) -> None:
    spec = await cloud.boot()
    record = cloud.home.run / "machines" / f"{link_name(spec.interface.instance)}.json"
    remove = cloud.world.remove

    async def cut_short(*_: object) -> None:
        cloud.world.remove = remove  # type: ignore[method-assign]  # as it is, but for this once
        msg = "the world's worker died"
        raise WorldError(msg)

    cloud.world.remove = cut_short  # type: ignore[assignment, method-assign]
    with pytest.raises(WorldError):
        await cloud.machines.stop(spec.id, grace=0)
    assert record.exists()
    await cloud.machines.stop(spec.id, grace=0)
    assert not record.exists()
    assert cloud.machines.observe() == {}
