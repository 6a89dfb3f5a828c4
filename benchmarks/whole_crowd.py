"""Three hundred instances of one group through the whole product: asked for, healed, scaled, survived and deleted over Google's API.

`crowd` measures the sandboxes alone. Here everything is at work that a user has: a regional group with both health checks, a balancer and
an autoscaler, on a cloud that `localcloud start` made, spoken to as a client does. The daemon is killed in the midst of it, too.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.crowd_cloud import crowd_cloud
from benchmarks.section import BenchmarkSection, Row
from localcloud.dataplane import holding
from localcloud.guest import processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.crowd_cloud import CrowdCloud

COUNT = 300
_IDLE = 20.0  # seconds
_BACK = 2.0  # seconds in which a daemon that was killed is back
_GROUP = "regions/europe-west1/instanceGroupManagers/web"
_SCALER = "regions/europe-west1/autoscalers/web"
_BALANCER = ("regions/europe-west1/forwardingRules/web", "regions/europe-west1/backendServices/web")


def run(count: int = COUNT) -> BenchmarkSection:
    """Make them, look at them, kill the daemon and one of them, and take them away."""
    with tempfile.TemporaryDirectory(prefix="whole-crowd-") as folder, crowd_cloud(Path(folder)) as cloud:
        rows = _measure(cloud, count)
    return BenchmarkSection(
        title="Many instances through the whole product",
        method=(
            f"A group of {count} on a cloud of its own (`localcloud start`), as root, made over Google's API: two HTTP checks (every "
            "5 s, five probers each), a balancer and an autoscaler. *Ready*: every instance RUNNING, at rest and trusted by both "
            f"checks. Then it is left alone for {_IDLE:g} s; listed; its daemon killed (`kill -9`); one instance killed, which the check "
            "takes its time to notice; then the autoscaler is deleted, and the group resized to 0 and deleted. Times depend on what else "
            "the machine does, which the first row tells; processor time hardly does."
        ),
        rows=rows,
    )


def _measure(cloud: CrowdCloud, count: int) -> list[Row]:
    load, begin = os.getloadavg()[0], time.perf_counter()
    cloud.build(count)
    running = _until(lambda: _count(cloud, "status", "RUNNING") == count) - begin
    ready = _until(lambda: _ready(cloud) == count) - begin
    rows = [Row("processes that the machine was busy with as it began", load)]
    rows += [Row("all are RUNNING", running, "s"), Row("all are ready", ready, "s"), *_idle(cloud)]
    rows += [_timed("`localcloud status`", lambda: cloud.command("status"))]
    rows += [_timed("`localcloud instances`", lambda: cloud.command("instances"))]
    managed = f"{_GROUP}/listManagedInstances?maxResults=500"
    rows += [_timed(f"listManagedInstances, {count} in a page", lambda: cloud.ask("POST", managed))]
    listing = "zones/europe-west1-b/instances?maxResults=500"
    rows += [_timed("instances.list of a zone", lambda: cloud.ask("GET", listing))]
    rows += _survive(cloud, count)
    victim = cloud.instances()[0]["id"]
    cloud.command("kill", next(each["name"] for each in cloud.instances() if each["id"] == victim))
    begin = time.perf_counter()
    replaced = _until(
        lambda: _ready(cloud) == count and all(each["id"] != victim for each in cloud.instances())
    )
    rows.append(Row("one killed: all are ready again", replaced - begin, "s"))
    cloud.ask("DELETE", _SCALER)
    begin = time.perf_counter()
    cloud.ask("POST", f"{_GROUP}/resize?size=0")
    rows.append(Row("resized to 0: none is left", _until(lambda: not cloud.instances()) - begin, "s"))
    begin = time.perf_counter()
    for place in (*_BALANCER, _GROUP):
        cloud.ask("DELETE", place)
    return [*rows, Row("balancer and group deleted", time.perf_counter() - begin, "s")]


def _timed(name: str, act: Callable[[], Any]) -> Row:
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begin) * 1000)
    return Row.median(name, taken, "ms")


def _survive(cloud: CrowdCloud, count: int) -> list[Row]:
    """Kill the daemon and wait for the next: for its first answer, and until it has taken over the instances."""
    before = {each["id"] for each in cloud.instances()}
    os.kill(cloud.daemon(), signal.SIGKILL)
    begin = time.perf_counter()
    cloud.ask("GET", _GROUP)
    answered = time.perf_counter() - begin
    after = {each["id"] for each in cloud.instances()}  # the operator's API is there when the instances are
    back = time.perf_counter() - begin
    used = _cpu(cloud.daemon())
    if before != after or len(after) != count:
        raise RuntimeError("a killed daemon cost instances")
    return [
        Row("daemon killed: the API answers", answered, "s", None, f"at most {_BACK:g} s", answered <= _BACK),
        Row(
            "daemon killed: all instances are taken over",
            back,
            "s",
            None,
            f"at most {_BACK:g} s",
            back <= _BACK,
        ),
        Row("processor time of the next daemon until it is there", used, "s"),
    ]


def _idle(cloud: CrowdCloud) -> list[Row]:
    """Leave the cloud alone, and tell what its processes use meanwhile."""
    ours = {"daemon": cloud.daemon(), **_helpers(cloud)}
    before = {name: _cpu(pid) for name, pid in ours.items()}
    begin = time.perf_counter()
    time.sleep(_IDLE)
    took = time.perf_counter() - begin
    rows = [
        Row(f"cores that the {name} uses at rest", (_cpu(pid) - before[name]) / took)
        for name, pid in ours.items()
    ]
    rows += [
        Row(f"memory of the {name} (PSS)", processes.proportional_memory(pid) / (1 << 20), "MiB")
        for name, pid in ours.items()
    ]
    return rows + [
        Row(f"open files of the {name}", sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
        for name, pid in ours.items()
    ]


def _helpers(cloud: CrowdCloud) -> dict[str, int]:
    """Return the processes of ours in the world, by what they are called."""
    holder = holding.find(cloud.home)
    root = processes.ProcessId.of(holder.pid) if holder is not None else None
    if root is None:
        raise RuntimeError("there is no world")
    names = {
        pid: Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
        for pid in processes.Snapshot().tree(root)
        if _is_there(pid)
    }
    return {name.removeprefix("cloud-"): pid for pid, name in names.items() if name.startswith("cloud-")}


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").exists()


def _cpu(pid: int) -> float:
    facts = processes.stat(pid)
    return 0.0 if facts is None else processes.cpu_seconds({pid: facts})


def _count(cloud: CrowdCloud, field: str, value: str) -> int:
    return sum(each[field] == value for each in cloud.instances())


def _ready(cloud: CrowdCloud) -> int:
    wanted = ("RUNNING", "NONE", "HEALTHY", "HEALTHY")
    return sum(
        tuple(each[name] for name in ("status", "action", "autohealing", "balancer")) == wanted
        for each in cloud.instances()
    )


def _until(condition: Callable[[], bool]) -> float:
    """Wait until something holds; returns when."""
    while not condition():
        time.sleep(0.25)
    return time.perf_counter()
