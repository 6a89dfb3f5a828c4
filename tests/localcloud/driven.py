"""Which client's tests drive each method: measured while they run, and kept for the coverage page.

    UPDATE_COVERAGE=1 python -m pytest -q tests/localcloud/api tests/localcloud/clients tests/localcloud/provider/test_engine.py
    python -m localcloud.api.coverage

adds what these tests had answered; empty the file (`{}`) before, to forget what is driven no more.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from typing import TYPE_CHECKING

from localcloud.api.coverage import DRIVEN

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECKED = "API tests"
RECORDED = "official provider, recorded"
HOW = (
    "run: UPDATE_COVERAGE=1 python -m pytest -q tests/localcloud/api tests/localcloud/clients tests/localcloud/provider/test_engine.py "
    "&& python -m localcloud.api.coverage"
)
_MEASURED: dict[str, set[str]] = defaultdict(set)


def note(client: str, methods: Iterable[str]) -> None:
    """Note methods (by id) that a client's requests had answered well."""
    _MEASURED[client].update(methods)


def known(client: str) -> frozenset[str]:
    """Return what the coverage page says that a client's tests drive."""
    return frozenset(json.loads(DRIVEN.read_text(encoding="utf-8")).get(client, ()))


def write() -> None:
    """Write what was measured, where that was asked for; call it once the tests are over."""
    if not os.environ.get("UPDATE_COVERAGE"):
        return
    kept = json.loads(DRIVEN.read_text(encoding="utf-8")) if DRIVEN.exists() else {}
    kept |= {client: sorted(methods | set(kept.get(client, ()))) for client, methods in _MEASURED.items()}
    DRIVEN.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
