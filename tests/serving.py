"""Servers of the standard library for as long as a test wants them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socketserver import BaseServer

_POLL = 0.01  # seconds a server takes to notice that it is to end; half a second unless said


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Have the server answer until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
