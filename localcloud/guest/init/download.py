"""Fetching a script by URL, as Google's guest agent does: Cloud Storage with the instance's own token, then without, then give up."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from . import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STORAGE = "storage.googleapis.com"
_TRIES, _PAUSE = 3, 1.0
_NAME_TRIES, _NAME_PAUSE = 20, 5.0
_PATIENCE = 30.0  # for a connection, as Go has it
_BUCKET, _OBJECT = r"([a-z0-9][-_.a-z0-9]*)", r"(.+)"
_OBJECT_URLS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"gs://{_BUCKET}/{_OBJECT}",
        rf"https?://{_BUCKET}\.storage\.googleapis\.com/{_OBJECT}",
        rf"https?://storage\.cloud\.google\.com/{_BUCKET}/{_OBJECT}",
        rf"https?://(?:commondata)?storage\.googleapis\.com/{_BUCKET}/{_OBJECT}",
    )
)
_BODY_LIMIT = 4096  # characters of an error's body that are shown


def to_file(url: str, path: str, say: Callable[[str], None]) -> None:
    """Write what is at the URL to a file.

    Raises:
        OSError: it could not be had; the message is the agent's.
    """
    _await_name()
    match = next(filter(None, (pattern.fullmatch(url) for pattern in _OBJECT_URLS)), None)
    if match is not None:
        bucket, name = match.groups()
        try:
            _save(_retry(lambda: _object(bucket, name)), path)
        except OSError as error:
            say(f"Failed to download object [{name}] from GCS bucket [{bucket}], err: {error}")
            say("Trying unauthenticated download")
            url = f"https://{STORAGE}/{bucket}/{name}"
        else:
            return
    _save(_retry(lambda: _plain(url)), path)


def _await_name() -> None:
    """Wait until names can be looked up: scripts may run before that is so.

    Raises:
        OSError: they cannot, after 20 tries.
    """

    def look_up() -> bytes:
        try:
            socket.getaddrinfo(STORAGE, 443)
        except OSError:
            msg = f"lookup {STORAGE}: no such host"
            raise OSError(msg) from None
        return b""

    try:
        _retry(look_up, _NAME_TRIES, _NAME_PAUSE)
    except OSError as error:
        msg = f'"{STORAGE}" lookup failed, err: {error}'
        raise OSError(msg) from None


def _retry(fetch: Callable[[], bytes], tries: int = _TRIES, pause: float = _PAUSE) -> bytes:
    """Return what is fetched.

    Raises:
        OSError: it was not to be had; the message is the agent's about the last try.
    """
    for attempt in range(1, tries + 1):
        try:
            return fetch()
        except (OSError, metadata.MetadataError) as error:
            if attempt == tries:
                msg = f"exhausted all ({tries}) retries, last error: {error}"
                raise OSError(msg) from None
        time.sleep(pause)
    raise AssertionError


def _save(data: bytes, path: str) -> None:
    with open(path, "wb") as file:
        file.write(data)


def authorized(path: str, data: bytes | None = None) -> urllib.request.Request:
    """Return a request to Cloud Storage with the token of the instance's service account; POST where there are data.

    Raises:
        MetadataError: the instance has no service account.
    """
    token = json.loads(metadata.get("instance/service-accounts/default/token"))["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    return urllib.request.Request(f"https://{STORAGE}/{path}", data=data, headers=headers)


def _object(bucket: str, name: str) -> bytes:
    """Read an object with the token of the instance's service account."""
    request = authorized(f"{bucket}/{urllib.parse.quote(name)}")
    try:
        return open_url(request)
    except urllib.error.HTTPError as error:
        body = error.read(_BODY_LIMIT).decode("utf-8", "replace")
        msg = f'error reading object "{name}": {_words(error.code, body)}'
        raise OSError(msg) from None


def _words(code: int, body: str) -> str:
    """Say an error as Google's client library does."""
    try:
        said = json.loads(body)["error"]
        reasons = [entry.get("reason", "") for entry in said.get("errors", []) if entry.get("reason")]
        return f"googleapi: Error {code}: {said['message']}" + (f", {reasons[0]}" if reasons else "")
    except (ValueError, KeyError, TypeError):
        return f"googleapi: got HTTP response code {code} with body: {' '.join(body.split())}"


def check(url: str) -> None:
    """See whether this is a URL at all, as Go has it.

    Raises:
        OSError: it is none; the message is Go's.
    """
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in url):
        msg = f"parse {_quoted(url)}: net/url: invalid control character in URL"
        raise OSError(msg)
    scheme, colon, _ = url.partition("/")[0].partition(":")
    if colon and not scheme.translate(dict.fromkeys(map(ord, "+-."))).isalnum():
        msg = f"parse {_quoted(url)}: first path segment in URL cannot contain colon"
        raise OSError(msg)


def _plain(url: str) -> bytes:
    check(url)
    scheme = url.partition("://")[0]
    if scheme not in {"http", "https"}:
        msg = f'Get {_quoted(url)}: unsupported protocol scheme "{scheme if "://" in url else ""}"'
        raise OSError(msg)
    try:
        return open_url(urllib.request.Request(url))  # noqa: S310 - its scheme was looked at above
    except urllib.error.HTTPError as error:
        msg = f"GET {_quoted(url)}, bad status: {error.code} {error.reason}"
        raise OSError(msg) from None
    except ValueError as error:
        msg = f"Get {_quoted(url)}: {error}"
        raise OSError(msg) from None


def _quoted(url: str) -> str:
    """Quote a URL as Go does."""
    return json.dumps(url, ensure_ascii=False)


def open_url(request: urllib.request.Request) -> bytes:
    """Return the answer's body. Raises OSError, as HTTPError where there is an answer."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context())
    )
    with opener.open(request, timeout=_PATIENCE) as answer:
        body = answer.read()
    return bytes(body)
