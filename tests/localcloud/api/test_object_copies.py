"""Objects made of others: bytes, checksums, metadata and generations are theirs, and no precondition is passed over."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import google_crc32c
import pytest

from tests.localcloud.api.test_access import EMAIL, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.localcloud.api.client import Api

B = "/storage/v1/b/p-one"
OTHER = "/storage/v1/b/p-two"
MIB = 1024**2


@pytest.fixture
def buckets(api: Api) -> Iterator[Api]:
    api.post("/storage/v1/b?project=p", {"name": "p-one", "location": "EU"})
    api.post("/storage/v1/b?project=p", {"name": "p-two", "location": "US", "storageClass": "NEARLINE"})
    yield api
    # Whatever was done: every object has its file, and there are no others.
    api.reopen()
    files = {path.name for path in (api.folder / "content").glob("*/*")}
    documents = [each for _, each in api.store.scan("storage/") if each.get("kind") == "storage#object"]
    assert len(files) == len(documents)


def put(api: Api, name: str, content: bytes, bucket: str = "p-one") -> dict[str, Any]:
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
    response = api.raw("POST", path, content=content, headers={"content-type": "text/plain"})
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def read(api: Api, name: str, bucket: str = "p-one") -> bytes:
    response = api.raw("GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media")
    response.raise_for_status()
    return bytes(response.content)


@pytest.mark.parametrize("verb", ["copyTo", "rewriteTo"])
def test_a_copy_is_another_object_of_the_same_bytes(buckets: Api, verb: str) -> None:
    source = put(buckets, "a/b", b"hello")
    buckets.call("PATCH", f"{B}/o/a%2Fb", {"metadata": {"k": "v"}, "cacheControl": "no-store"})
    answer = buckets.post(f"{B}/o/a%2Fb/{verb}/b/p-two/o/c%2Fd")
    if verb == "rewriteTo":
        assert (answer["done"], answer["totalBytesRewritten"], answer["objectSize"]) == (True, "5", "5")
        answer = answer["resource"]
    assert (answer["bucket"], answer["name"], answer["metageneration"]) == ("p-two", "c/d", "1")
    assert (answer["contentType"], answer["metadata"], answer["cacheControl"]) == (
        "text/plain",
        {"k": "v"},
        "no-store",
    )
    assert (answer["md5Hash"], answer["crc32c"]) == (source["md5Hash"], source["crc32c"])
    assert answer["storageClass"] == "NEARLINE", "its new bucket's"
    buckets.call("DELETE", f"{B}/o/a%2Fb", status=204)
    assert read(buckets, "c/d", "p-two") == b"hello"


def test_what_the_request_says_replaces_the_metadata(buckets: Api) -> None:
    put(buckets, "a", b"x")
    buckets.call("PATCH", f"{B}/o/a", {"metadata": {"k": "v"}})
    body = {"contentType": "text/html", "storageClass": "COLDLINE"}
    made = buckets.post(f"{B}/o/a/rewriteTo/b/p-one/o/a", body)["resource"]
    assert (made["contentType"], made["storageClass"], "metadata" in made) == ("text/html", "COLDLINE", False)
    assert read(buckets, "a") == b"x"


@pytest.mark.parametrize("verb", ["copyTo", "rewriteTo"])
@pytest.mark.parametrize("which", ["source", "destination"])
def test_preconditions_of_either_side_hold(buckets: Api, verb: str, which: str) -> None:
    source, old = put(buckets, "a", b"new"), put(buckets, "b", b"old")
    path = f"{B}/o/a/{verb}/b/p-one/o/b"
    prefix, present = ("ifSource", source) if which == "source" else ("if", old)
    for condition in (
        f"{prefix}GenerationMatch=1",
        f"{prefix}GenerationMatch=0",
        f"{prefix}GenerationNotMatch={present['generation']}",
        f"{prefix}MetagenerationMatch=2",
        f"{prefix}MetagenerationNotMatch=1",
    ):
        assert buckets.refused("POST", f"{path}?{condition}")[:2] == (412, "conditionNotMet")
    assert read(buckets, "b") == b"old"
    buckets.post(f"{path}?{prefix}GenerationMatch={present['generation']}&{prefix}MetagenerationMatch=1")
    assert read(buckets, "b") == b"new"
    assert buckets.refused("POST", f"{B}/o/none/{verb}/b/p-one/o/b")[0] == 404
    assert buckets.refused("POST", f"{B}/o/a/{verb}/b/nowhere/o/b")[0] == 404
    assert buckets.refused("POST", f"{path}?sourceGeneration=1")[0] == 404


def test_an_older_generation_can_be_brought_back(buckets: Api) -> None:
    buckets.call("PATCH", B, {"versioning": {"enabled": True}})
    first = put(buckets, "a", b"first")
    put(buckets, "a", b"second")
    buckets.post(f"{B}/o/a/copyTo/b/p-one/o/a?sourceGeneration={first['generation']}")
    assert read(buckets, "a") == b"first"
    assert len(buckets.get(f"{B}/o?versions=true")["items"]) == 3


def test_a_rewrite_goes_on_where_its_token_says(buckets: Api) -> None:
    content = bytes(range(256)) * (3 * MIB // 256) + b"end"
    put(buckets, "large", content)
    path = f"{B}/o/large/rewriteTo/b/p-two/o/large?maxBytesRewrittenPerCall={2 * MIB}"
    answer = buckets.post(path)
    assert (answer["done"], answer["totalBytesRewritten"], "resource" in answer) == (
        False,
        str(2 * MIB),
        False,
    )
    assert buckets.get(f"{OTHER}/o/large", status=404)
    token = quote(answer["rewriteToken"], safe="")
    assert (
        "rewriteToken"
        in buckets.refused("POST", f"{path.replace('o/large?', 'o/small?')}&rewriteToken={token}")[2]
    )
    assert "rewriteToken" in buckets.refused("POST", f"{path}&rewriteToken=nonsense")[2]
    answer = buckets.post(f"{path}&rewriteToken={token}")
    assert (answer["done"], answer["resource"]["size"]) == (True, str(len(content)))
    assert read(buckets, "large", "p-two") == content
    assert "multiple of" in buckets.refused("POST", path.replace(str(2 * MIB), "1000"))[2]
    # Within one place and class a call copies all, however little it may.
    assert buckets.post(f"{B}/o/large/rewriteTo/b/p-one/o/twin?maxBytesRewrittenPerCall={MIB}")["done"]


def test_a_moved_object_is_no_longer_where_it_was(buckets: Api) -> None:
    put(buckets, "a", b"x")
    assert buckets.refused("POST", f"{B}/o/a/moveTo/o/a")[0] == 400
    assert buckets.post(f"{B}/o/a/moveTo/o/b%2Fc")["name"] == "b/c"
    assert read(buckets, "b/c") == b"x"
    assert buckets.get(f"{B}/o/a", status=404)


def compose(*names: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"sourceObjects": [{"name": name} for name in names], **more}


def test_composed_objects_are_one_behind_the_other(buckets: Api) -> None:
    for name in ("a", "b"):
        put(buckets, name, name.encode() * 3)
    made = buckets.post(f"{B}/o/ab/compose", compose("a", "b", "a", destination={"contentType": "text/x-ab"}))
    assert read(buckets, "ab") == b"aaabbbaaa"
    crc = google_crc32c.value(b"aaabbbaaa").to_bytes(4, "big")
    assert (made["componentCount"], made["contentType"], "md5Hash" in made) == (3, "text/x-ab", False)
    assert base64.b64decode(made["crc32c"]) == crc
    again = buckets.post(f"{B}/o/ab/compose", compose("ab", "b", deleteSourceObjects=True))
    assert (again["componentCount"], read(buckets, "ab")) == (4, b"aaabbbaaabbb")
    assert [each["name"] for each in buckets.get(f"{B}/o")["items"]] == ["a", "ab"]
    headers = buckets.raw("GET", f"{B}/o/ab?alt=media").headers
    assert "md5" not in headers["x-goog-hash"]
    twin = buckets.post(f"{B}/o/ab/copyTo/b/p-one/o/twin")
    assert (twin["componentCount"], "md5Hash" in twin) == (4, False)


def test_what_cannot_be_composed_is_refused_and_changes_nothing(buckets: Api) -> None:
    a = put(buckets, "a", b"x")
    path = f"{B}/o/ab/compose"
    stale = {"name": "a", "objectPreconditions": {"ifGenerationMatch": "1"}}
    for body, status in (
        ({}, 400),
        (compose(*["a"] * 33), 400),
        (compose("a", "none"), 404),
        ({"sourceObjects": [{"name": "a", "generation": "1"}]}, 404),
        ({"sourceObjects": [stale]}, 412),
    ):
        assert buckets.refused("POST", path, body)[0] == status
    assert buckets.refused("POST", f"{path}?ifGenerationMatch=1", compose("a"))[0] == 412
    fresh = {"name": "a", "objectPreconditions": {"ifGenerationMatch": a["generation"]}}
    buckets.post(f"{path}?ifGenerationMatch=0", {"sourceObjects": [fresh]})
    assert buckets.refused("POST", f"{path}?ifGenerationMatch=0", compose("a"))[0] == 412


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("o/a/copyTo/b/p-one/o/{}", {}),
        ("o/a/rewriteTo/b/p-one/o/{}", {}),
        ("o/{}/compose", {"sourceObjects": [{"name": "a"}]}),
    ],
)
def test_who_copies_may_read_create_and_delete_what_is_there(
    buckets: Api, path: str, body: dict[str, Any]
) -> None:
    put(buckets, "a", b"x")
    put(buckets, "old", b"y")
    for names, new, over in (
        (("objectViewer",), 403, 403),
        (("objectCreator",), 403, 403),
        (("objectViewer", "objectCreator"), 200, 403),
        (("objectUser",), 200, 200),
    ):
        statuses = _as(buckets, names, path, body)
        assert statuses == (new, over), names


def test_who_moves_may_move(buckets: Api) -> None:
    put(buckets, "a", b"x")
    put(buckets, "old", b"y")
    assert _as(buckets, ("objectViewer", "objectCreator"), "o/a/moveTo/o/{}", {}) == (403, 403)
    assert _as(buckets, ("objectUser",), "o/a/moveTo/o/{}", {})[0] == 200


def _as(api: Api, names: tuple[str, ...], path: str, body: dict[str, Any]) -> tuple[int, int]:
    """Ask, as a service account with these roles, for a new object and for one that is there; return the statuses."""
    if api.raw("GET", f"/v1/projects/p/serviceAccounts/{EMAIL}").status_code == 404:
        api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    members = [f"serviceAccount:{EMAIL}"]
    bindings = [{"role": f"roles/storage.{name}", "members": members} for name in names]
    api.call("PUT", f"{B}/iam", {"bindings": bindings})
    asked = [
        api.raw("POST", f"{B}/{path.format(name)}", token=token(api), json=body) for name in ("new", "old")
    ]
    api.raw("DELETE", f"{B}/o/new")
    return asked[0].status_code, asked[1].status_code


def test_a_bucket_tells_its_layout(buckets: Api) -> None:
    found = buckets.get(f"{OTHER}/storageLayout")
    assert (found["bucket"], found["location"], found["locationType"]) == ("p-two", "US", "multi-region")
    assert found["hierarchicalNamespace"] == {"enabled": False}
    assert buckets.get("/storage/v1/b/none/storageLayout", status=404)
