"""Asks the init something over its socket."""

from __future__ import annotations

import json
import socket
import sys

from ..bus import SOCKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


def ask(do: str, **request: object) -> Mapping[str, Any]:
    """Return the init's answer; ends the command with status 1 if the init cannot be reached."""
    with _connect() as connection:
        connection.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return json.loads(answer) if answer else {"error": "the init closed the connection"}


def facts(units: list[str]) -> list[Mapping[str, Any]]:
    """Return what the init knows of these units."""
    return list(ask("show", units=units).get("units", []))


def stream(do: str) -> Iterator[bytes]:
    """Yield lines as the init sends them."""
    with _connect() as connection:
        connection.sendall(json.dumps({"do": do}).encode() + b"\n")
        yield from connection.makefile("rb")


def _connect() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(SOCKET)
    except OSError as error:
        print(f"Failed to connect to the init: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    return connection
