"""Which group a stack has: its output says so."""

from __future__ import annotations

import json
import subprocess

from scripts.diagnosis.google_api import CannotLookError


def group_of(stack: str) -> str:
    """Return the link of a stack's instance group, from `pulumi stack output`.

    Raises:
        CannotLookError: the output cannot be read, or the stack has none.
    """
    command = ["pulumi", "stack", "output", "--json", *(["--stack", stack] if stack else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        msg = f'pulumi cannot be run ({error}); eval "$(make -s env STACK={stack or "local"})" puts it on PATH, or name the group: --group'
        raise CannotLookError(msg) from error
    if done.returncode != 0:
        raise CannotLookError(f"{' '.join(command)}: {done.stderr.strip()}")
    link = json.loads(done.stdout).get("instance_group")
    if not isinstance(link, str):
        raise CannotLookError(f"the stack {stack} has no output instance_group; deploy it first: make up")
    return link
