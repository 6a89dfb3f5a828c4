"""Every command that the documentation shows is run, or says why it is not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.docs.fences import PLAIN, ROOT, blocks, pages

if TYPE_CHECKING:
    from pathlib import Path


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    found = [block for page in pages() for block in blocks(page)]
    unmarked = [
        f"{block.place}: ```{block.info}" for block in found if block.language == "sh" and block.mark is None
    ]
    assert unmarked == [], "mark each with one of: sh run, sh account, sh not-run: REASON"
    commands = [block for block in found if block.language == "sh"]
    for block in commands:
        print(f"{block.place}: {block.mark}")
    counted = Counter((block.mark or "").partition(":")[0] for block in commands)
    assert counted["run"] >= counted["not-run"], "most of what can be run is"
    assert sum(counted.values()) == len(commands)


def test_no_block_hides_behind_another_language() -> None:
    strange = [
        f"{block.place}: ```{block.info}"
        for page in pages()
        for block in blocks(page)
        if block.language not in PLAIN | {"sh"} or (block.language in PLAIN and block.info != block.language)
    ]
    assert strange == [], f"commands are in sh blocks, everything else in {', '.join(sorted(PLAIN))}"


def test_the_fences_seen_are_all_there_are() -> None:
    for page in pages():
        lines = page.read_text(encoding="utf-8").splitlines()
        fences = [line for line in lines if line.lstrip().startswith(("```", "~~~"))]
        assert len(fences) == 2 * len(blocks(page)), page.relative_to(ROOT)


def test_a_fence_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n```sh run\nfalse\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md:2: this fence is never closed"):
        blocks(page)


@pytest.mark.parametrize("info", ["sh", "sh skip", "sh run account", "sh not-run", "sh not-run:", "sh run "])
def test_a_block_without_exactly_one_mark_has_none(tmp_path: Path, info: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```{info}\ntrue\n```\n", encoding="utf-8")
    (block,) = blocks(page)
    assert block.mark == ("run" if info.strip() == "sh run" else None)
