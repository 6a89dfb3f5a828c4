"""The `gcp` plugin of a cloud. It keeps nothing, but deployments are attached to it: it outlives the daemon and is found by the next one.

It is written down in `run/plugin.json`. One that dies is followed by another on the same port; a deployment under way then fails, as it
does wherever a provider dies, and the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from localcloud.daemon.process_record import ProcessRecord, start_recorded
from localcloud.dataplane import inhabitants
from localcloud.dataplane.restarts import Restarts
from localcloud.dataplane.vigil import Duty

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from localcloud.daemon.config import CloudConfig
    from localcloud.dataplane.vigil import Vigil
    from localcloud.home import Home

_log = logging.getLogger(__name__)
# HTTP/2's beginning, as a client says it: the preface, and settings without any. A server answers with settings of its own.
_BEGINNING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_PATIENCE = 5.0  # real seconds for one that was asked to end


class Plugin:
    """Whatever plugin serves on the cloud's provider port: the one that an earlier daemon left, or a child of this one."""

    def __init__(self, home: Home, config: CloudConfig, vigil: Vigil) -> None:
        """`vigil` looks after it: one that takes connections and says nothing is followed by another."""
        self._home, self._config = home, config
        self._child: subprocess.Popen[bytes] | None = None
        self._restarts = Restarts("gcp plugin")
        vigil.add(Duty("gcp plugin", self._kill, ask=self._ask))
        self._following = asyncio.create_task(self._follow())

    def problem(self) -> str:
        """Return what is the matter with its starts, if anything is."""
        return self._restarts.problem()

    async def leave(self) -> None:
        """Leave it to itself."""
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)

    async def end(self) -> None:
        """End it."""
        await self.leave()
        await end(self._home)
        self._reap()

    async def _follow(self) -> None:
        while True:
            found = ProcessRecord.living(_record(self._home))
            if found is None:
                self._child = _start(self._home, self._config)
                self._restarts.began()
                found = ProcessRecord.of(self._child.pid)
            if found is not None:
                await found.ended()
            self._reap()
            _log.warning("the gcp plugin is gone; starting another")
            await self._restarts.wait()

    async def _ask(self) -> None:
        """Have it say what every server of its kind says first. Raises OSError where nobody listens."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._config.provider_port)
        try:
            writer.write(_BEGINNING)
            await reader.read(1)
        finally:
            writer.transport.abort()

    def _kill(self) -> int:
        found = ProcessRecord.living(_record(self._home))
        if found is None or inhabitants.state(found.pid) == inhabitants.TRACED:
            return 0
        found.send(signal.SIGKILL)
        return 1

    def _reap(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.wait()


async def end(home: Home) -> None:
    """End the plugin that is written down, if it lives."""
    found = ProcessRecord.living(_record(home))
    if found is not None:
        found.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(found.ended(), _PATIENCE)
        except TimeoutError:
            found.send(signal.SIGKILL)
            await found.ended()
    _record(home).unlink(missing_ok=True)


def _record(home: Home) -> Path:
    return home.run / "plugin.json"


def _start(home: Home, config: CloudConfig) -> subprocess.Popen[bytes]:
    """Start a plugin. The owner's token goes to it in a file, so that it shows in no process list."""
    command = [sys.executable, "-m", "localcloud.provider", "--port", str(config.provider_port)]
    command += ["--endpoint", config.endpoint, "--token-file", str(config.write_token(home))]
    command += ["--creations", str(home.creations), "--once-told"]
    return start_recorded(command, _record(home), home.logs / "plugin.log", os.environ)
