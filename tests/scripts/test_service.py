"""The sample service, run for real on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from scripts.service import Service, numbers, port_from
from tests.scripts.google import Google
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).resolve().parents[2] / "scripts/service.py"
Seen = TypeVar("Seen")
PATIENCE = 120.0  # seconds: fails a test that hangs, and nothing else


@dataclass
class Running:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    google: Google

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path: str) -> tuple[int, str]:
        connection = self.connect()
        connection.request("GET", path)
        response = connection.getresponse()
        found = response.status, response.read().decode()
        connection.close()
        return found

    def json(self, path: str) -> dict[str, Any]:
        status, text = self.get(path)
        assert status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found

    @property
    def children(self) -> list[int]:
        # Not from /proc/PID/task/*/children: a thread that ends hands its children on, and they can be missed in between.
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid:
                    found.append(int(path.parent.name))
        return found


def until(look: Callable[[], Seen], enough: Callable[[Seen], bool]) -> Seen:
    """Look until it is enough, and return what is then seen."""
    end = time.monotonic() + PATIENCE
    while not enough(seen := look()):
        assert time.monotonic() < end, seen
        os.sched_yield()
    return seen


@pytest.fixture
def service() -> Iterator[Running]:
    with Google() as google, serving(google):
        process = subprocess.Popen(
            [sys.executable, "-I", str(PROGRAM)],
            env={**os.environ, "PORT": "0", "GCE_METADATA_HOST": google.address},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        line = process.stderr.readline()
        match = re.fullmatch(r"listening on port (\d+)\n", line)
        assert match, line
        try:
            yield Running(process=process, port=int(match[1]), google=google)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


def test_it_says_who_answers_whom(service: Running) -> None:
    connection = service.connect()

    def answer_to_me() -> dict[str, Any]:
        connection.request("GET", "/")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        return found

    answer = until(answer_to_me, lambda found: found["zone"] is not None)
    assert (answer["instance"], answer["zone"]) == ("web-1a2b", "europe-west1-c")
    address, port = connection.sock.getsockname()
    assert answer["client"] == {"address": address, "port": port}
    assert answer["server"] == {"address": "127.0.0.1", "port": service.port}
    assert answer["uptime_sec"] >= 0
    connection.close()


def test_it_can_be_unwell_for_a_while_and_mended(service: Running) -> None:
    assert service.get("/healthz") == (200, "ok\n")
    service.json("/break?seconds=3000")
    status, text = service.get("/healthz")
    assert status == 503
    assert re.fullmatch(r"broken for (29\d\d\.\d|3000\.0) more seconds\n", text)
    assert service.get("/")[0] == 200, "only its health is bad"
    service.json("/break?seconds=0")
    assert service.get("/healthz")[0] == 200


def test_burning_uses_cpu_in_other_processes_until_told_to_stop(service: Running) -> None:
    cpus = len(os.sched_getaffinity(0))
    assert service.json("/burn?seconds=3000&cpu=0.5") == {"burning_sec": 3000.0, "cpu": 0.5, "cpus": cpus}
    first = service.children
    assert len(first) == cpus
    until(lambda: ticks(first[0]), lambda used: used >= 5)
    assert service.get("/healthz")[0] == 200
    service.json("/burn?seconds=3000")
    assert len(service.children) == cpus, "a new burn takes the place of the old"
    assert not set(service.children) & set(first)
    service.json("/burn?seconds=0")
    assert service.children == []


def ticks(pid: int) -> int:
    """Return the CPU time of a process, in the kernel's ticks."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/burn", 400, "seconds: give it once"),
        ("/burn?seconds=", 400, "not a number from 0 to 3600"),
        ("/burn?seconds=nan", 400, "not a number"),
        ("/burn?seconds=inf", 400, "not a number"),
        ("/burn?seconds=-1", 400, "not a number"),
        ("/burn?seconds=3601", 400, "from 0 to 3600"),
        ("/burn?seconds=1&seconds=2", 400, "give it once"),
        ("/burn?seconds=1&cpu=2", 400, "cpu = '2': not a number from 0.01 to 1"),
        ("/burn?seconds=1&cup=1", 400, "unknown parameter 'cup'; there are seconds, cpu"),
        ("/break?seconds=soon", 400, "seconds = 'soon'"),
        ("/break?" + "&".join(f"a{n}=1" for n in range(20)), 400, "Max number of fields exceeded"),
        ("/nowhere", 404, "there are /, /healthz, /burn and /break"),
    ],
)
def test_odd_requests_are_answered_with_the_reason(
    service: Running, path: str, status: int, words: str
) -> None:
    found, text = service.get(path)
    assert found == status
    assert words in json.loads(text)["error"]
    assert service.get("/healthz")[0] == 200


def test_connections_are_kept_and_bodies_never_taken_for_requests(service: Running) -> None:
    connection = service.connect()
    for path in ("/", "/healthz", "/nowhere", "/"):
        connection.request("GET", path)
        connection.getresponse().read()
        assert connection.sock is not None, "still open"
    connection.request("HEAD", "/")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/", body=b"GET /break?seconds=60 HTTP/1.1\r\n\r\n")
    response = connection.getresponse()
    response.read()
    assert response.getheader("Connection") == "close"
    assert service.get("/healthz")[0] == 200
    connection.close()


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01 not http at all\r\n\r\n", b"GET http://[ HTTP/1.1\r\nConnection: close\r\n\r\n"]
)
def test_noise_is_refused(service: Running, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as connection:
        connection.sendall(noise)
        assert b"400" in connection.recv(4096)
    assert service.get("/")[0] == 200


def test_many_clients_at_once_are_all_answered(service: Running) -> None:
    with ThreadPoolExecutor(50) as clients:
        assert [status for status, _ in clients.map(lambda _: service.get("/"), range(400))] == [200] * 400


def test_sigterm_ends_it_even_with_idle_connections_open(service: Running) -> None:
    idle = service.connect()
    idle.request("GET", "/")
    idle.getresponse().read()
    service.json("/burn?seconds=3000")
    burning = service.children
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=PATIENCE) == 0
    assert service.process.stderr is not None
    assert service.process.stderr.read().endswith("stopped\n")
    assert [pid for pid in burning if Path(f"/proc/{pid}").exists()] == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port))
    idle.close()


def test_stopping_waits_for_requests_under_way() -> None:
    service = Service(("127.0.0.1", 0))
    entered, leave = threading.Event(), threading.Event()

    def request() -> None:
        with service.request_under_way():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=request)
    thread.start()
    entered.wait()
    drained: list[bool] = []
    drainer = threading.Thread(target=lambda: drained.append(service.drain()))
    drainer.start()
    assert drained == []
    leave.set()
    drainer.join()
    thread.join()
    service.server_close()
    assert drained == [True]


@pytest.mark.parametrize("text", ["", "x", "65536", "-1", "8 0"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="set it to a number from 1 to 65535"):
        port_from(text)


def test_an_absent_number_takes_its_default() -> None:
    assert numbers("seconds=1", {"seconds": (0, 9, None), "cpu": (0, 1, 0.5)}) == {"seconds": 1, "cpu": 0.5}


def test_both_families_are_served_and_addresses_shown_as_people_write_them(service: Running) -> None:
    assert service.json("/")["client"]["address"] == "127.0.0.1"
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine's kernel has no IPv6")
    try:
        connection = http.client.HTTPConnection("::1", service.port, timeout=PATIENCE)
        connection.connect()
    except OSError as error:
        pytest.skip(f"this machine's loopback has no IPv6: {error}")
    connection.request("GET", "/")
    found = json.loads(connection.getresponse().read())
    connection.close()
    assert found["client"]["address"] == found["server"]["address"] == "::1"
