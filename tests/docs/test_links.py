"""What the documentation points at exists: pages, headings, files and folders."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.fences import ROOT, pages, prose

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
_SUFFIXES = (".py", ".md", ".yaml", ".yml", ".json", ".toml", ".txt", ".sh", ".db", ".sock", ".log", ".token")
_SHOWN = frozenset({".github", ".devcontainer", ".lima"})  # of the folders whose names begin with a dot
# Names of what only exists while a cloud runs, or on an instance, or once it has been made.
_MADE = frozenset({
    "config.json", "state.db", "pulumi-plugin.json", "holder.json", "daemon.json", "daemon.log", "door.sock", "owner.token", "import.json",
    "policies.md", "canary/", "run/", "logs/", "objects/", "creations/", "disks/", "instances/", "pulumi/", "guest/",
    ".venv", "policies/.venv",
})  # fmt: skip
# STACK, NAME and the like stand for what a reader puts there.
_PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b(?!\.md)")


def _stands_for_another(name: str) -> bool:
    return name in _MADE or _PLACEHOLDER.search(name) is not None


@cache
def _known() -> frozenset[str]:
    """Every name by which a page may call a file or folder (with a slash at its end) of the checkout: its path, or the end of it."""
    found = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name in _SHOWN or not name.startswith((".", "__pycache__"))]
        parts = Path(folder).relative_to(ROOT).parts
        for name in [*files, *(f"{name}/" for name in folders)]:
            whole = (*parts, name)
            found |= {"/".join(whole[start:]) for start in range(len(whole))}
    return frozenset(found)


def _anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in kept}


ALL = [*pages(), ROOT / "CHANGELOG.md", ROOT / "policies/README.md"]


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        if target.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        goal = (page.parent / file).resolve() if file else page
        assert goal.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert goal.exists(), f"{target}: there is no {goal.relative_to(ROOT)}"
        if anchor:
            assert anchor in _anchors(goal), f"{target}: headings are {sorted(_anchors(goal))}"


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_exist(page: Path) -> None:
    missing = []
    for name in _CODE.findall(prose(page)):
        looks_like_a_file = _PATH.fullmatch(name) and (name.endswith(_SUFFIXES) or name.endswith("/"))
        if looks_like_a_file and not _stands_for_another(name) and name not in _known():
            missing.append(name)
    assert missing == [], "no such files; what only exists at run time belongs into _MADE"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or not page.exists() or page.suffix != ".md":
            continue
        seen.add(page)
        targets = (target.partition("#")[0] for target in _LINK.findall(prose(page)))
        todo += [(page.parent / target).resolve() for target in targets if target and "://" not in target]
    lost = [str(page.relative_to(ROOT)) for page in pages() if page not in seen]
    assert lost == [], "no page links to these"
