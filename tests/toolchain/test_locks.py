"""The locked dependencies are what the human-written requirements ask for, each with its digests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolchain.python_environment import with_includes

ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(text: str) -> dict[str, str]:
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(text)}


@pytest.mark.parametrize("folder", [".", "policies"])
def test_every_requirement_is_pinned_and_locked(folder: str) -> None:
    wanted: dict[str, str] = {}
    for file in with_includes(ROOT / folder / "requirements-dev.txt"):
        for line in file.read_text().splitlines():
            if line and not line.startswith(("#", "-r ", "    ")):
                assert _PIN.match(line), f"{file}: {line!r} names no version"
        wanted |= pins(file.read_text())
    locked = pins((ROOT / folder / "requirements-dev.lock").read_text())
    assert wanted.items() <= locked.items(), "docs/ci.md has the command that makes the lock anew"


@pytest.mark.parametrize("folder", [".", "policies"])
def test_every_locked_package_has_its_digests_and_no_index(folder: str) -> None:
    text = (ROOT / folder / "requirements-dev.lock").read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
