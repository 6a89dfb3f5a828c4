"""Serve the language host: `python -m language_host [options] ENGINE_ADDRESS`, as the engine starts it."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from . import stubs
from .children import Children
from .servicer import LanguageRuntime

# Messages carry whole programs' state; the protocol has no limit of its own.
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def _when_parent_ends(act: threading.Event) -> None:
    """Set `act` when the process that started this one is gone, however it went."""
    parent = os.getppid()
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        act.set()
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll()
    act.set()


def main() -> int:
    """Serve until the engine interrupts or ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracing")
    parser.add_argument("--logtostderr", action="store_true")
    parser.add_argument("-v", type=int, default=0)
    parser.add_argument("engine", nargs="?", default="")
    arguments, _ = parser.parse_known_args()

    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    threading.Thread(target=_when_parent_ends, args=(over,), daemon=True).start()

    children = Children()
    # A call to RunPlugin keeps its thread for as long as the plugin runs.
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=_UNLIMITED)
    stubs.language_service.add_LanguageRuntimeServicer_to_server(
        LanguageRuntime(arguments.engine, children), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    over.wait()
    children.end_all(for_good=True)
    # Nothing is left to write; waiting for gRPC's threads would only make every command slower.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
