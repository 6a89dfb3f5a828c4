"""Requests per second of the API, against moto's server and gcplocal doing the nearest same thing, and a bare Starlette route."""

from __future__ import annotations

import itertools
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.emulators.bare_route import bare_route
from benchmarks.emulators.gcplocal import gcplocal
from benchmarks.emulators.local_cloud import local_cloud
from benchmarks.emulators.moto import moto
from benchmarks.emulators.process import programs
from benchmarks.lanes import LANES, rate, send
from benchmarks.section import BenchmarkSection, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.emulators.emulator import Emulator

ROUNDS = 5
SECONDS = 2.0
SEEDED = 1000
AHEAD = 5.0
KINDS = ("get", "list of 1,000", "insert")
METHOD = f"""
Three emulators, each as its own command starts it: a whole local cloud (`localcloud start`: daemon, controllers, store on disk), moto
5.2.5 (`moto_server`, in memory) and gcplocal 0.1.0 (`gcplocal start`, in memory), the latter two in an environment of their own
(`benchmarks/emulators/requirements.lock`). The work is that of an instance's description: `instanceTemplates` here, `LaunchTemplates`
of moto's EC2, `instances` of gcplocal, which has no templates. {ROUNDS} rounds, in each of which every server is new and gets
{SEEDED:,} descriptions; then in turns, {SECONDS:g} s each, {LANES} clients with one request under way each: *get* one by name, *list* all
{SEEDED:,} (two pages of 500 here, as many as Google's API gives; one answer elsewhere), *insert* further ones. moto and gcplocal close the
connection after each answer, so their clients connect again. The local cloud alone checks tokens, permissions, schemas and references,
and keeps what it acknowledged. *bare route*: one Starlette route on the local cloud's HTTP server, answering some 50 bytes. Ratios are
medians of the rounds' own. Processor time is the server's per request: it depends less on what else the machine had to do."""


@dataclass
class _Measured:
    """One server's figures, round by round: rates and seconds of processor time per piece of work, by kind."""

    rates: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    processor: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


def run() -> BenchmarkSection:
    """Measure.

    Raises:
        ToolchainError: the environment with the other two could not be made; without them there is nothing to compare with.
        AnswerError: a server did not do what was asked.
    """
    binaries = programs()
    measured: dict[str, _Measured] = {}
    bare: list[float] = []
    for number in range(ROUNDS):
        print(f"  round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mig-nlb-bench-")))
            servers = [
                stack.enter_context(local_cloud(folder)),
                stack.enter_context(gcplocal(binaries)),
                stack.enter_context(moto(binaries)),
            ]
            plain = stack.enter_context(bare_route())
            for server in servers:
                send(server.port, [*server.prepare, *itertools.islice(server.seed, SEEDED)])
                _check(server)
            for kind in KINDS:
                for server in servers:
                    _measure(server, kind, measured.setdefault(server.name, _Measured()))
            bare.append(rate(plain.port, itertools.repeat(plain.get), SECONDS).rate)
    return BenchmarkSection("The API's requests per second", METHOD, _rows(measured, bare))


def _check(server: Emulator) -> None:
    """Refuse to measure a server that does not have what it was given: every one of the thousand is in its list, once."""
    listed = b"".join(send(server.port, server.pages()))
    for number in range(SEEDED):
        name = f"seed-{number}".encode()
        if not any(quoted in listed for quoted in (b'"name":"' + name + b'"', b">" + name + b"<")):
            raise RuntimeError(f"{server.name} does not list {name.decode()}, which was inserted")


def _measure(server: Emulator, kind: str, into: _Measured) -> None:
    pages = server.pages()
    work: dict[str, tuple[Iterator[bytes], int]] = {
        "get": (itertools.repeat(server.get), 1),
        "list of 1,000": (itertools.cycle(pages), len(pages)),
        "insert": (server.more, 1),
    }
    requests, each = work[kind]
    before = server.cpu_seconds()
    found = rate(server.port, requests, SECONDS)
    into.rates[kind].append(found.rate / each)
    into.processor[kind].append((server.cpu_seconds() - before) / (found.answers / each))


def _rows(measured: dict[str, _Measured], bare: list[float]) -> list[Row]:
    ours = measured["local cloud"]
    others = [name for name in measured if name != "local cloud"]
    rows = [
        Row.ratios(
            f"{kind}: rate, local cloud / {other}",
            ours.rates[kind],
            measured[other].rates[kind],
            at_least=AHEAD,
        )
        for kind in KINDS
        for other in others
    ]
    rows += [
        Row.ratios(
            f"{kind}: processor time, {other} / local cloud",
            measured[other].processor[kind],
            ours.processor[kind],
        )
        for kind in KINDS
        for other in others
    ]
    for kind in KINDS:
        for name, figures in measured.items():
            rows.append(Row.median(f"{kind}: {name}", figures.rates[kind], "/s"))
    rows.append(Row.median("bare route", bare, "/s"))
    for kind in KINDS:
        for name, figures in measured.items():
            micros = [seconds * 1e6 for seconds in figures.processor[kind]]
            rows.append(Row.median(f"{kind}: processor time, {name}", micros, "us"))
    return rows
