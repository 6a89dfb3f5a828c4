"""Clients under way while things die: on the host, among the cloud's clients, and on an instance."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.localcloud.crash.talk import PORT, TALKERS


@dataclass(frozen=True)
class Report:
    """What became of the clients of one place since they were asked last. Times in seconds.

    `troubles`: (what for: "kept", "new" or "begin", which error, its words). `lives`: by instance, the number of the process that answered.
    """

    troubles: Sequence[tuple[str, str, str]]
    echoed: int
    made: int
    lives: Mapping[str, str]
    gap: float
    slowest: float


class Talkers:
    """A process that keeps some connections busy and makes new ones at a steady rate."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(
        cls,
        address: str,
        environment: Mapping[str, str],
        where: Sequence[str] = (),
        python: str = sys.executable,
    ) -> Talkers:
        """Start them by a command (none: on the host)."""
        command = [*where, python, "-ISEc", TALKERS, address, str(PORT), "3", "5"]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=1 << 22,
        )
        return cls(process)

    async def report(self) -> Report:
        """Ask."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        line = await self._process.stdout.readline()
        assert line, f"the clients have ended with status {await self._process.wait()}"
        fields = json.loads(line)
        fields["troubles"] = [tuple(each) for each in fields["troubles"]]
        return Report(**fields)

    async def end(self) -> None:
        """Hang up."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 30)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
