"""Which group a stack has: its output says so, and its configuration where the first deployment is still under way."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from scripts.diagnosis.google_api import CannotLookError

if TYPE_CHECKING:
    from scripts.diagnosis.google_api import GoogleApi


def group_of(stack: str, api: GoogleApi) -> str:
    """Return the link of a stack's instance group, or of its manager.

    Args:
        stack: the stack's name; the selected one if it is empty.
        api: where a group is looked for that the stack's state does not have yet.

    Raises:
        CannotLookError: the stack cannot be read, or has no group.
        RefusedError: groups may not be listed.
    """
    link = _pulumi(stack, "stack", "output").get("instance_group")
    if not isinstance(link, str):
        # A stack has its outputs at the end of a deployment, and who asks the doctor may not want to wait for that.
        link = _under_way(_pulumi(stack, "config"), api)
    if link is None:
        raise CannotLookError(f"the stack {stack} has no output instance_group; deploy it first: make up")
    return link


def _pulumi(stack: str, *words: str) -> dict[str, Any]:
    command = ["pulumi", *words, "--json", *(["--stack", stack] if stack else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        msg = f'pulumi cannot be run ({error}); eval "$(make -s env STACK={stack or "local"})" puts it on PATH, or name the group: --group'
        raise CannotLookError(msg) from error
    if done.returncode != 0:
        raise CannotLookError(f"{' '.join(command)}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _under_way(config: dict[str, Any], api: GoogleApi) -> str | None:
    """Return the link of the newest group manager that bears the stack's name for it, or None."""
    settings = {key: item.get("objectValue", item.get("value")) for key, item in config.items()}
    project, region, service = (settings.get(key) for key in ("gcp:project", "gcp:region", "mig-nlb:service"))
    shape, names = (settings.get(key) or {} for key in ("mig-nlb:group", "mig-nlb:names"))
    zones = shape.get("zones") or []
    place = f"zones/{zones[0]}" if shape.get("scope") == "ZONAL" and zones else f"regions/{region}"
    if not project or not service:
        return None
    managers = [
        manager
        for manager in api.items("compute", f"projects/{project}/{place}/instanceGroupManagers")
        if manager["name"] == names.get("group") or manager["name"].startswith(f"{service}-group-")
    ]
    newest = max(managers, key=lambda manager: str(manager["creationTimestamp"]), default=None)
    return None if newest is None else str(newest["selfLink"])
