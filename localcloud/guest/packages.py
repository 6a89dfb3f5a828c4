"""Debian packages for instances with a root file system of their own: one mirror's, fetched by the daemon, only where it was asked for.

An instance has no way out. Where the operator names a mirror (`localcloud start --packages URL`), the daemon answers HTTP for
`packages.localcloud.internal` on the address that leads to Google's APIs, and fetches what lies below the mirror's `dists/` and `pool/`,
nothing else. apt checks the signatures itself. Packages (`.deb`, which never change under their name) are kept in the cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse

from localcloud.guest.layer import PACKAGES_HOST

if TYPE_CHECKING:
    from typing import IO, Self

    from localcloud.guest.listener import App, Receive, Scope, Send

_PATH = re.compile(r"/(?:dists|pool)(?:/[A-Za-z0-9_+~:=,@-][A-Za-z0-9._+~:=,@-]*)+")
_KEPT_BYTES = 2 << 30  # of packages in the cache; beyond, they are passed on and not kept
_PATIENCE = 60.0  # real seconds for the mirror to say something
_ASKED = ("if-modified-since", "if-none-match")
_PASSED = ("content-type", "content-length", "last-modified", "etag")


class Packages:
    """Answers for the mirror, and lets `other` answer for every other host."""

    def __init__(self, mirror: str, kept: Path, other: App) -> None:
        self._mirror, self._kept, self._other = mirror, kept, other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive) if scope["type"] == "http" else None
        if request is None or request.url.hostname != PACKAGES_HOST:
            await self._other(scope, receive, send)
            return
        path = scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
        if request.method not in {"GET", "HEAD"} or not _is_theirs(path):
            words = f"{request.method} {path}: only dists/ and pool/ of {self._mirror} are to be had here\n"
            await PlainTextResponse(words, status_code=403)(scope, receive, send)
            return
        file = self._kept / hashlib.sha256(f"{self._mirror}{path}".encode()).hexdigest()
        if path.endswith(".deb") and file.is_file():
            response = FileResponse(file, media_type="application/vnd.debian.binary-package")
            await response(scope, receive, send)
            return
        await self._fetch(request, path, file if path.endswith(".deb") else None, send)

    async def _fetch(self, request: Request, path: str, file: Path | None, send: Send) -> None:
        """Pass on what the mirror answers, and keep it as `file` if it arrives whole."""
        import httpx  # noqa: PLC0415 - for few clouds

        asked = {name: request.headers[name] for name in _ASKED if name in request.headers}
        asked["accept-encoding"] = "identity"
        async with httpx.AsyncClient(timeout=_PATIENCE, follow_redirects=True) as client:
            wanted = client.build_request(request.method, self._mirror + path, headers=asked)
            try:
                answer = await client.send(wanted, stream=True)
            except httpx.HTTPError as error:
                words = f"{self._mirror}{path}: {str(error) or type(error).__name__}\n"
                await PlainTextResponse(words, status_code=502)(request.scope, request.receive, send)
                return
            async with contextlib.aclosing(answer):
                headers = [
                    (name.encode(), answer.headers[name].encode())
                    for name in _PASSED
                    if name in answer.headers
                ]
                await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
                with _Keeping(
                    file if answer.status_code == 200 and request.method == "GET" else None
                ) as keeping:
                    async for part in answer.aiter_raw():
                        keeping.write(part)
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                    await send({"type": "http.response.body", "body": b""})
                    keeping.whole(int(answer.headers.get("content-length", -1)))


class _Keeping:
    """A file that is there when all of it has come, and not before; none, if there is no room."""

    def __init__(self, file: Path | None) -> None:
        self._file = None if file is None or _taken(file.parent) > _KEPT_BYTES else file
        self._draft: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._draft = tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False)
        return self

    def write(self, part: bytes) -> None:
        if self._draft is not None:
            self._draft.write(part)

    def whole(self, size: int) -> None:
        if self._draft is not None and self._file is not None and self._draft.tell() == size:
            self._draft.flush()
            Path(self._draft.name).rename(self._file)

    def __exit__(self, *_: object) -> None:
        if self._draft is not None:
            self._draft.close()
            Path(self._draft.name).unlink(missing_ok=True)


def _is_theirs(path: str) -> bool:
    """Whether a path is one of a mirror's lists and packages, escapes taken for what they stand for."""
    return _PATH.fullmatch(unquote(path)) is not None and "%2f" not in path.lower()


def _taken(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    except FileNotFoundError:
        return 0
