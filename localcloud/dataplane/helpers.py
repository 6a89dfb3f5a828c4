"""The daemon's way to its helpers in the world: starts the agent, has it fork workers, and starts anew what has died."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import sys
from array import array
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import inhabitants, wire
from localcloud.dataplane.holding import PYTHON_ENVIRONMENT, Holder, WorldError
from localcloud.dataplane.restarts import Restarts
from localcloud.dataplane.vigil import LONG_PATIENCE, PATIENCE, Duty, Vigil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path


class Agent:
    """The fork server inside the world. One per daemon; it ends with the daemon."""

    def __init__(self, holder: Holder, log: Path, lock: int, vigil: Vigil) -> None:
        """`lock`: the descriptor of `holding.outlast_helpers`, for all that ends with the daemon to hold."""
        self._holder, self._helpers_lock = holder, lock
        self._log = log
        self._vigil = vigil
        self._channel: wire.Channel | None = None
        self._starting = asyncio.Lock()
        self._ended = False  # the one before, or it could not be started
        self._restarts = Restarts("agent")
        self._duty = self.duty("agent")

    def duty(
        self,
        role: str,
        number: Callable[[], int | None] = lambda: None,
        *,
        patience: int = PATIENCE,
        ask: Callable[[], Awaitable[None]] | None = None,
    ) -> Duty:
        """Have a helper looked after. `number` tells its process id, in the world's numbering; None: there is one of its kind."""

        def end() -> int:
            return inhabitants.end(self._holder.pid, role, number())

        return self._vigil.add(Duty(role, end, patience=patience, ask=ask))

    def problem(self) -> str:
        """Return what is the matter with its starts, if anything is."""
        return self._restarts.problem()

    async def fork(self, role: str) -> tuple[int, wire.Channel]:
        """Fork a helper; return its process id (the world's numbering) and the connection to it. Raises WorldError."""
        for attempt in (1, 2):
            channel = await self._connected()
            ours, theirs = socket.socketpair()
            try:
                with self._duty.owing():
                    answer, _ = await channel.call({"role": role}, [theirs.fileno()])
            except EOFError as error:
                ours.close()
                if self._channel is channel:
                    self._drop()
                    self._ended = True
                if attempt == 2:
                    msg = f"the world's agent dies when asked for a {role}; see {self._log}"
                    raise WorldError(msg) from error
            else:
                return int(answer["pid"]), wire.Channel(ours)
            finally:
                theirs.close()
        raise AssertionError  # the loop returns or raises

    def close(self) -> None:
        """Let the agent go; it and its workers and prober end."""
        self._drop()

    def _drop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def _connected(self) -> wire.Channel:
        async with self._starting:
            if self._channel is None:
                if self._ended:
                    await self._restarts.wait()
                self._ended = True
                self._channel = await self._start()
                self._ended = False
                self._restarts.began()
            return self._channel

    async def _start(self) -> wire.Channel:
        ours, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-m",
            "localcloud.dataplane.agent",
            str(self._holder.pid),
            str(theirs.fileno()),
            str(self._helpers_lock),
        ]
        log = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            result = await asyncio.to_thread(
                subprocess.run,
                command,
                env=PYTHON_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(), self._helpers_lock),
                check=False,
            )
        finally:
            os.close(log)
            theirs.close()
        if result.returncode != 0:
            ours.close()
            msg = f"the world's agent did not start (status {result.returncode}); see {self._log}"
            raise WorldError(msg)
        return wire.Channel(ours)


class Worker:
    """A worker of the agent's, forked when first needed and again when it has died."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._channel: wire.Channel | None = None
        self._number: int | None = None  # its process, in the world's numbering
        self._ended = False  # the one before
        self._turn = asyncio.Lock()
        self._restarts = Restarts("worker")
        self._duty = agent.duty("worker", lambda: self._number, patience=LONG_PATIENCE)

    def problem(self) -> str:
        """Return what is the matter with its starts, if anything is."""
        return self._restarts.problem()

    async def call(
        self, message: dict[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        """Send a request; return the answer and its descriptors. Raises wire.HelperError, or WorldError if the worker died of it."""
        channel = await self._connected()
        try:
            with self._duty.owing():
                return await channel.call(message, descriptors)
        except EOFError as error:
            if self._channel is channel:
                self._channel, self._ended = None, True
            channel.close()
            msg = f"the world's worker died while it did {message['do']!r}; the request may or may not have taken effect"
            raise WorldError(msg) from error

    async def ip(self, *steps: Sequence[str], may_fail: bool = False, ipv6: bool = False) -> None:
        """Run batches of ip commands in the router; `ipv6`: what says nothing of a family is about IPv6."""
        if any(steps):
            await self.call(
                {
                    "do": "ip",
                    "ipv6": ipv6,
                    "steps": [{"lines": list(lines), "may_fail": may_fail} for lines in steps if lines],
                }
            )

    async def ip_show(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what `ip -json ...` says in the router."""
        answer, _ = await self.call({"do": "ip_show", "arguments": list(arguments)})
        result: list[dict[str, Any]] = answer["result"]
        return result

    async def nft(self, script: str) -> None:
        """Load an nft script, as one transaction."""
        await self.call({"do": "nft", "script": script})

    async def fill(
        self, table: str, name: str, slots: Sequence[int], marks: Sequence[int], *, ipv6: bool = False
    ) -> None:
        """Fill a Maglev table: `slots` holds numbers of backends, `marks` the marks of these."""
        packed = base64.b64encode(array("H", slots).tobytes()).decode()
        request = {"do": "fill", "table": table, "name": name, "slots": packed, "marks": marks}
        await self.call({**request, "ipv6": ipv6})

    async def nft_objects(self, table: str, family: str = "ip") -> frozenset[str]:
        """Return what a table consists of: "chain NAME", "set NAME", "map NAME"."""
        # not the ruleset: nft would have to find words for the rules too, of which some have none
        found = []
        for kind in ("chain", "set", "map"):
            answer, _ = await self.call({"do": "nft_show", "arguments": ["list", f"{kind}s", family]})
            found += [(kind, item[kind]) for item in answer["result"] if kind in item]
        return frozenset(f"{kind} {item['name']}" for kind, item in found if item["table"] == table)

    async def nft_counters(self, table: str, family: str = "ip") -> dict[str, int]:
        """Return the packets that the named counters of one of the router's tables have seen."""
        answer, _ = await self.call(
            {"do": "nft_show", "arguments": ["list", "counters", "table", family, table]}
        )
        found = (item["counter"] for item in answer["result"] if "counter" in item)
        return {counter["name"]: int(counter["packets"]) for counter in found}

    async def nft_tables(self, family: str) -> frozenset[str]:
        """Return the names of the router's tables of a family."""
        answer, _ = await self.call({"do": "nft_show", "arguments": ["list", "tables", family]})
        return frozenset(item["table"]["name"] for item in answer["result"] if "table" in item)

    def close(self) -> None:
        """Let the worker go."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def _connected(self) -> wire.Channel:
        async with self._turn:
            if self._channel is None:
                if self._ended:
                    await self._restarts.wait()
                    self._ended = False
                self._number, self._channel = await self._agent.fork("worker")
                self._restarts.began()
            return self._channel
