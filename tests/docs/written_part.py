"""Parts of pages that are made from the code: `python -m tests.docs` writes them, a test compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BEGIN = "<!-- Written by `python -m tests.docs`; a test compares. -->\n"
END = "<!-- End of what is written. -->\n"


@dataclass(frozen=True)
class WrittenPart:
    """What stands between BEGIN and END on a page, and what makes it."""

    page: Path
    made: Callable[[], str]

    def there(self) -> str:
        """Return what stands on the page.

        Raises:
            ValueError: the page has no such part.
        """
        before, begin, rest = self.page.read_text(encoding="utf-8").partition(BEGIN)
        part, end, _ = rest.partition(END)
        if not (before and begin and end):
            msg = f"{self.page}: no part between {BEGIN.strip()} and {END.strip()}; put the two lines where it belongs"
            raise ValueError(msg)
        return part

    def write(self) -> None:
        """Put what is made now onto the page."""
        old = BEGIN + self.there() + END
        page = self.page.read_text(encoding="utf-8")
        self.page.write_text(page.replace(old, BEGIN + self.made() + END), encoding="utf-8")


def table(heads: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    """Return a table in Markdown; the first column is code."""
    lines = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
    return "\n".join([f"| {heads[0]} | {heads[1]} |", "| --- | --- |", *lines]) + "\n"
