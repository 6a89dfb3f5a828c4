"""shutdown, poweroff, halt and reboot; and runlevel and telinit, by which older scripts ask the same."""

from __future__ import annotations

import sys

from . import client

_BY_LEVEL = {"0": "poweroff", "6": "reboot", "q": "daemon-reload", "Q": "daemon-reload"}


def main(name: str, words: list[str]) -> int:
    """Run the command; its exit status."""
    if name == "runlevel":
        print("N 5")
        return 0
    if name in {"telinit", "init"}:
        plain = [word for word in words if not word.startswith("-")]
        if plain and plain[0] in _BY_LEVEL:
            client.ask(_BY_LEVEL[plain[0]])
            return 0
        print(f"{name}: {' '.join(words) or 'no level'}: this machine knows 0, 6 and q only", file=sys.stderr)
        return 1
    if name not in {"shutdown", "poweroff", "halt", "reboot"}:
        print(f"{name}: this machine has no such command", file=sys.stderr)
        return 127
    if "-c" in words:
        return 0
    reboot = name == "reboot" or (name == "shutdown" and bool({"-r", "--reboot"} & set(words)))
    client.ask("reboot" if reboot else "poweroff")
    return 0
