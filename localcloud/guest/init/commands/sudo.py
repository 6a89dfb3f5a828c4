"""sudo: everybody here is root already, so it only runs the command."""

from __future__ import annotations

import os
import sys

from .. import process

_VALUED = {"-u", "--user", "-g", "--group", "-p", "--prompt", "-h", "--host", "-C", "-D", "--chdir", "-T"}

_NOTHING_TO_DO = {"-l", "--list", "-v", "--validate", "-k", "-K"}


def main(words: list[str]) -> int:
    """Run the command in place of this one; only its own failures return."""
    words = list(words)
    flags = ""
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        if word in _NOTHING_TO_DO:
            return 0
        if word in _VALUED:
            value = words.pop(0) if words else ""
            if word in {"-u", "--user"} and value not in {"root", "#0"}:
                print(f"sudo: unknown user {value}: this machine has no user but root", file=sys.stderr)
                return 1
        elif word in {"--login", "--shell"}:
            flags += word[2]
        elif not word.startswith("--"):
            flags += word[1:]
    return _become(words, shell="s" in flags, login="i" in flags or "l" in flags)


def _become(words: list[str], *, shell: bool, login: bool) -> int:
    while words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
        name, _, value = words.pop(0).partition("=")
        os.environ[name] = value
    os.environ.update(HOME="/root", USER="root", LOGNAME="root", SUDO_USER="root", SUDO_UID="0", SUDO_GID="0")
    os.environ["PATH"] = process.PATH
    if login:
        os.chdir("/root")
    if shell or login:
        words = ["/bin/bash", *(["-l"] if login else []), *(["-c", " ".join(words)] if words else [])]
    if not words:
        print("usage: sudo [-u user] [VAR=value] [-i | -s] [command]", file=sys.stderr)
        return 1
    program = process.which(words[0])
    if program is None:
        print(f"sudo: {words[0]}: command not found", file=sys.stderr)
        return 1
    try:
        os.execv(program, words)
    except OSError as error:
        print(f"sudo: {words[0]}: {error.strerror}", file=sys.stderr)
        return 1
