"""Commands on instances: exit statuses, streams, terminals; and instances that answer with nonsense."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import termios
import threading
from typing import TYPE_CHECKING

import pytest

from localcloud.guest import session
from localcloud.guest.init import wire
from localcloud.guest.session import GuestSession, SessionError
from tests.localcloud.guest.cloud import Cloud, in_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.kernel
@in_cloud
async def test_command_has_its_streams_and_exit_status(cloud: Cloud) -> None:
    spec = await cloud.boot()
    done = await cloud.run(spec, "echo out; echo err >&2; exit 7")
    assert (done.exit_status, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    assert (await cloud.run(spec, "kill -9 $$")).exit_status == 137
    large = b"0123456789abcdef" * 200_000
    done = await cloud.machines.exec(spec.id, ["cat"], stdin=large)
    assert done.stdout == large
    with pytest.raises(SessionError, match="no-such-command: No such file"):
        await cloud.machines.exec(spec.id, ["no-such-command"])
    with pytest.raises(SessionError, match="put it into a file"):
        await cloud.machines.exec(spec.id, ["echo", "x" * 70_000])
    background = await cloud.run(spec, "sleep 1000 & echo started")
    assert background.stdout == b"started\n"


@pytest.mark.kernel
@in_cloud
async def test_terminal_is_one(cloud: Cloud) -> None:
    spec = await cloud.boot()
    done = await cloud.machines.exec(
        spec.id, ["/bin/bash", "-c", "tty; stty size; read x; echo got $x; exit 4"], stdin=b"word\n", tty=True
    )
    assert done.exit_status == 4
    lines = done.stdout.decode().replace("\r", "").splitlines()
    assert "/dev/pts/0" in lines
    assert "24 80" in lines
    assert lines[-1] == "got word"


ATTACH = """
import sys
from pathlib import Path
from localcloud.guest.session import GuestSession
sys.exit(GuestSession(Path(sys.argv[1])).attach(sys.argv[3:], tty=sys.argv[2] == "tty"))
"""


@pytest.mark.kernel
@in_cloud
async def test_attached_terminal_is_raw_follows_its_window_and_is_restored(cloud: Cloud) -> None:
    spec = await cloud.boot()
    outer, inner = os.openpty()
    before = termios.tcgetattr(inner)
    termios.tcsetwinsize(inner, (33, 101))
    command = "echo ready; read x; stty size; echo got $x; read y; exit 5"
    argv = [
        sys.executable,
        "-c",
        ATTACH,
        str(cloud.home.instance(spec.id)),
        "tty",
        "/bin/bash",
        "-c",
        command,
    ]
    client = await asyncio.create_subprocess_exec(*argv, stdin=inner, stdout=inner, start_new_session=True)
    seen = ""

    async def expect(text: str) -> None:
        nonlocal seen
        while text not in seen:
            seen += (await asyncio.to_thread(os.read, outer, 4096)).decode()

    await expect("ready")
    os.write(outer, b"one\n")
    await expect("33 101")
    await expect("got one")
    os.write(outer, b"\n")
    assert await client.wait() == 5
    assert termios.tcgetattr(inner) == before
    os.close(outer)
    os.close(inner)


@pytest.mark.kernel
@in_cloud
async def test_attached_pipe_passes_everything_through(cloud: Cloud) -> None:
    spec = await cloud.boot()
    argv = [
        sys.executable,
        "-c",
        ATTACH,
        str(cloud.home.instance(spec.id)),
        "",
        "/bin/bash",
        "-c",
        "cat; echo e >&2; exit 6",
    ]
    client = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    data = bytes(range(256)) * 4000
    output, errors = await client.communicate(data)
    assert (client.returncode, errors) == (6, b"e\n")
    assert output == data


@pytest.mark.kernel
@in_cloud
async def test_attached_command_ends_when_its_client_leaves(cloud: Cloud) -> None:
    spec = await cloud.boot()
    connection = session.connect(cloud.home.instance(spec.id))
    session._send_exec(connection, ["/bin/bash", "-c", "echo $$ > /root/pid; sleep 1000"], None, tty=True)
    pid = (await cloud.said(spec, "until test -s /root/pid; do sleep 0.01; done; cat /root/pid")).strip()
    connection.close()
    await cloud.said(spec, f"while test -e /proc/{pid}; do sleep 0.01; done")


@pytest.mark.kernel
@in_cloud
async def test_socket_is_reached_below_a_very_long_path(cloud: Cloud) -> None:
    spec = await cloud.boot()
    link = cloud.home.path / ("x" * 120)
    link.symlink_to(cloud.home.instance(spec.id))
    done = await asyncio.to_thread(GuestSession(link).run, ["echo", "far"])
    assert done.stdout == b"far\n"


@pytest.fixture(params=["heard", "unheard"])
def enemy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[bytes]]:
    """An instance that answers whatever is in the list, one piece to each connection.

    It has read what it was sent, or closes on it unread, which the kernel tells the other side as a reset.
    """
    answers: list[bytes] = []
    with session.listen(tmp_path) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    heard = connection.recv(65536, 0 if request.param == "heard" else socket.MSG_PEEK)
                    while request.param == "heard" and not heard.endswith(wire.frame(wire.INPUT)):
                        heard += connection.recv(65536)
                    connection.sendall(answers.pop(0))

        thread = threading.Thread(target=serve)
        thread.start()
        yield answers
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"o" + (1 << 31).to_bytes(4, "big"), "frame of 2147483648 bytes: at most 65536"),
        (b"", "ended the connection"),
        (wire.frame(wire.OUTPUT, b"x"), "ended the connection"),
        (wire.frame(wire.FAILURE, b"y" * 5000), "^y{1000}$"),
        (b"\xff" * 3, "ended the connection"),
    ],
)
def test_nonsense_from_an_instance_is_an_error(
    enemy: list[bytes], tmp_path: Path, answer: bytes, message: str
) -> None:
    enemy.append(answer)
    with pytest.raises(SessionError, match=message):
        GuestSession(tmp_path).run(["true"])


@pytest.mark.parametrize("status", [b"", b"-1", b"99999999999", b"abc", b"\xff"])
def test_exit_status_that_is_none_reads_as_failure(enemy: list[bytes], tmp_path: Path, status: bytes) -> None:
    enemy.append(wire.frame(wire.EXIT, status))
    assert GuestSession(tmp_path).run(["true"]).exit_status == 255


def test_instance_that_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=rf"instance {tmp_path.name} is not running"):
        GuestSession(tmp_path).run(["true"])
