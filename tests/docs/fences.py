"""The fenced blocks of README.md and docs/, and what is to become of the shell commands among them.

Every `sh` block says in its fence which of three it is:

    ```sh run                     run by tests/e2e/test_documentation.py; the blocks of a page in one shell, in order
    ```sh account                 needs a Google Cloud account, so nothing here can run it
    ```sh not-run: REASON         not run, for the reason given
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Blocks in these are no commands of ours for anybody to type.
PLAIN = frozenset({"text", "yaml", "json", "mermaid", "python"})
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})([^`\n]*)$")
_MARK = re.compile(r"sh (run|account|not-run: \S.*)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: where it is, its info string, and its lines."""

    page: Path
    line: int
    info: str
    text: str

    @property
    def place(self) -> str:
        """Page and line, as an editor takes them."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def language(self) -> str:
        """The info string's first word."""
        return self.info.partition(" ")[0]

    @property
    def mark(self) -> str | None:
        """What is to become of an `sh` block: "run", "account", or "not-run: REASON"; None where it does not say."""
        found = _MARK.fullmatch(self.info)
        return found[1] if found else None


def pages() -> list[Path]:
    """Return every page, README first."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks, in order.

    Raises:
        ValueError: a fence is never closed, so that everything after it would go unseen.
    """
    found: list[Block] = []
    opening: tuple[int, str, str, str] | None = None
    body: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if opening is None:
            if fence:
                opening, body = (number, fence[1], fence[2], fence[3].strip()), []
        elif fence and fence[2].startswith(opening[2]) and not fence[3].strip():
            found.append(Block(page=page, line=opening[0], info=opening[3], text="\n".join(body) + "\n"))
            opening = None
        else:
            body.append(line.removeprefix(opening[1]))
    if opening is not None:
        msg = f"{page}:{opening[0]}: this fence is never closed; add {opening[2]} after the block"
        raise ValueError(msg)
    return found


def prose(page: Path) -> str:
    """Return a page without its fenced blocks, line by line as it was."""
    hidden: set[int] = set()
    for block in blocks(page):
        hidden |= set(range(block.line, block.line + block.text.count("\n") + 2))
    lines = page.read_text(encoding="utf-8").splitlines()
    return "\n".join("" if number in hidden else line for number, line in enumerate(lines, start=1))
