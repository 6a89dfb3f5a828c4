"""Disks: what they hold outlives the instances that had them, and is found where guests look for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.control import disks
from localcloud.plans.machine import AttachedDisk
from tests.localcloud.guest.cloud import ZONE, Cloud, in_cloud

if TYPE_CHECKING:
    from localcloud.plans.machine import MachineSpec

DATA = AttachedDisk(id="9001", device="data")


async def replaced(cloud: Cloud, spec: MachineSpec, **fields: object) -> MachineSpec:
    """Have another machine in a machine's place: the boot disk is kept if it has an id."""
    await cloud.machines.stop(spec.id, grace=30)
    if spec.boot_disk:
        await cloud.machines.detach(spec.id, spec.boot_disk)
        await cloud.machines.detach(spec.id, spec.boot_disk)  # a daemon that died meanwhile does it again
    await cloud.machines.forget(spec.id)
    again: MachineSpec = replace(spec, id=str(int(spec.id) + 500), **fields)  # type: ignore[arg-type]
    with cloud.store.transaction() as change:
        change.put(spec.key, {**(cloud.store.get(spec.key) or {}), "id": again.id})
    await cloud.machines.start(again)
    return again


@in_cloud
async def test_a_data_disk_is_mounted_where_guests_look_and_keeps_what_it_holds(cloud: Cloud) -> None:
    spec = await replaced(cloud, await cloud.boot(), disks=(DATA,))
    assert await cloud.said(spec, "readlink /dev/disk/by-id/google-data") == "/mnt/disks/data\n"
    await cloud.said(spec, "echo kept > /dev/disk/by-id/google-data/file; echo lost > /root/file")
    again = await replaced(cloud, spec)
    assert await cloud.said(again, "cat /mnt/disks/data/file; ls /root") == "kept\n"
    readonly = await replaced(cloud, again, disks=(replace(DATA, read_only=True),))
    assert "Read-only file system" in await cloud.said(readonly, "echo more > /mnt/disks/data/file")
    await cloud.machines.stop(readonly.id, grace=0)
    assert cloud.machines.disks() == {"9001"}
    await cloud.machines.forget_disk("9001")
    assert cloud.machines.disks() == frozenset()


@in_cloud
async def test_a_boot_disk_that_is_kept_is_the_next_machines(cloud: Cloud) -> None:
    spec = await replaced(cloud, await cloud.boot(), boot_disk="9002")
    await cloud.said(spec, "echo kept > /root/file; echo mine > /etc/mine")
    again = await replaced(cloud, spec)
    assert await cloud.said(again, "cat /root/file /etc/mine") == "kept\nmine\n"
    assert cloud.machines.disks() == frozenset(), "it is in the machine's folder"
    fresh = await replaced(cloud, again, boot_disk="9003")
    assert await cloud.said(fresh, "ls /root") == ""
    assert cloud.machines.disks() == {"9002"}


@in_cloud
async def test_a_disk_that_is_attached_by_hand_is_found_mounted_after_the_next_start(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.machines.stop(spec.id, grace=30)
    with cloud.store.transaction() as change:
        change.put(spec.key, {**(cloud.store.get(spec.key) or {}), "status": "TERMINATED", "disks": []})
    await cloud.call("POST", f"/compute/v1/{ZONE}/disks", json={"name": "data", "sizeGb": "10"})
    body = {"source": f"{ZONE}/disks/data", "deviceName": "data"}
    await cloud.call("POST", f"/compute/v1/{ZONE}/instances/{spec.name}/attachDisk", json=body)
    again = replace(spec, **disks.fields(cloud.store, cloud.store.get(spec.key) or {}))
    await cloud.machines.start(again)
    said = await cloud.said(
        again,
        "DISK=/dev/disk/by-id/google-data; readlink -f $DISK; echo kept > $DISK/file\n"
        "mkfs.ext4 -F -m 0 $DISK > /dev/null 2>&1 && echo formatted\n"
        "mkdir -p /mnt/disks/data; mountpoint -q /mnt/disks/data || echo no mount\n"
        "mount -o discard,defaults $DISK /mnt/disks/data > /dev/null 2>&1; echo mount $?; blkid $DISK; echo blkid $?\n"
        "cat /mnt/disks/data/file; df --output=target /mnt/disks/data | tail -1",
    )
    assert said == "/mnt/disks/data\nmount 32\nblkid 2\nkept\n/mnt/disks/data\n"
