"""The `gcp` plugin as a child of the daemon: it keeps nothing, so it lives and dies with the daemon, even one that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from localcloud.daemon.config import CloudConfig
    from localcloud.home import Home


@contextlib.asynccontextmanager
async def plugin(home: Home, config: CloudConfig) -> AsyncIterator[None]:
    """Run the plugin on the cloud's provider port for as long as the block lasts.

    The owner's token goes to it in a file, so that it shows in no process list.
    """
    with (home.logs / "plugin.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "localcloud.provider",
            "--port",
            str(config.provider_port),
            "--endpoint",
            config.endpoint,
            "--token-file",
            str(config.write_token(home)),
            "--until-eof",
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), timeout=5)
            except TimeoutError:
                process.kill()
                await process.wait()
