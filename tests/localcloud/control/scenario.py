"""Random histories of a group with faults: whatever happens, it comes to rest, and deleting it leaves nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from localcloud.control.links import relname, url
from localcloud.plans import standby
from localcloud.store import Store
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, template
from tests.localcloud.control.faults import Crashed, Faults, FragileDaemon, Watcher
from tests.localcloud.control.watch import Watch

if TYPE_CHECKING:
    from localcloud.store import Event

OPERATIONS = (
    "wait",
    "crash",
    "hang",
    "break",
    "power_off",
    "delete_outside",
    "stop_outside",
    "resize",
    "roll",
    "recreate",
    "delete_instances",
    "restart_daemon",
    "host_restart",
    "fail_starts",
    "fail_applies",
    "policy",
    "pool",
    "bring_down",
    "bring_up",
    "suspend_outside",
    "keep",
)
POLICIES = (
    {"maxSurge": {"fixed": 3}, "maxUnavailable": {"fixed": 0}, "replacementMethod": "SUBSTITUTE"},
    {"maxSurge": {"fixed": 0}, "maxUnavailable": {"fixed": 3}, "replacementMethod": "SUBSTITUTE"},
    {"maxSurge": {"fixed": 1}, "maxUnavailable": {"fixed": 1}, "replacementMethod": "SUBSTITUTE"},
    {"maxSurge": {"fixed": 0}, "maxUnavailable": {"fixed": 2}, "replacementMethod": "RECREATE"},
)
POOLS = (
    {
        "targetSuspendedSize": 2,
        "targetStoppedSize": 1,
        "standbyPolicy": {"mode": "SCALE_OUT_POOL", "initialDelaySec": 60},
    },
    {"targetSuspendedSize": 0, "targetStoppedSize": 2, "standbyPolicy": {"mode": "MANUAL"}},
    {"targetSuspendedSize": 1, "standbyPolicy": {"mode": "SCALE_OUT_POOL"}},
    {"targetSuspendedSize": 0, "targetStoppedSize": 0},
)
_GOES = {"autoDelete": "ON_PERMANENT_INSTANCE_DELETION"}
KEPT: tuple[dict[str, object], ...] = (
    {"disks": {"persistent-disk-0": _GOES}, "internalIPs": {"nic0": _GOES}},
    {"internalIPs": {"nic0": _GOES}},
    {},
)
Step = tuple[str, int]


class Record:
    """Everything that is committed, as a digest: each document's text and each event, in order."""

    def __init__(self, cloud: Cloud, watch: Watch) -> None:
        self._cloud, self._watch = cloud, watch
        self._digest = hashlib.sha256()

    def __call__(self, keys: frozenset[str], events: tuple[Event, ...]) -> None:
        documents = [[key, self._cloud.store.text(key)] for key in sorted(keys)]
        told = [[event.at, event.kind, event.subject, event.message, dict(event.data)] for event in events]
        self._digest.update(json.dumps([documents, told]).encode())
        self._watch(keys, events)

    def digest(self) -> str:
        """Return what has been committed so far, in 64 characters."""
        return self._digest.hexdigest()


def run(seed: int, steps: list[Step]) -> str:
    """Run a history on a fresh cloud, check that it comes to rest and that deleting leaves nothing; returns a digest of the whole story."""
    return asyncio.run(_run(seed, steps, None, None))


def run_with_faults(seed: int, steps: list[Step], faults: Faults) -> str:
    """Run a history with a daemon that meets these faults at its writes, until all of it has happened; then it must come to rest."""
    with TemporaryDirectory(dir=_memory()) as folder:
        return asyncio.run(_run(seed, steps, faults, Path(folder) / "state.db"))


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


async def _run(seed: int, steps: list[Step], faults: Faults | None, file: Path | None) -> str:
    cloud = standard(seed, size=3, store=Store(file))
    watch = Watch(cloud)
    record = Record(cloud, watch)
    daemon: Daemon | FragileDaemon = Daemon(cloud, record)
    if faults is not None and file is not None:
        daemon = FragileDaemon(cloud, file, faults, record)
    # What a dead daemon leaves behind unfinished is of no interest.
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: (
            None if isinstance(context.get("exception"), Crashed) else loop.default_exception_handler(context)
        )
    )
    running = asyncio.ensure_future(daemon.run())
    await cloud.advance(0)
    try:
        for step in steps:
            if step[0] == "restart_daemon":
                await _stop(running)
                await cloud.advance(step[1] % 50)
                running = asyncio.ensure_future(daemon.run())
            with suppress(Crashed):  # a daemon that was told of it by its machines, and died of it
                await _apply(cloud, step)
            await cloud.advance(1 + step[1] % 97)
            assert not watch.broken, watch.broken
        cloud.machines.start_failures = cloud.fabric.apply_failures = 0
        if faults is not None:
            faults.armed = False
        await _comes_to_rest(cloud)
        assert not watch.broken, watch.broken
        await _leaves_nothing(cloud)
        assert not watch.broken, watch.broken
    except AssertionError as error:
        error.add_note(cloud.story())
        if faults is not None:
            error.add_note(f"faults met: {faults.met}")
        raise
    finally:
        await _stop(running)
    cloud.store.close()
    return record.digest()


class Daemon:
    """The controllers of a cloud, without faults."""

    def __init__(self, cloud: Cloud, witness: Watcher) -> None:
        self._cloud = cloud
        cloud.store.watch(witness)

    async def run(self) -> None:
        """Run until cancelled."""
        async with self._cloud.running():
            await asyncio.Event().wait()


async def _stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError), outcome


async def _apply(cloud: Cloud, step: Step) -> None:  # noqa: C901, PLR0912 - one case per operation
    operation, number = step
    names = sorted(cloud.members())
    running = sorted(guest.spec.id for guest in cloud.machines.guests.values() if guest.state == "running")
    name = names[number % len(names)] if names else ""
    machine = running[number % len(running)] if running else ""
    match operation:
        case "crash" if machine:
            await cloud.machines.crash(machine)
        case "hang" if machine:
            await cloud.machines.hang(machine, 10 + number % 400)
        case "break" if machine:
            cloud.machines.break_service(machine, 10 + number % 400)
        case "power_off" if machine:
            cloud.machines.power_off(machine)
        case "host_restart":
            cloud.machines.lose_all()
        case "resize":
            cloud.patch(GROUP, targetSize=number % 8)
        case "roll":
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, f"t{number % 4}"))}])
        case "policy":
            cloud.patch(
                GROUP, updatePolicy={**cloud.group()["updatePolicy"], **POLICIES[number % len(POLICIES)]}
            )
        case "delete_outside" if name:
            cloud.request("delete", cloud.members()[name].instance.removeprefix("compute/"))
        case "stop_outside" if name:
            cloud.request("stop", cloud.members()[name].instance.removeprefix("compute/"))
        case "recreate" if name:
            cloud.request("recreateInstances", GROUP, instances=[name])
        case "delete_instances" if name:
            cloud.request("deleteInstances", GROUP, instances=[name])
        case "suspend_outside" if name:
            cloud.request("suspend", cloud.members()[name].instance.removeprefix("compute/"))
        case "pool":
            cloud.patch(GROUP, **POOLS[number % len(POOLS)])
        case "keep":
            cloud.patch(GROUP, statefulPolicy={"preservedState": KEPT[number % len(KEPT)]})
        case "bring_down" if name:
            cloud.request(("stopInstances", "suspendInstances")[number % 2], GROUP, instances=[name])
        case "bring_up" if name:
            cloud.request(("startInstances", "resumeInstances")[number % 2], GROUP, instances=[name])
        case "fail_starts":
            cloud.machines.start_failures = number % 4
        case "fail_applies":
            cloud.fabric.apply_failures = number % 4
        case _:
            pass


async def _comes_to_rest(cloud: Cloud) -> None:
    """Whatever happened: the group is as asked within a while, and then nothing moves any more."""
    await cloud.advance(7200)
    group = cloud.group()
    assert group["status"]["isStable"], "the group never came to rest"
    assert group["status"]["versionTarget"]["isReached"]
    members = cloud.members()
    _pool_is_full(cloud)
    _disks_are_attached(cloud)
    serving = {name: member for name, member in members.items() if not member.waiting}
    assert len(serving) == group["targetSize"]
    assert len(members) == len(cloud.instances())
    assert {member.health for member in serving.values()} <= {"HEALTHY"}
    assert {cloud.instances()[name]["status"] for name in serving} <= {"RUNNING"}
    assert cloud.eligible() == set(serving)
    per_zone = [sum(member.zone.endswith(letter) for member in serving.values()) for letter in "bcd"]
    kept = (group.get("statefulPolicy") or {}).get("preservedState")
    assert max(per_zone) - min(per_zone) <= 1 or kept, "who keeps something is not moved"
    writes: list[str] = []
    unwatch = cloud.store.watch(
        lambda keys, events: writes.extend([*keys, *(event.kind for event in events)])
    )
    await cloud.advance(3000)
    unwatch()
    assert not [key for key in writes if not key.startswith("control/managed/")], writes


def _pool_is_full(cloud: Cloud) -> None:
    """Who waits is at rest, and there are as many as there should be."""
    group, members, instances = cloud.group(), cloud.members(), cloud.instances()
    guests = {guest.spec.name: guest.state for guest in cloud.machines.guests.values()}
    for state, size in standby.SIZES.items():
        waiting = {name for name, member in members.items() if member.target == state}
        assert len(waiting) == int(group.get(size, 0))
        assert {instances[name]["status"] for name in waiting} <= {standby.AT_REST[state]}
        assert not waiting & cloud.eligible()
        # One that crashed, or powered itself off, just before it was suspended is down, and boots when it is resumed.
        assert {guests.get(name) for name in waiting} <= (
            {None} if state == standby.STOPPED else {None, "suspended", "crashed", "exited"}
        )
    assert not guests.keys() - members.keys()


def _disks_are_attached(cloud: Cloud) -> None:
    """Every instance has its own disk, and nobody's disk is left."""
    wanted = {
        relname(entry["source"]): [instance["selfLink"]]
        for instance in cloud.instances().values()
        for entry in instance["disks"]
    }
    assert {name: cloud.get(name)["users"] for name in _disks(cloud) if "/disks/" in name} == wanted


def _disks(cloud: Cloud) -> list[str]:
    keys = cloud.store.keys("compute/projects/")
    return [key.removeprefix("compute/") for key in keys if key.split("/")[-2] in {"disks", "addresses"}]


async def _leaves_nothing(cloud: Cloud) -> None:
    with cloud.store.transaction() as change:
        change.put("control/deleting/" + GROUP, {"requestedAt": cloud.clock.now()})
    await cloud.advance(300)
    of_the_balancer = ("control/eligible/", "control/behind/")  # it is still there
    left = [key for key, _ in cloud.store.scan("control/") if not key.startswith(of_the_balancer)]
    assert left == []
    assert cloud.store.get("compute/" + GROUP) is None
    assert cloud.store.get("compute/" + GROUP.replace("instanceGroupManagers", "instanceGroups")) is None
    assert not cloud.instances()
    assert not _disks(cloud), "neither disks nor addresses are kept beyond their instances"
    assert not cloud.machines.kept
    assert not cloud.machines.guests
    assert not cloud.fabric.probes
    assert not cloud.fabric.network.interfaces
    assert all(not service.backends for service in cloud.fabric.balancer.services)
