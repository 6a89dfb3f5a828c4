"""What is uploaded: texts, files, folders and archives, checked against what the engine saw."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import zipfile
from pathlib import Path

import pytest

from localcloud.provider.engine_folder import engine_folder
from localcloud.provider.errors import ProviderError
from localcloud.provider.families.content import asset_bytes, multipart, sniff
from localcloud.provider.values import Asset


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"#!/bin/sh\necho hi\n", "text/plain; charset=utf-8"),
        ("grüße".encode(), "text/plain; charset=utf-8"),
        (b"", "text/plain; charset=utf-8"),
        (b"\n  <!DOCTYPE html><p>", "text/html; charset=utf-8"),
        (b"<?xml version='1.0'?>", "text/xml; charset=utf-8"),
        (b"\x1f\x8b\x08\x00rest", "application/x-gzip"),
        (b"PK\x03\x04rest", "application/zip"),
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\x00\x01\x02", "application/octet-stream"),
    ],
)
def test_types_are_told_by_content(content: bytes, kind: str) -> None:
    assert sniff(content) == kind


def _file(path: Path, content: bytes = b"content") -> Asset:
    return Asset("path", str(path), hashlib.sha256(content).hexdigest())


def test_files_are_read_and_must_be_what_the_engine_saw(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert asset_bytes(_file(tmp_path / "file"), None) == b"content"
    assert asset_bytes(_file(Path("file")), tmp_path) == b"content"
    (tmp_path / "file").write_bytes(b"changed")
    with pytest.raises(ProviderError, match="is not the file the engine saw"):
        asset_bytes(_file(tmp_path / "file"), None)
    with pytest.raises(ProviderError, match="No such file or directory"):
        asset_bytes(_file(tmp_path / "missing"), None)
    with pytest.raises(ProviderError, match="cannot be found out"):
        asset_bytes(_file(Path("file")), None)


def test_archives_of_folders_and_assets_are_zips_that_are_always_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b").write_bytes(b"two")
    (folder / "a").write_bytes(b"one")
    of_folder = asset_bytes(Asset("path", str(folder), "", archive=True), None)
    assets = {"sub/b": Asset("text", "two", ""), "a": Asset("text", "one", "")}
    of_assets = asset_bytes(Asset("assets", assets, "", archive=True), None)
    assert of_folder == of_assets
    with zipfile.ZipFile(io.BytesIO(of_folder)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a": b"one", "sub/b": b"two"}
    (tmp_path / "a.zip").write_bytes(of_folder)
    assert asset_bytes(Asset("path", str(tmp_path / "a.zip"), "", archive=True), None) == of_folder
    with pytest.raises(ProviderError, match="neither a zip nor a tar file"):
        asset_bytes(Asset("path", str(folder / "a"), "", archive=True), None)


def test_uploads_have_two_parts() -> None:
    body, kind = multipart({"bucket": "b"}, b"content", "text/plain; charset=utf-8")
    boundary = kind.partition("boundary=")[2]
    assert body.decode() == (
        f'--{boundary}\r\nContent-Type: application/json\r\n\r\n{{"bucket":"b"}}\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ncontent\r\n--{boundary}--\r\n"
    )


def test_the_engines_folder_is_that_of_the_process_at_the_other_end() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        peer = f"ipv4:127.0.0.1:{client.getsockname()[1]}"
        assert engine_folder(peer) == Path.cwd()
    assert engine_folder("unix:/run/plugin") is None
    assert engine_folder(f"ipv4:127.0.0.1:{os.getpid() % 900 + 1}") is None
