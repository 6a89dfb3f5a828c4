"""Interrupted and ended: state survives Ctrl-C, and nothing of ours survives `make down`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.daemon import launch
from localcloud.home import Home
from tests.e2e.checkout import interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.as_root]

COLLECTIONS = (
    "global/networks", "regions/europe-west1/subnetworks", "global/firewalls", "global/healthChecks", "regions/europe-west1/healthChecks",
    "global/instanceTemplates", "regions/europe-west1/instanceGroupManagers", "regions/europe-west1/instanceGroups",
    "regions/europe-west1/autoscalers", "regions/europe-west1/backendServices", "regions/europe-west1/forwardingRules",
    "regions/europe-west1/addresses", "zones/europe-west1-b/instances", "zones/europe-west1-c/instances", "zones/europe-west1-d/instances",
)  # fmt: skip


@pytest.fixture(scope="module")
def interrupted(deploy: Deploy) -> Deployment:
    """A deployment whose first `make up` was interrupted while resources were being made."""
    deployment = deploy("endings", speed=10)
    process = deployment.start("make", "up")
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "gcp:" in line and (" creating" in line or " created" in line):
            break
    else:
        pytest.fail("make up ended before it could be interrupted:\n" + "".join(printed))
    interrupt(process)
    printed.append(process.stdout.read())
    process.stdout.close()
    assert process.wait() != 0, "".join(printed)
    return deployment


def test_after_ctrl_c_the_next_up_finishes_the_work_though_the_daemon_dies_under_it(
    interrupted: Deployment,
) -> None:
    interrupted.pulumi("stack", "export", "-s", "local")
    process = interrupted.start("make", "up")
    assert process.stdout is not None
    printed, killed = [], set[int]()
    for line in process.stdout:
        printed.append(line)
        if "gcp:" in line and (" creating" in line or " created" in line) and len(killed) < 3:
            killed |= _kill_daemon(interrupted)
    process.stdout.close()
    assert process.wait() == 0, "".join(printed)
    assert killed, "it died at least once"
    interrupted.wait_until_healthy(3)
    interrupted.pulumi("preview", "-s", "local", "--expect-no-changes")


def test_destroy_leaves_the_apis_collections_empty_and_down_leaves_nothing(interrupted: Deployment) -> None:
    interrupted.make("up")
    interrupted.wait_until_healthy(3)
    ours = {pid for pid in _processes() if _belongs(pid, interrupted)}
    status = interrupted.show("status")
    assert status["pid"] in ours
    assert status["border"] == {"astray": 0, "outside": 0}, "nothing was to leave this machine"
    assert len(ours) > 3, "the daemon, the holder and three instances at least"
    prefix = status["external_range"].rpartition(".")[0]
    assert _listeners(prefix), "the door listens on the service's address"
    namespaces = _namespaces(ours) - _namespaces({os.getpid()})
    assert namespaces
    inhabitants = {pid: _started(pid) for pid in _processes() if _namespaces({pid}) & namespaces}
    assert len(inhabitants) > 3, "the holder and three instances at least"

    interrupted.pulumi("destroy", "--yes", "--stack", "local")
    for collection in COLLECTIONS:
        assert interrupted.api(f"/compute/v1/projects/local/{collection}").get("items", []) == [], collection
    assert interrupted.api("/storage/v1/b?project=local").get("items", []) == []
    assert interrupted.instances() == []

    interrupted.make("down")
    assert {pid for pid in _processes() if _belongs(pid, interrupted)} == set()
    # The kernel gives a freed namespace's number to the next one that anybody makes: only who lived in ours may not be there any more.
    assert [pid for pid, started in inhabitants.items() if started and _started(pid) == started] == []
    assert not any(name in Path("/proc/self/mountinfo").read_text() for name in namespaces), (
        "no mount holds a namespace"
    )
    assert _listeners(prefix) == []
    assert str(interrupted.home) not in Path("/proc/self/mountinfo").read_text()
    assert str(interrupted.home) not in Path("/proc/net/unix").read_text()


def _kill_daemon(deployment: Deployment) -> set[int]:
    """Kill the daemon that is there; returns which process that was, none if the next one is still on its way."""
    found = launch.running(Home(deployment.home))
    if found is None:
        return set()
    found.send(signal.SIGKILL)
    return {found.pid}


def _processes() -> set[int]:
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def _started(pid: int) -> str:
    """Return when a process started, which tells it from a later one with its number; empty for one that is gone."""
    stat = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return stat[19] if stat and stat[0] != "Z" else ""


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _belongs(pid: int, deployment: Deployment) -> bool:
    """A process of this cloud has its folder among its arguments, its environment or its open files."""
    folder = str(deployment.home)
    proc = Path(f"/proc/{pid}")
    return (
        folder in _read(proc / "cmdline")
        or folder in _read(proc / "environ")
        or any(folder in target for target in _files(proc))
    )


def _files(proc: Path) -> Iterator[str]:
    try:
        for entry in (proc / "fd").iterdir():
            yield str(entry.readlink())
    except OSError:
        return


def _namespaces(pids: set[int]) -> set[str]:
    found = set()
    for pid in pids:
        for kind in ("net", "user", "pid", "mnt"):
            try:
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
            except OSError:
                continue
    return found


def _listeners(prefix: str) -> list[str]:
    """Return the listening TCP sockets of this machine on addresses of a /24."""
    octets = [int(part) for part in prefix.split(".")]
    wanted = "".join(
        f"{octet:02X}" for octet in reversed(octets)
    )  # /proc/net/tcp has addresses little-endian: DDCCBBAA
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [
        line for line in lines if line.split()[1].split(":")[0].endswith(wanted) and line.split()[3] == "0A"
    ]
