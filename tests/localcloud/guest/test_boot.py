"""Which process an instance's init is: the kernel says it, and nobody is looked for among other processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from localcloud.dataplane.namespaces import namespace_inode
from localcloud.guest import boot, processes, session
from localcloud.guest.init import wire
from localcloud.guest.machine import converse
from tests.localcloud.guest.cloud import Cloud, in_cloud

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
connection, _ = listener.accept()
while len(connection.recv(5)) == 5:
    connection.sendall(bytes.fromhex(sys.argv[2]))
"""


def test_answer_names_the_process_that_gave_it_even_if_the_thread_that_began_it_has_ended(
    tmp_path: Path,
) -> None:
    answers: list[subprocess.Popen[bytes]] = []
    ready = wire.frame(wire.READY, b"boot").hex()
    with session.listen(tmp_path) as listener:
        argv = [sys.executable, "-I", "-c", ANSWER, str(listener.fileno()), ready]
        thread = threading.Thread(
            target=lambda: answers.append(subprocess.Popen(argv, pass_fds=[listener.fileno()]))
        )
        thread.start()
        thread.join()
    try:
        assert asyncio.run(converse(tmp_path, wire.HELLO)) == answers[0].pid
    finally:
        answers[0].kill()
        answers[0].wait()


def test_process_that_is_no_init_is_not_taken_for_one() -> None:
    with pytest.raises(session.SessionError, match=f"process {os.getpid()} answered for the init"):
        boot.init_of(os.getpid())


@pytest.mark.kernel
@in_cloud
async def test_init_that_is_recorded_is_process_one_of_the_instance(cloud: Cloud) -> None:
    spec = await cloud.boot()
    view = cloud.view(spec)
    assert processes.inner_number(view.pid) == 1
    inner = await cloud.said(spec, "readlink /proc/1/ns/pid")
    assert inner.strip() == f"pid:[{namespace_inode(view.pid, 'pid')}]"
