"""What a start-up script that means harm gets: nothing. Each attempt prints ESCAPED if it succeeds."""

from __future__ import annotations

import getpass
import os
import resource
import sys
from pathlib import Path

import pytest

from localcloud.guest import processes
from tests.localcloud.guest.cloud import Cloud, in_cloud

pytestmark = pytest.mark.kernel

REPOSITORY = Path(__file__).resolve().parents[3]

# What must fail, by what it tries; run as the instance's root by bash.
ATTEMPTS = {
    "read the host's password file": "grep -q '^{user}:.*{home}' /etc/passwd && [ {home} != /root ] && echo ESCAPED",
    "read the cloud's folder": "ls {cloud} && echo ESCAPED",
    "read the host's home": "ls -A {home} | grep -v -e .bashrc -e .profile && echo ESCAPED",
    "read the repository": "ls {repository} && echo ESCAPED",
    "read the host's shadow file": "grep -E '^[^:]+:\\$' /etc/shadow && echo ESCAPED",
    "write to the system": "touch /usr/bin/evil && echo ESCAPED",
    "replace a command of the init": "echo > /usr/local/lib/guest/init/pid1.py && echo ESCAPED",
    "change the shared certificates": "touch /etc/ssl/certs/evil.pem && echo ESCAPED",
    "see processes of the host": "[ -e /proc/{pid} ] && grep -q {command} /proc/{pid}/cmdline && echo ESCAPED",
    "make a user namespace": "unshare --user true && echo ESCAPED",
    "make a mount namespace": "unshare --mount true && echo ESCAPED",
    "make a network namespace": "unshare --net true && echo ESCAPED",
    "mount something": "mount -t tmpfs none /mnt && echo ESCAPED",
    "make the system writable": "mount -o remount,rw /usr && echo ESCAPED",
    "enter another namespace": "nsenter --target 1 --mount true && echo ESCAPED",
    "change its link": "ip link set eth0 down && echo ESCAPED",
    "take another address": "ip address add 10.0.0.99/24 dev eth0 && echo ESCAPED",
    "change its routes": "ip route replace default via 10.0.0.9 && echo ESCAPED",
    "write firewall rules": "nft add table ip evil && echo ESCAPED",
    "send raw packets": "{python} -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)' && echo ESCAPED",
    "change a setting of the kernel": "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern && echo ESCAPED",
    "press the magic key": "echo h > /proc/sysrq-trigger && echo ESCAPED",
    "change the mode of a kernel file": "chmod 444 /proc/meminfo && echo ESCAPED",
    "change the mode of the host's devices": "chmod 666 /dev/null && echo ESCAPED",
    "read the kernel's log": "dmesg && echo ESCAPED",
    "read the machine's memory": '{python} -c \'open("/proc/kcore", "rb").read(1)\' && echo ESCAPED',
    "make a device": "mknod /tmp/disk b 254 0 && echo ESCAPED",
    "gain a capability": "{python} -c 'import os; os.sethostname' ; hostname evil && echo ESCAPED",
    "set the clock": "date -s 2020-01-01 && echo ESCAPED",
    "become real": "chroot / true && echo ESCAPED",
    "reboot the host": "{python} -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).reboot(0x89abcdef))' && echo ESCAPED",
    "keep more files open than allowed": "ulimit -n 1000000 && echo ESCAPED",
    "type into the terminal above": (
        '{python} -c \'import fcntl, termios, os; fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), termios.TIOCSTI, b"x")\' && echo ESCAPED'
    ),
    "reach the host's services": "{python} -c 'import socket; socket.create_connection((\"{gateway}\", {port}), 1)' && echo ESCAPED",
    "find the host's sockets": "find / -xdev -type s -not -path '/run/*' 2>/dev/null | grep . && echo ESCAPED",
    "share memory with the host": "ipcs -m | grep -E '^0x' && echo ESCAPED",
    "leave through the container's root": "ls /proc/1/root/../../{cloud} && echo ESCAPED",
}


def core_pattern() -> str:
    """Return a setting that belongs to the whole host."""
    return Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii")


@in_cloud
async def test_no_attempt_to_get_out_succeeds(cloud: Cloud) -> None:
    spec = await cloud.boot("", "villain")
    facts = {
        "user": getpass.getuser(),
        "home": str(Path.home()),
        "cloud": cloud.home.path,
        "repository": REPOSITORY,
        "pid": os.getpid(),
        "command": Path(sys.argv[0]).name or "pytest",
        "python": "/usr/bin/python3",
        "gateway": "10.0.0.1",
        "port": 22,
    }
    before = core_pattern()
    escaped = []
    for name, attempt in ATTEMPTS.items():
        command = attempt
        for fact, value in facts.items():
            command = command.replace("{" + fact + "}", str(value))
        said = await cloud.said(spec, command)
        if "ESCAPED" in said:
            escaped.append(f"{name}: {said}")
    assert escaped == []
    assert core_pattern() == before
    assert cloud.view(spec).state == "running"


@in_cloud
async def test_another_instances_metadata_token_and_control_socket_are_out_of_reach(cloud: Cloud) -> None:
    secret = "the-victims-secret"
    victim = await cloud.boot_with({"password": secret}, "victim")
    villain = await cloud.boot("", "villain")
    metadata = "curl -sm2 -H Metadata-Flavor:Google"
    own = await cloud.said(villain, f"{metadata} 'http://169.254.169.254/computeMetadata/v1/?recursive=true'")
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
async def test_limits_are_set_and_many_processes_die_with_their_instance(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    limits = await cloud.said(spec, "ulimit -Hu; ulimit -Hn; ulimit -Hf; ulimit -Hd")
    files = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert limits.split() == ["4096", str(files), str((10 << 30) // 1024), str(2048 * 1024)]
    await cloud.run(spec, "for i in $(seq 200); do sleep 1000 & done >/dev/null 2>&1 </dev/null")
    tree = processes.Snapshot().tree(cloud.machines._machines[spec.id].record.init)
    assert len(tree) > 200
    await cloud.machines.stop(spec.id, grace=0)
    assert not [pid for pid, facts in tree.items() if processes.ProcessId(pid, facts.started).alive()]


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
