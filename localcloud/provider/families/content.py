"""What is uploaded: an asset's bytes, the type they look like, and the request that carries them."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from localcloud.provider.errors import ProviderError
from localcloud.provider.values import Asset, Value

# The first bytes by which Google's clients, like browsers, tell a type (WHATWG MIME Sniffing, the common ones).
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x1f\x8b\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x00asm", "application/wasm"),
)
_HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<script", b"<body", b"<!--")
_BINARY: Final = frozenset([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_SNIFFED = 512


def sniff(content: bytes) -> str:
    """Return the media type that content looks like."""
    head = content[:_SNIFFED]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    start = head.lstrip(b"\t\n\x0c\r ")
    if start.lower().startswith(_HTML):
        return "text/html; charset=utf-8"
    if start.startswith(b"<?xml"):
        return "text/xml; charset=utf-8"
    return (
        "application/octet-stream" if any(byte in _BINARY for byte in head) else "text/plain; charset=utf-8"
    )


def asset_bytes(asset: Asset, folder: Path | None) -> bytes:
    """Return an asset's content; relative paths are looked for in `folder`, where the engine runs. Its hash must be the engine's."""
    if asset.archive:
        return _archive_bytes(asset, folder)
    if asset.source == "text":
        return str(asset.content).encode()
    if asset.source != "path":
        raise ProviderError(
            f"asset {asset.content!r}: only texts and files can be uploaded here; download it, and give pulumi.FileAsset(PATH)"
        )
    path = _absolute(str(asset.content), folder)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProviderError(
            f"asset {asset.content!r}: {path}: {error.strerror}; give pulumi.FileAsset an absolute path"
        ) from error
    if asset.hash and hashlib.sha256(content).hexdigest() != asset.hash:
        raise ProviderError(
            f"asset {asset.content!r}: {path} is not the file the engine saw, or it changed meanwhile; run the command again"
        )
    return content


def _absolute(text: str, folder: Path | None) -> Path:
    path = Path(text)
    if path.is_absolute():
        return path
    if folder is None:
        raise ProviderError(
            f"asset {text!r}: a relative path, and the folder it is relative to cannot be found out; "
            "give pulumi.FileAsset an absolute path"
        )
    return folder / path


def _archive_bytes(asset: Asset, folder: Path | None) -> bytes:
    """Return an archive as a file: one that is a file already as it is, a folder or a map of assets as a zip."""
    if asset.source == "assets":
        return _zip({name: asset_bytes(item, folder) for name, item in _assets(asset.content).items()})
    path = _absolute(str(asset.content), folder)
    if path.is_dir():
        return _zip(
            {
                str(file.relative_to(path)): file.read_bytes()
                for file in sorted(path.rglob("*"))
                if file.is_file()
            }
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProviderError(
            f"archive {asset.content!r}: {path}: {error.strerror}; give pulumi.FileArchive an absolute path"
        ) from error
    if not (zipfile.is_zipfile(io.BytesIO(content)) or _is_tar(content)):
        raise ProviderError(
            f"archive {asset.content!r}: {path} is neither a zip nor a tar file; give pulumi.FileAsset for plain files"
        )
    return content


def _assets(content: Value) -> dict[str, Asset]:
    return {name: item for name, item in (content or {}).items() if isinstance(item, Asset)}


def _is_tar(content: bytes) -> bool:
    try:
        tarfile.open(fileobj=io.BytesIO(content)).close()
    except tarfile.TarError:
        return False
    return True


def _zip(files: dict[str, bytes]) -> bytes:
    """Zip files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def multipart(metadata: dict[str, Value], content: bytes, media_type: str) -> tuple[bytes, str]:
    """Return the body and content type of an upload: the object's metadata, then its content."""
    boundary = secrets.token_hex(30)
    head = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(metadata, separators=(',', ':'))}\n\r\n"
    middle = f"--{boundary}\r\nContent-Type: {media_type}\r\n\r\n"
    return (
        head.encode() + middle.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/related; boundary={boundary}",
    )
