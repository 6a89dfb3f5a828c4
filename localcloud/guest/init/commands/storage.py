"""``gsutil cp|cat`` and ``gcloud storage cp|cat``, with which start-up scripts fetch files. The rest of both is not here, and says so."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse

from .. import download, metadata

_COMMANDS = "cp and cat"


class _RefusedError(Exception):
    """The command cannot be carried out; the message is for its user."""


def main(name: str, words: list[str]) -> int:
    """Run one of the two; returns its exit status."""
    if name == "gcloud":
        if words[:1] != ["storage"]:
            print(
                f"ERROR: (gcloud) {' '.join(words[:2]) or 'no command'}: this machine has gcloud storage {_COMMANDS} only",
                file=sys.stderr,
            )
            return 2
        words = words[1:]
    flags = [word for word in words if word.startswith("-") and word != "-"]
    plain = [word for word in words if word not in flags]
    command, operands = (plain[0], plain[1:]) if plain else ("", [])
    try:
        if command == "cat" and operands:
            for url in operands:
                sys.stdout.buffer.write(_read(url))
        elif command == "cp" and len(operands) >= 2:
            for source in operands[:-1]:
                _copy(source, operands[-1], several=len(operands) > 2)
        else:
            print(
                f"{name}: {' '.join(words) or 'no command'}: this machine has {_COMMANDS} only",
                file=sys.stderr,
            )
            return 2
    except (_RefusedError, OSError, metadata.MetadataError) as error:
        prefix = "CommandException: " if name == "gsutil" else f"ERROR: (gcloud.storage.{command}) "
        print(f"{prefix}{error}", file=sys.stderr)
        return 1
    return 0


def _copy(source: str, target: str, *, several: bool) -> None:
    if source.startswith("gs://"):
        data = _read(source)
    else:
        with open(source, "rb") as file:
            data = file.read()
    if target == "-":
        sys.stdout.buffer.write(data)
        return
    name = source.rstrip("/").rpartition("/")[2]
    if target.startswith("gs://"):
        bucket, inner = _parts(target)
        if not inner or inner.endswith("/"):
            inner += name
        _write(bucket, inner, data)
    else:
        if os.path.isdir(target) or several or target.endswith("/"):
            target = os.path.join(target, name)
        with open(target, "wb") as file:
            file.write(data)
    print(f"Copying {source} to {target}", file=sys.stderr)


def _parts(url: str) -> tuple[str, str]:
    bucket, _, name = url.removeprefix("gs://").partition("/")
    if not url.startswith("gs://") or not bucket:
        raise _RefusedError(f"{url}: is no URL of Cloud Storage; write gs://BUCKET/OBJECT")
    return bucket, name


def _read(url: str) -> bytes:
    bucket, name = _parts(url)
    if not name or any(sign in name for sign in "*?["):
        raise _RefusedError(f"{url}: names no single object, and wildcards are not known here")
    return _ask(f"storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?alt=media", None)


def _write(bucket: str, name: str, data: bytes) -> None:
    _ask(f"upload/storage/v1/b/{bucket}/o?uploadType=media&name={urllib.parse.quote(name, safe='')}", data)


def _ask(path: str, data: bytes | None) -> bytes:
    try:
        return download.open_url(download.authorized(path, data))
    except urllib.error.HTTPError as error:
        body = error.read(65536)
        try:
            message = json.loads(body)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            message = body[:200].decode("utf-8", "replace")
        raise _RefusedError(f"HTTPError {error.code}: {message}") from None
