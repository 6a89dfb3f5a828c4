"""The command line of systemctl."""

from __future__ import annotations

import sys

_FLAGS = {"--no-pager", "--no-legend", "--no-block", "--now", "--quiet", "-q", "--all", "-a", "--full", "-l", "--system", "--force", "-f",
          "--value", "--plain", "--no-reload", "--no-ask-password", "--runtime", "--failed", "--wait", "--version", "--no-warn",
          "--ignore-inhibitors", "-i", "--show-types", "--recursive", "-r", "--no-wall", "--reverse", "--after", "--before"}  # fmt: skip
_VALUED = {"-p": "p", "--property": "p", "-P": "P", "-n": "n", "--lines": "n", "-s": "s", "--signal": "s", "-t": "t", "--type": "t",
           "--state": "s", "-o": "o", "--output": "o", "--kill-who": "k", "--kill-whom": "k", "--job-mode": "j",
           "--preset-mode": "m", "--timestamp": "T", "--legend": "L"}  # fmt: skip
_ELSEWHERE = {"--user", "--global", "-H", "--host", "-M", "--machine", "--root", "--image"}


class Options:
    """The command line, taken apart."""

    def __init__(self, words: list[str]) -> None:
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}
        self.words: list[str] = []
        words = list(words)
        while words:
            word = words.pop(0)
            name, equals, value = word.partition("=")
            if word == "--":
                self.words += words
                break
            if word == "--root=/":  # as packages' scripts say it
                continue
            if name in _ELSEWHERE:
                _refuse(
                    f"systemctl {word}: this machine has the system's own units only: no users' and no other machines'"
                )
            elif len(word) > 2 and word[0] == "-" and word[1] != "-":  # -aq, -n0, -pMainPID
                letter = word[:2]
                words[:0] = [letter, word[2:]] if letter in _VALUED else [letter, f"-{word[2:]}"]
            elif name in _VALUED:
                if not equals:
                    value = (
                        words.pop(0) if words else _refuse(f"systemctl: option '{word}' requires an argument")
                    )
                self.values.setdefault(_VALUED[name], []).extend(value.split(","))
            elif word in _FLAGS:
                self.flags.add(word)
            elif word.startswith("-"):
                _refuse(f"systemctl: unrecognized option '{word}'")
            else:
                self.words.append(word)
        if "P" in self.values:
            self.flags.add("--value")
            self.values.setdefault("p", []).extend(self.values["P"])
        if "no" in self.values.get("L", []) or "false" in self.values.get("L", []):
            self.flags.add("--no-legend")

    def has(self, *names: str) -> bool:
        """Whether one of these flags is given."""
        return any(name in self.flags for name in names)

    @property
    def quiet(self) -> bool:
        """Whether nothing is to be printed but errors."""
        return self.has("-q", "--quiet")


def _refuse(message: str) -> str:
    print(message, file=sys.stderr)
    sys.exit(1)
