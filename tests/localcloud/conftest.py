"""For all of these tests: their clouds end with them, and what was measured of them is written, where that was asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.localcloud import driven
from tests.localcloud.last_will import last_will

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def clouds_end_with_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have temporary folders made where somebody looks for clouds that are left when these tests have been killed."""
    folder = Path(tempfile.mkdtemp(prefix="tests-clouds-"))
    folder.chmod(0o711)  # some tests have another user work in a folder of its own
    before = tempfile.tempdir
    with last_will(folder, tmp_path_factory.getbasetemp()):
        tempfile.tempdir = str(folder)
        yield
        tempfile.tempdir = before


def pytest_sessionfinish() -> None:
    """Write which client drove which method."""
    driven.write()
