"""What a cloud has in the kernel and on disk that belongs to nobody."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.dataplane import holding
from localcloud.dataplane.addresses import link_name
from localcloud.dataplane.namespaces import namespace_inode
from tests.localcloud.crash import victims

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from localcloud.home import Home

_MOST = {"agent": 1, "worker": 2, "prober": 1, "door": 1, "delayer": 1}


def _in_router(home: Home, *command: str) -> str:
    holder = holding.find(home)
    assert holder is not None
    enter = ["nsenter", "--target", str(holder.pid), "--user", "--net", "--preserve-credentials", "--"]
    return subprocess.run([*enter, *command], check=True, capture_output=True, text=True).stdout


async def found(home: Home, instances: dict[str, str], services: int) -> list[str]:
    """Return what is left over, in words. `instances`: names by id of those that are to be; `services`: how many backend services."""
    return await asyncio.to_thread(_found, home, instances, services)


def _found(home: Home, instances: dict[str, str], services: int) -> list[str]:
    keys = {link_name(name) for name in instances.values()}
    there = victims.census(home)
    return [
        *_processes(home, there),
        *_outside(home, there),
        *_folders(home, instances),
        *(f"record {file.name}" for file in (home.run / "machines").glob("*") if file.stem not in keys),
        *_links(home, keys),
        *_tables(home, services),
        *_sockets(home, instances),
        *(
            f"mount {line}"
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if str(home.path) in line
        ),
    ]


def _processes(home: Home, there: Mapping[str, Sequence[int]]) -> list[str]:
    known = {json.loads(file.read_text())["netns"] for file in (home.run / "machines").glob("*.json")}
    known |= {namespace_inode(pid, "net") for pid in (*there["holder"], *there["door"])}
    trouble = [
        f"process {pid} in network namespace {net}"
        for pid in victims.inhabitants(home)
        if (net := namespace_inode(pid, "net")) is not None and net not in known
    ]
    return trouble + [
        f"{len(there[role])} processes that are a {role}"
        for role, most in _MOST.items()
        if len(there[role]) > most
    ]


def _outside(home: Home, there: Mapping[str, Sequence[int]]) -> list[str]:
    """Return processes on the host that were started for this cloud beside those that are written down."""
    known = {pid for role in ("daemon", "keeper", "plugin") for pid in there[role]}
    return [f"process {pid}: {line!r}" for pid, line in _started_for(home) if pid not in known]


def _folders(home: Home, instances: dict[str, str]) -> list[str]:
    root = home.path / "instances"
    return [f"folder instances/{each.name}" for each in root.iterdir() if each.name not in instances]


def _links(home: Home, keys: set[str]) -> list[str]:
    links = json.loads(_in_router(home, "ip", "-json", "link", "show", "type", "veth"))
    others = [each["ifname"] for each in links if each.get("master") and each["ifname"] not in keys]
    return [f"link {name}" for name in others]


def _tables(home: Home, services: int) -> list[str]:
    """Return maps with a balancer's slots beyond one for each service: such as were being filled and nothing refers to."""
    shown = json.loads(_in_router(home, "nft", "--terse", "--json", "list", "ruleset", "ip"))["nftables"]
    slots = sorted(
        each["map"]["name"] for each in shown if "map" in each and each["map"]["name"].startswith("maglev_")
    )
    return [f"maps {', '.join(slots)} of {services} services"] if len(slots) > services else []


def _sockets(home: Home, instances: dict[str, str]) -> Sequence[str]:
    lines = Path("/proc/net/unix").read_text().splitlines()
    paths = {line.split(maxsplit=7)[7] for line in lines if str(home.path) in line}
    ours = {str(home.run / name) for name in ("door.sock", "delayer.sock")}
    folders = {str(home.instance(each)) for each in instances}
    return [f"socket {path}" for path in paths if path not in ours and str(Path(path).parent) not in folders]


def daemons(home: Home) -> list[int]:
    """Return the cloud's daemons, ready or not."""
    return [pid for pid, line in _started_for(home) if b"localcloud.daemon\0" in line]


def after_stop(home: Home) -> list[str]:
    """Return, in words, what a cloud that was stopped has left: processes, mounts, sockets, records."""
    mounts, sockets = Path("/proc/self/mountinfo").read_text(), Path("/proc/net/unix").read_text()
    return [
        *(f"process {pid}: {line!r}" for pid, line in _started_for(home)),
        *(line for line in (*mounts.splitlines(), *sockets.splitlines()) if str(home.path) in line),
        *sorted(each.name for each in home.run.iterdir() if each.name != "world.lock"),
    ]


def _started_for(home: Home) -> Iterator[tuple[int, bytes]]:
    """Yield this cloud's own processes on the host, with their command lines."""
    mark = f"LOCALCLOUD_HOME={home.path}".encode()
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            line, environment = (each / "cmdline").read_bytes(), (each / "environ").read_bytes()
        except OSError:
            continue
        if mark in environment.split(b"\0") and (
            b"localcloud.daemon" in line or b"localcloud.provider" in line
        ):
            yield int(each.name), line
