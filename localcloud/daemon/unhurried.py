"""Importing while requests are answered: an import holds the event loop for as long as it takes, so it is done in parts, with rests."""

from __future__ import annotations

import asyncio
import importlib

_REST = 0.003  # real seconds: a request that has come in meanwhile is read, understood and answered


async def load(*modules: str) -> None:
    """Import these modules, one after the other; whoever names them in an import statement then has them at once."""
    for name in modules:
        await asyncio.sleep(_REST)
        importlib.import_module(name)
