"""A client of the metadata server, small because every boot waits for it."""

from __future__ import annotations

import socket
import time

ADDRESS = ("169.254.169.254", 80)
_TRIES, _PAUSE = 100, 0.1  # as the guest agent: everything but 404 is tried again


class MetadataError(Exception):
    """The metadata server did not give the value; the message is the guest agent's."""


def get(path: str) -> str:
    """Return the value at a path below ``/computeMetadata/v1/``.

    Raises:
        MetadataError: the value does not exist, or the server could not be reached in 100 tries.
    """
    reason = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        try:
            status, body = _request(path)
        except OSError as error:
            reason = str(error)
            continue
        if status == 200:
            return body
        reason = f"request failed with status code: [{status}]"
        if status == 404:
            break
    msg = f'unable to get "/{path}" from MDS: {reason}'
    raise MetadataError(msg)


def _request(path: str) -> tuple[int, str]:
    """Send one request. HTTP/1.0, so that the answer's end is the connection's."""
    with socket.create_connection(ADDRESS, timeout=20) as connection:
        request = f"GET /computeMetadata/v1/{path} HTTP/1.0\r\nHost: metadata.google.internal\r\nMetadata-Flavor: Google\r\n\r\n"
        connection.sendall(request.encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():
        msg = "malformed answer"
        raise OSError(msg)
    return int(words[1]), body.decode("utf-8", "surrogateescape")
