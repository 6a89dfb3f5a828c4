"""How long from `localcloud start` to the API's first answer, against a bare Starlette application on the same HTTP server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.emulators.emulator import request
from benchmarks.emulators.process import PATIENCE, free_port
from benchmarks.section import BenchmarkSection, Row
from localcloud.daemon.config import CloudConfig
from localcloud.home import Home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROUNDS = 9
TARGET = 300.0  # ms
METHOD = f"""
{ROUNDS} rounds; in each, one after the other, a command is started and its port asked every millisecond until a request is answered with
200: `localcloud start` for a cloud that does not run (its folder new but for `config.json`, so that the port is known), asked for the
project's regions with the owner's token; and a bare Starlette application with one route on the same HTTP server. `python -c pass`
is the interpreter alone."""


def run() -> BenchmarkSection:
    """Measure.

    Raises:
        TimeoutError: nothing answered within a minute.
    """
    cloud, bare, nothing = [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="mig-nlb-bench-") as folder:
            cloud.append(_cloud(Path(folder)))
        bare.append(_bare())
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        nothing.append((time.perf_counter() - begun) * 1000)
    return BenchmarkSection(
        "Readiness of the API",
        METHOD,
        [
            Row.median("`localcloud start` to the first answer", cloud, "ms", at_most=TARGET),
            Row.median("bare Starlette application to the first answer", bare, "ms"),
            Row.median("`python -c pass`", nothing, "ms"),
            Row.ratios("local cloud / bare application", cloud, bare),
        ],
    )


def _cloud(folder: Path) -> float:
    config = CloudConfig.load_or_create(Home(folder))
    command = [sys.executable, "-m", "localcloud"]
    environ = os.environ | {"LOCALCLOUD_HOME": str(folder)}
    path = f"/compute/v1/projects/{config.project}/regions"
    headers = {"Authorization": f"Bearer {config.owner_token}"}
    asking = request(config.api_port, "GET", path, headers=headers)
    try:
        return _until_answered([*command, "start"], config.api_port, asking, environ, stays=False)
    finally:
        subprocess.run([*command, "stop"], env=environ, check=True, stdout=subprocess.DEVNULL)


def _bare() -> float:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.emulators.bare_route", str(port)]
    return _until_answered(command, port, request(port, "GET", "/"), os.environ, stays=True)


def _until_answered(
    command: Sequence[str], port: int, asking: bytes, environ: Mapping[str, str], *, stays: bool
) -> float:
    """Return the milliseconds from starting the command; one that `stays` is ended then, another one awaited."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    try:
        while not _answers(port, asking):
            if time.perf_counter() - begun > PATIENCE:
                raise TimeoutError(f"{' '.join(command)}: nothing answers on port {port}")
            time.sleep(0.001)
        return (time.perf_counter() - begun) * 1000
    finally:
        if stays:
            process.terminate()
        process.wait()


def _answers(port: int, asking: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(asking)
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    except (ConnectionRefusedError, ConnectionResetError):
        return False
