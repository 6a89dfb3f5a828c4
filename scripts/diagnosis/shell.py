"""`doctor shell`: the two commands that tell why a start-up script failed, then a shell on the instance."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.diagnosis.documents import last, place
from scripts.diagnosis.google_api import CannotLookError, RefusedError, relative

if TYPE_CHECKING:
    from scripts.diagnosis.google_api import GoogleApi

JOURNAL = ("sudo", "journalctl", "--no-pager", "-u", "google-startup-scripts.service")
RERUN = ("sudo", "google_metadata_script_runner", "startup")
_LOCALCLOUD = Path(__file__).resolve().parents[2] / "localcloud" / "bin" / "localcloud"


def open_shell(api: GoogleApi, group_link: str, name: str, *, rerun: bool, tunnel: bool) -> int:
    """Show the journal of the start-up script, run the script again, and offer a shell.

    The script changes the instance, so it is run again with `rerun`, or when somebody at the terminal says so.

    Returns the exit status of the last of the two commands that ran.

    Raises:
        CannotLookError: the group has no such instance, or a command cannot be run.
    """
    link = _find(api, group_link, name)
    attended = sys.stdin.isatty() and sys.stdout.isatty()

    def shown(command: tuple[str, ...]) -> int:
        print(f"$ {shlex.join(command)}", flush=True)
        return _run(access(api, link, command, tunnel=tunnel))

    status = shown(JOURNAL)
    question = f"Run the start-up script again ({shlex.join(RERUN)})? [y/N] "
    if rerun or (attended and input(question).strip().lower() in {"y", "yes"}):
        status = shown(RERUN)
    if attended and input(f"Open a shell on {name}? [Y/n] ").strip().lower() in {"", "y", "yes"}:
        _run(access(api, link, (), tunnel=tunnel))
    return status


def access(api: GoogleApi, link: str, command: tuple[str, ...], *, tunnel: bool) -> list[str]:
    """Return the command line that runs `command` on an instance, or opens a shell where it is empty.

    `tunnel`: through Identity-Aware Proxy, for instances without an address of their own.
    """
    name = last(link)
    if api.local:
        return [str(_LOCALCLOUD), "ssh", name, *(["--", *command] if command else [])]
    project = relative(link).split("/")[1]
    line = ["gcloud", "compute", "ssh", name, place(link), f"--project={project}"]
    return [
        *line,
        *(["--tunnel-through-iap"] if tunnel else []),
        *([f"--command={shlex.join(command)}"] if command else []),
    ]


def _find(api: GoogleApi, group_link: str, name: str) -> str:
    path = relative(group_link).replace("/instanceGroups/", "/instanceGroupManagers/")
    try:
        managed = api.items("compute", f"{path}/listManagedInstances", "managedInstances", by_post=True)
    except RefusedError as error:
        raise CannotLookError(f"the group {last(path)} cannot be read: {error}") from error
    for one in managed:
        if last(one["instance"]) == name:
            return str(one["instance"])
    known = ", ".join(sorted(last(one["instance"]) for one in managed)) or "none"
    raise CannotLookError(f"instance {name} is not in {last(path)}; its instances are: {known}")


def _run(command: list[str]) -> int:
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise CannotLookError(f"{command[0]} cannot be run: {error}") from error
