"""The official provider's recorded requests, in their order, each answered with the status it was answered with then.

What differs between clouds is substituted by what this one gave: numeric ids of templates, the reserved address, fingerprints,
policy etags. A group's deletion is finished by what the controllers would do once its instances are gone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.localcloud.api.client import PROJECT, Api, global_path, region_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.discovery.json_value import JsonValue

RECORDED = Path(__file__).parents[1] / "recorded"
STEPS = ("0-preview", "1-create", "2-unchanged", "3-refresh", "4-update", "5-destroy")
_ID = re.compile(r"instanceTemplates/([0-9]+)")


class _Replay:
    def __init__(self, api: Api) -> None:
        self.api = api
        self.ids: dict[str, str] = {}
        self.fresh: list[str] = []

    def play(self, request: dict[str, Any]) -> None:
        method, body = request["method"], request.get("body")
        path = self._text(request["path"])
        if isinstance(body, dict) and "multipart" in body:
            raw = body["multipart"].encode()
            boundary = body["multipart"].partition("\r\n")[0].removeprefix("--")
            kind = {"content-type": f"multipart/related; boundary={boundary}"}
            response = self.api.raw(method, path, content=raw, headers=kind)
        elif body is not None:
            response = self.api.raw(method, path, json=self._body(path, body))
        else:
            response = self.api.raw(method, path)
        assert response.status_code == request["status"], (
            f"{method} {path}: {response.status_code} {response.text}"
        )
        if method == "POST" and "/instanceTemplates?" in path:
            self.fresh.append(response.json()["targetId"])
        if method == "DELETE" and "/instanceGroupManagers/" in path:
            self._controllers_remove_groups()

    def _text(self, text: str) -> str:
        def known(found: re.Match[str]) -> str:
            if found[1] not in self.ids:
                self.ids[found[1]] = self.fresh.pop(0)
            return f"instanceTemplates/{self.ids[found[1]]}"

        return _ID.sub(known, text)

    def _body(self, path: str, body: JsonValue) -> JsonValue:
        body = json.loads(self._text(json.dumps(body)))
        if body.get("fingerprint") == "AAAA":
            body["fingerprint"] = self.api.get(path)["fingerprint"]
        if "IPAddress" in body:
            body["IPAddress"] = self.api.get(region_path("addresses/web"))["address"]
        if "/iam?" in path and "etag" in body:
            body["etag"] = self.api.get(path)["etag"]
        if ":setIamPolicy" in path:
            body["policy"]["etag"] = self.api.post(path.replace(":setIamPolicy", ":getIamPolicy"))["etag"]
        return body

    def _controllers_remove_groups(self) -> None:
        with self.api.store.transaction() as tx:
            for key, _ in self.api.store.scan("control/deleting/"):
                tx.delete(key)
                tx.delete("compute/" + key.removeprefix("control/deleting/"))


def _requests(program: str, *steps: str) -> Iterator[dict[str, Any]]:
    for step in steps:
        for line in (RECORDED / program / f"{step}.http.jsonl").read_text().splitlines():
            yield json.loads(line)


def _play(api: Api, *steps: str) -> _Replay:
    replay = _Replay(api)
    for request in _requests("small", *steps):
        replay.play(request)
    return replay


def test_every_recorded_request_is_answered_as_it_was(api: Api) -> None:
    _play(api, *STEPS)


def test_destroy_leaves_nothing_behind(api: Api) -> None:
    _play(api, *STEPS)
    left = [key for key, _ in api.store.scan("") if "/operations/" not in key and not key.startswith("crm/")]
    assert left == []
    assert not list((api.folder / "content").glob("*/*"))


def test_a_restart_changes_no_answer(api: Api) -> None:
    replay = _play(api, "1-create")
    reads = {replay._text(r["path"]) for r in _requests("small", "3-refresh") if r["method"] == "GET"}
    assert len(reads) > 12
    before = {path: api.get(path) for path in reads}
    api.reopen()
    assert {path: api.get(path) for path in reads} == before


@pytest.mark.parametrize("path", [global_path("instanceTemplates"), region_path("instanceGroupManagers")])
def test_links_by_id_are_kept_by_name(api: Api, path: str) -> None:
    _play(api, "1-create")
    text = json.dumps(api.get(path)["items"])
    assert not re.search(r"instanceTemplates/[0-9]", text)
    assert f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/" in text
