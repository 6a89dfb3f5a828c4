"""`localcloud client`: a command where the cloud's clients are, so that its packets meet the balancer directly."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from localcloud.cli.client import Client, CloudError

if TYPE_CHECKING:
    import argparse

    from localcloud.home import Home


def run(home: Home, given: argparse.Namespace) -> int:
    """Run a command, or a shell, in the internet namespace; the exit status is the command's own."""
    from localcloud.dataplane.doorkeeper import client_process  # noqa: PLC0415 - as much as all that the other commands need
    from localcloud.dataplane.holding import WorldError  # noqa: PLC0415 - as above

    Client.connect(home)
    try:
        pid = client_process(home)
    except (OSError, WorldError) as error:
        msg = (
            f"the way in is not there ({error}); see {home.logs / 'dataplane.log'}, or start the cloud again"
        )
        raise CloudError(msg) from error
    enter = ["nsenter", "--target", str(pid), "--user", "--net", "--preserve-credentials", "--"]
    command = [*enter, *(given.argv or ["/bin/bash"])]
    if not given.json:
        return subprocess.run(command, check=False).returncode
    done = subprocess.run(command, capture_output=True, check=False)
    result = {
        "exit_status": done.returncode,
        "stdout": done.stdout.decode(errors="replace"),
        "stderr": done.stderr.decode(errors="replace"),
    }
    print(json.dumps(result))
    return done.returncode
