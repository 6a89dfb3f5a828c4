"""One entry for all commands: what it does depends on the name it is called by."""

from __future__ import annotations

import os
import signal
import sys

NAMES = (
    "systemctl",
    "journalctl",
    "systemd-run",
    "sudo",
    "google_metadata_script_runner",
    "shutdown",
    "poweroff",
    "reboot",
    "halt",
    "runlevel",
    "telinit",
    "gsutil",
    "gcloud",
    "hostnamectl",
    "timedatectl",
    "loginctl",
    "localectl",
    "systemd-detect-virt",
)


def main() -> None:
    """Run the command and end with its status."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
    status = _run(name, words)
    sys.stdout.flush()
    os._exit(status)


def _run(name: str, words: list[str]) -> int:
    if name == "systemctl":
        from . import systemctl

        return systemctl.main(words)
    if name == "journalctl":
        from . import journalctl

        return journalctl.main(words)
    if name == "systemd-run":
        from . import systemd_run

        return systemd_run.main(words)
    if name == "sudo":
        from . import sudo

        return sudo.main(words)
    if name == "google_metadata_script_runner":
        from .. import runner

        return runner.main(words[0] if len(words) == 1 else "")
    if name in {"gsutil", "gcloud"}:
        from . import storage

        return storage.main(name, words)
    if name in {"hostnamectl", "timedatectl", "loginctl", "localectl", "systemd-detect-virt"}:
        from . import machine_facts

        return machine_facts.COMMANDS[name](words)
    from . import power

    return power.main(name, words)
