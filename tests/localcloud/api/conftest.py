"""An API to talk to, with a store, a virtual clock and its owner's token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.api.client import Api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path)
    yield made
    made.close()
