"""A worker in the world, forked by the agent: does what needs the router's network namespace and the world's capabilities.

Requests are answered in turn; a failed one is answered with {"error": words}. It ends with its connection.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from array import array
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import machine, packing, wire
from localcloud.dataplane.kernel import KernelRefusedError, ip_batch, load_rules, run_tool, settings

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = tuple[wire.Message, list[int]]


def _ip(message: wire.Message, _: list[int]) -> Answer:
    for step in message["steps"]:
        try:
            ip_batch(step["lines"], ipv6=message.get("ipv6", False))
        except KernelRefusedError:
            if not step.get("may_fail"):
                raise
    return {}, []


def _ip_show(message: wire.Message, _: list[int]) -> Answer:
    output = run_tool(["ip", "-json", *message["arguments"]])
    return {"result": json.loads(output or "[]")}, []


def _nft(message: wire.Message, _: list[int]) -> Answer:
    load_rules(message["script"])
    return {}, []


def _fill(message: wire.Message, _: list[int]) -> Answer:
    slots = array("H", base64.b64decode(message["slots"]))
    packing.fill(message["table"], message["name"], slots, message["marks"], ipv6=message["ipv6"])
    return {}, []


def _nft_show(message: wire.Message, _: list[int]) -> Answer:
    output = run_tool(["nft", "--terse", "--json", *message["arguments"]])
    return {"result": json.loads(output)["nftables"]}, []


def _settings(message: wire.Message, _: list[int]) -> Answer:
    settings(message["values"])
    return {}, []


HANDLERS: dict[str, Callable[[Any, list[int]], Answer]] = {
    "ip": _ip,
    "ip_show": _ip_show,
    "nft": _nft,
    "fill": _fill,
    "nft_show": _nft_show,
    "settings": _settings,
    "spawn": machine.spawn,
    "listen": machine.listen,
    "local_addresses": machine.set_local_addresses,
    "google_apis": machine.set_google_apis,
    "faults": machine.set_faults,
}


def _answer(message: wire.Message, descriptors: list[int]) -> Answer:
    try:
        return HANDLERS[message["do"]](message, descriptors)
    except (OSError, RuntimeError, ValueError) as error:
        return {"error": str(error)}, []
    except Exception as error:  # noqa: BLE001 - a bug in one request must not take the worker, and must be seen
        traceback.print_exc(file=sys.stderr)
        return {"error": f"{type(error).__name__}: {error}"}, []
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _reap() -> None:
    for pid in tuple(machine.children):
        finished, _ = os.waitpid(pid, os.WNOHANG)
        if finished:
            machine.children.discard(pid)


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end closes; reap machines as they end."""
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    assembler = wire.Assembler()
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    woken.recv(4096)
                    _reap()
                elif not assembler.receive(connection):
                    return
                else:
                    while (item := assembler.pop()) is not None:
                        reply, made = _answer(*item)
                        wire.send(connection, reply, made)
                        for descriptor in made:
                            os.close(descriptor)
