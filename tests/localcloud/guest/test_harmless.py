"""What a start-up script that means harm gets: nothing."""

from __future__ import annotations

import ctypes
import getpass
import os
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.localcloud.guest import escapes
from tests.localcloud.guest.cloud import Cloud, in_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

REPOSITORY = Path(__file__).resolve().parents[3]


def facts_of_the_host() -> tuple[object, ...]:
    """Return what belongs to the whole host and would betray an escape: a setting, its name, a device's mode."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii")
    return pattern, os.uname().nodename, Path("/dev/null").stat().st_mode


@contextmanager
def belongings_of_the_host() -> Iterator[dict[str, object]]:
    """Keep something that a villain would like, and tell where it is: a key, a socket without a file, shared memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    name = f"host-{os.getpid()}"
    key = libc.syscall(
        248, b"user", name.encode(), b"the hosts secret", 16, -4
    )  # add_key, to the user's keyring
    shared = Path("/dev/shm") / name
    shared.touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen(1)
        try:
            yield {"key": key, "key_name": name, "abstract": name, "shared": name}
        finally:
            shared.unlink()
            libc.syscall(250, 3, key)  # KEYCTL_REVOKE


@in_cloud
async def test_no_attempt_to_get_out_succeeds(cloud: Cloud) -> None:
    spec = await cloud.boot("", "villain")
    program = escapes.HELPERS.replace("{address}", spec.interface.address)
    await cloud.run(spec, f"cat > {escapes.HELPER_FILE} <<'END'\n{program}\nEND\n")
    before = facts_of_the_host()
    attempts = escapes.attempts()
    assert len(attempts) >= 40
    with belongings_of_the_host() as belongings:
        facts = {
            "user": getpass.getuser(),
            "home": str(Path.home()),
            "cloud": cloud.home.path,
            "repository": REPOSITORY,
            "pid": os.getpid(),
            "uid": os.getuid() or 1000,
            "command": Path(sys.argv[0]).name or "pytest",
            "python": "/usr/bin/python3",
            "gateway": "10.0.0.1",
            "address": spec.interface.address,
            "port": 22,
            **belongings,
        }
        escaped = []
        for name, attempt in attempts.items():
            command = attempt
            for fact, value in facts.items():
                command = command.replace("{" + fact + "}", str(value))
            said = await cloud.said(spec, command)
            if "ESCAPED" in said or (name in escapes.CALLS and "refused" not in said):
                escaped.append(f"{name}: {said}")
    assert not escaped, "\n".join(escaped)
    assert facts_of_the_host() == before
    assert cloud.view(spec).state == "running"


@in_cloud
async def test_another_instances_metadata_token_and_control_socket_are_out_of_reach(cloud: Cloud) -> None:
    secret = "the-victims-secret"
    victim = await cloud.boot_with({"password": secret}, "victim")
    villain = await cloud.boot("", "villain")
    metadata = "curl -sm2 -H Metadata-Flavor:Google"
    own = await cloud.said(
        villain, f"{metadata} -m60 'http://169.254.169.254/computeMetadata/v1/?recursive=true'"
    )
    assert '"name":"villain"' in own
    assert secret not in own
    at_victim = await cloud.said(
        villain,
        f"{metadata} http://{victim.interface.address}/computeMetadata/v1/instance/name; "
        f"{metadata} --interface {victim.interface.address} http://169.254.169.254/computeMetadata/v1/instance/name",
    )
    assert "victim" not in at_victim
    assert await cloud.said(villain, "find / -name control.sock 2>/dev/null") == ""


@in_cloud
async def test_what_the_host_writes_at_the_next_boot_goes_through_no_link(cloud: Cloud) -> None:
    mine = cloud.home.path / "precious"
    mine.write_text("mine", encoding="ascii")
    spec = await cloud.boot("", "villain")
    await cloud.said(
        spec,
        f"cd /etc; rm hosts hostname resolv.conf; ln -s {mine} hosts; ln -s {mine} hostname; mkdir resolv.conf",
    )
    await cloud.machines.stop(spec.id, grace=0)
    await cloud.machines.start(spec)
    assert mine.read_text(encoding="ascii") == "mine"
    assert await cloud.said(spec, "hostname -f; cat /etc/hostname; grep nameserver /etc/resolv.conf") == (
        "villain.europe-west1-b.c.local.internal\nvillain\nnameserver 169.254.169.254\n"
    )


@in_cloud
async def test_nothing_of_the_developers_environment_is_inside(cloud: Cloud) -> None:
    os.environ["CANARY_OF_THE_HOST"] = "sings"
    try:
        spec = await cloud.boot("#!/bin/bash\nenv\n")
        said = await cloud.settled(spec) + await cloud.said(spec, "env; tr '\\0' '\\n' < /proc/1/environ")
    finally:
        del os.environ["CANARY_OF_THE_HOST"]
    assert "CANARY" not in said
    assert "owner-token" not in said
    assert (
        await cloud.said(spec, "command -v python3; python3 -c 'import sys; print(sys.prefix)'")
    ) == "/usr/bin/python3\n/usr\n"
