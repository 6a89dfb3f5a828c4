"""The command line of systemctl."""

from __future__ import annotations

import sys

_FLAGS = {"--no-pager", "--no-legend", "--no-block", "--now", "--quiet", "-q", "--all", "-a", "--full", "-l", "--system", "--force", "-f",
          "--value", "--plain", "--no-reload", "--no-ask-password", "--runtime", "--failed", "--wait", "--version"}  # fmt: skip


class Options:
    """The command line, taken apart."""

    def __init__(self, words: list[str]) -> None:
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}
        self.words: list[str] = []
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            name, equals, value = word.partition("=")
            if name in {
                "-p",
                "--property",
                "-n",
                "--lines",
                "-s",
                "--signal",
                "-t",
                "--type",
                "--state",
                "-o",
                "--output",
            }:
                if not equals:
                    value = words[index] if index < len(words) else ""
                    index += 1
                self.values.setdefault(name.lstrip("-")[0], []).extend(value.split(","))
            elif word == "--":
                self.words += words[index:]
                break
            elif word in {"--root=/", "--preset-mode=enable-only"}:  # as packages' scripts say it
                continue
            elif word in _FLAGS:
                self.flags.add(word)
            elif word.startswith("-") and word != "-":
                print(f"systemctl: unrecognized option '{word}'", file=sys.stderr)
                sys.exit(1)
            else:
                self.words.append(word)

    def has(self, *names: str) -> bool:
        """Whether one of these flags is given."""
        return any(name in self.flags for name in names)
