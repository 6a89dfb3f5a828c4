"""Buckets and objects: every kind of upload, reading back, versions, preconditions, and what a crash leaves."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.localcloud.api.client import Api

BUCKET = "/storage/v1/b/p-scripts"
UPLOAD = "/upload/storage/v1/b/p-scripts/o"
CONTENT = b"#!/bin/sh\r\necho \xff\x00 hi\n" * 1000
NAME = "scripts%2Fstartup.sh"


@pytest.fixture
def bucket(api: Api) -> Api:
    api.post("/storage/v1/b?project=p", {"name": "p-scripts", "location": "EU"})
    return api


def put(api: Api, content: bytes = CONTENT, query: str = "", status: int = 200) -> dict[str, str]:
    path = f"{UPLOAD}?uploadType=media&name={NAME}{query}"
    response = api.raw("POST", path, content=content, headers={"content-type": "text/x-shellscript"})
    assert response.status_code == status, response.text
    found: dict[str, str] = response.json()
    return found


def read(api: Api, query: str = "") -> bytes:
    response = api.raw("GET", f"{BUCKET}/o/{NAME}?alt=media{query}")
    assert response.status_code == 200, response.text
    return bytes(response.content)


def test_a_bucket_has_googles_fields(bucket: Api) -> None:
    found = bucket.get(BUCKET)
    assert (found["location"], found["locationType"], found["storageClass"]) == (
        "EU",
        "multi-region",
        "STANDARD",
    )
    assert (found["projectNumber"], found["metageneration"], found["etag"]) == ("1", "1", "CAE=")
    bucket.call("PATCH", BUCKET, {"labels": {"a": "b"}})
    assert bucket.get(BUCKET)["labels"] == {"a": "b"}
    assert bucket.get(BUCKET)["metageneration"] == "2"
    assert [item["name"] for item in bucket.get("/storage/v1/b?project=p")["items"]] == ["p-scripts"]


def test_media_uploads_are_read_back_byte_for_byte(bucket: Api) -> None:
    made = put(bucket)
    assert made["md5Hash"] == base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode()
    assert (made["size"], made["contentType"], made["name"]) == (
        str(len(CONTENT)),
        "text/x-shellscript",
        "scripts/startup.sh",
    )
    assert read(bucket) == CONTENT
    assert bucket.get(f"{BUCKET}/o/{NAME}") == made


def test_crc32c_is_the_castagnoli_sum(bucket: Api) -> None:
    assert put(bucket, b"123456789")["crc32c"] == base64.b64encode(bytes.fromhex("e3069283")).decode()


def test_multipart_uploads_carry_metadata_and_content(bucket: Api) -> None:
    metadata = json.dumps({"name": "m", "metadata": {"a": "b"}, "contentType": "text/plain"})
    body = b"--xyz\r\nContent-Type: application/json\r\n\r\n" + metadata.encode()
    body += b"\r\n--xyz\r\nContent-Type: application/octet-stream\r\n\r\n" + CONTENT + b"\r\n--xyz--\r\n"
    kind = {"content-type": 'multipart/related; boundary="xyz"'}
    made = bucket.raw("POST", f"{UPLOAD}?uploadType=multipart", content=body, headers=kind).json()
    assert (made["contentType"], made["metadata"]) == ("text/plain", {"a": "b"})
    assert bucket.raw("GET", f"{BUCKET}/o/m?alt=media").content == CONTENT


def test_resumable_uploads_survive_a_broken_chunk_and_a_restart(bucket: Api) -> None:
    begun = bucket.raw(
        "POST", f"{UPLOAD}?uploadType=resumable&name={NAME}", json={"contentType": "text/plain"}
    )
    session = begun.headers["location"]
    size = len(CONTENT)
    first = bucket.raw(
        "PUT", session, content=CONTENT[:300], headers={"content-range": f"bytes 0-299/{size}"}
    )
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-299")
    bucket.reopen()
    asked = bucket.raw("PUT", session, headers={"content-range": f"bytes */{size}"})
    assert (asked.status_code, asked.headers["range"]) == (308, "bytes=0-299")
    rest = {"content-range": f"bytes 200-{size - 1}/{size}"}  # overlaps what has arrived
    made = bucket.raw("PUT", session, content=CONTENT[200:], headers=rest)
    assert made.status_code == 200
    assert read(bucket) == CONTENT
    assert bucket.raw("PUT", session, content=b"", headers=rest).status_code == 404


def test_parts_of_an_object_can_be_read(bucket: Api) -> None:
    put(bucket, b"0123456789")
    for given, wanted in (
        ("bytes=2-4", b"234"),
        ("bytes=7-", b"789"),
        ("bytes=-3", b"789"),
        ("bytes=5-99", b"56789"),
    ):
        response = bucket.raw("GET", f"{BUCKET}/o/{NAME}?alt=media", headers={"range": given})
        assert (response.status_code, response.content) == (206, wanted)
    assert (
        bucket.raw("GET", f"{BUCKET}/o/{NAME}?alt=media", headers={"range": "bytes=10-"}).status_code == 416
    )


def test_preconditions_protect_what_is_there(bucket: Api) -> None:
    made = put(bucket, b"1", "&ifGenerationMatch=0")
    put(bucket, b"2", "&ifGenerationMatch=0", status=412)
    put(bucket, b"2", f"&ifGenerationMatch={made['generation']}")
    assert read(bucket) == b"2"
    assert bucket.refused("DELETE", f"{BUCKET}/o/{NAME}?ifGenerationMatch=1")[:2] == (412, "conditionNotMet")


def test_a_wrong_checksum_is_refused_and_leaves_nothing(bucket: Api) -> None:
    body = b'--x\r\n\r\n{"name": "m", "md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}\r\n--x\r\n\r\nhi\r\n--x--'
    kind = {"content-type": "multipart/related; boundary=x"}
    response = bucket.raw("POST", f"{UPLOAD}?uploadType=multipart", content=body, headers=kind)
    assert response.status_code == 400
    assert "doesn't match calculated MD5 hash" in response.json()["error"]["message"]
    assert bucket.get(f"{BUCKET}/o") == {"kind": "storage#objects"}
    assert not [file for file in (bucket.folder / "content").rglob("*") if file.is_file()]


def test_versioned_buckets_keep_what_was_replaced_and_deleted(bucket: Api) -> None:
    bucket.call("PATCH", BUCKET, {"versioning": {"enabled": True}})
    old = put(bucket, b"old")
    put(bucket, b"new")
    assert read(bucket) == b"new"
    assert read(bucket, f"&generation={old['generation']}") == b"old"
    bucket.call("DELETE", f"{BUCKET}/o/{NAME}", status=204)
    assert bucket.refused("GET", f"{BUCKET}/o/{NAME}")[2] == "No such object: p-scripts/scripts/startup.sh"
    versions = bucket.get(f"{BUCKET}/o?versions=true")["items"]
    assert len(versions) == 2
    assert bucket.refused("DELETE", BUCKET)[:2] == (409, "conflict")
    for version in versions:
        bucket.call("DELETE", f"{BUCKET}/o/{NAME}?generation={version['generation']}", status=204)
    bucket.call("DELETE", BUCKET, status=204)


def test_objects_are_listed_as_folders_and_in_pages(bucket: Api) -> None:
    for name in ("a", "d%2F1", "d%2F2", "e"):
        bucket.raw("POST", f"{UPLOAD}?uploadType=media&name={name}", content=b"x")
    found = bucket.get(f"{BUCKET}/o?delimiter=/")
    assert ([item["name"] for item in found["items"]], found["prefixes"]) == (["a", "e"], ["d/"])
    assert [item["name"] for item in bucket.get(f"{BUCKET}/o?prefix=d/")["items"]] == ["d/1", "d/2"]
    names, token = [], ""
    while True:
        page = bucket.get(f"{BUCKET}/o?maxResults=1&delimiter=/{token}")
        names += [item["name"] for item in page.get("items", [])] + page.get("prefixes", [])
        if "nextPageToken" not in page:
            break
        token = f"&pageToken={page['nextPageToken'].replace('#', '%23').replace('/', '%2F')}"
    assert names == ["a", "d/", "e"]


def test_storage_errors_have_its_words(bucket: Api) -> None:
    assert bucket.refused("GET", "/storage/v1/b/none")[2] == "The specified bucket does not exist."
    assert bucket.refused("POST", "/storage/v1/b?project=p", {"name": "p-scripts"})[:2] == (409, "conflict")
    assert bucket.refused("POST", "/storage/v1/b?project=p", {"name": "No"})[2] == "Invalid bucket name: 'No'"
    put(bucket)
    assert bucket.refused("DELETE", BUCKET)[2] == "The bucket you tried to delete is not empty."


def test_a_restart_keeps_objects_and_sweeps_what_belongs_to_none(bucket: Api) -> None:
    made = put(bucket)
    stray = bucket.folder / "content" / "drafts" / "left-by-a-crash"
    stray.write_bytes(b"half")
    bucket.reopen()
    assert not stray.exists()
    assert bucket.get(f"{BUCKET}/o/{NAME}") == made
    assert read(bucket) == CONTENT


def test_names_cannot_reach_out_of_the_folder(bucket: Api) -> None:
    path = f"{UPLOAD}?uploadType=media&name=..%2F..%2F..%2Fescaped"
    assert bucket.raw("POST", path, content=b"x").status_code == 200
    assert list(bucket.folder.rglob("*escaped*")) == []
    assert bucket.raw("GET", f"{BUCKET}/o/..%2F..%2F..%2Fescaped?alt=media").content == b"x"


def test_a_multipart_body_may_have_unix_lines(api: Api) -> None:
    api.post("/storage/v1/b?project=p", {"name": "p-b"})
    lines = [
        "--==1==",
        "Content-Type: application/json",
        "MIME-Version: 1.0",
        "",
        '{"name": "n"}',
        "--==1==",
        "Content-Type: text/plain",
        "",
        "one\r\n\r\ntwo\n",
        "--==1==--",
    ]
    kind = {"content-type": "multipart/related; boundary='==1=='"}
    path = "/upload/storage/v1/b/p-b/o?uploadType=multipart"
    api.raw("POST", path, content="\n".join(lines).encode(), headers=kind).raise_for_status()
    assert api.raw("GET", "/storage/v1/b/p-b/o/n?alt=media").content == b"one\r\n\r\ntwo\n"
