"""Long proofs say how far they are."""

from __future__ import annotations

from tests.localcloud.loop.conftest import progress

__all__ = ["progress"]
