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
    body, reason = _get(path)
    if body is None:
        msg = f'unable to get "/{path}" from MDS, with recursive flag set to false: {reason}'
        raise MetadataError(msg)
    return body


def attributes(level: str, wanted: list[str]) -> dict[str, str]:
    """Return those of the wanted attributes that the ``instance`` or the ``project`` has and that are not empty.

    The guest agent asks for all of them as JSON, which a boot that waits has no time to load a reader for; it says the same.

    Raises:
        MetadataError: the server could not be reached in 100 tries.
    """
    names, reason = _get(f"{level}/attributes/")
    if names is None:
        msg = f'unable to get "/{level}/attributes" from MDS, with recursive flag set to true: {reason}'
        raise MetadataError(msg)
    given = names.splitlines()
    values = {name: _get(f"{level}/attributes/{name}")[0] for name in wanted if name in given}
    return {name: value for name, value in values.items() if value}


def _get(path: str) -> tuple[str | None, str]:
    """Return what is at a path, or None and why not."""
    reason = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        try:
            status, body = _request(path)
        except OSError as error:
            status, said = -1, f"error connecting to metadata server: {error}"
        else:
            if status == 200:
                return body, ""
            said = f"invalid response from metadata server, status code: {status}, reason: {body}"
        reason = f"request failed with status code: [{status}], error: [{said}]"
        if status == 404:
            return None, f"giving up, retry policy returned false on error: {reason}"
    return None, f"exhausted all ({_TRIES}) retries, last error: {reason}"


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
