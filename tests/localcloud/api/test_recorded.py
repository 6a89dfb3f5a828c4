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

from tests.localcloud import driven
from tests.localcloud.api.client import PROJECT, Api, global_path, region_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.discovery.json_value import JsonValue

RECORDED = Path(__file__).parents[1] / "recorded"
STEPS = ("0-preview", "1-create", "2-unchanged", "3-refresh", "4-update", "5-destroy")
# What is named by a number: Google gives it, and it is in later requests.
_NUMBERED = re.compile(r"(global/instanceTemplates|notificationChannels|dashboards|alertPolicies)/([0-9]+)")
_MAKING = re.compile(r"/(global/instanceTemplates|notificationChannels|dashboards|alertPolicies)\?")


class _Replay:
    def __init__(self, api: Api, program: str) -> None:
        self.api = api
        self.program = program
        self.names: dict[str, str] = {}
        self.fresh: dict[str, list[str]] = {}

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
        if method == "POST" and (made := _MAKING.search(path)):
            answer = response.json()
            name = answer["targetId"] if "targetId" in answer else answer["name"].rpartition("/")[2]
            self.fresh.setdefault(made[1], []).append(name)
        if method == "DELETE" and "/instanceGroupManagers/" in path:
            self._controllers_remove_groups()

    def _text(self, text: str) -> str:
        """Return a request's text with the numbers that this cloud gave for those that the recording's server gave."""

        def known(found: re.Match[str]) -> str:
            if found[0] not in self.names:
                self.names[found[0]] = self.fresh[found[1]].pop(0)
            return f"{found[1]}/{self.names[found[0]]}"

        return _NUMBERED.sub(known, text)

    def _body(self, path: str, body: JsonValue) -> JsonValue:
        if "/alertPolicies?" in path:  # the recording's server added these names to what it had been sent
            conditions = [{k: v for k, v in each.items() if k != "name"} for each in body["conditions"]]
            body = {**body, "conditions": conditions}
        body = json.loads(self._text(json.dumps(body)))
        # The recording's server gave some resources no fingerprint, so the provider had none to send back.
        if body.get("fingerprint") in ("AAAA", "") or "/backendServices/" in path:
            body["fingerprint"] = self.api.get(path)["fingerprint"]
        elif "labelFingerprint" in body:
            body["labelFingerprint"] = self.api.get(path.replace("/setLabels", ""))["labelFingerprint"]
        if body.get("IPAddress") == "203.0.113.5":
            address = {"small": "web", "rich": "app-4"}[self.program]
            body["IPAddress"] = self.api.get(region_path(f"addresses/{address}"))["address"]
        if "/iam?" in path and "etag" in body:
            body["etag"] = self.api.get(path)["etag"]
        if ":setIamPolicy" in path and "etag" in body["policy"]:
            reading = path.replace(":setIamPolicy", ":getIamPolicy")
            read = self.api.get if "/secrets/" in path else self.api.post
            body["policy"]["etag"] = read(reading)["etag"]
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


def _play(api: Api, program: str, *steps: str) -> _Replay:
    api.client = driven.RECORDED
    replay = _Replay(api, program)
    for request in _requests(program, *steps):
        replay.play(request)
    return replay


@pytest.fixture(params=["small", "rich"])
def program(request: pytest.FixtureRequest) -> str:
    """Return each recorded program's name."""
    name: str = request.param
    return name


def test_every_recorded_request_is_answered_as_it_was(api: Api, program: str) -> None:
    _play(api, program, *STEPS)


def test_destroy_leaves_nothing_behind(api: Api, program: str) -> None:
    _play(api, program, *STEPS)
    left = [key for key, _ in api.store.scan("") if "/operations/" not in key and not key.startswith("crm/")]
    assert left == []
    assert not list((api.folder / "content").glob("*/*"))


def test_a_restart_changes_no_answer(api: Api, program: str) -> None:
    replay = _play(api, program, "1-create")
    reads = {replay._text(r["path"]) for r in _requests(program, "3-refresh") if r["method"] == "GET"}
    assert len(reads) > 12
    before = {path: api.get(path) for path in reads}
    api.reopen()
    assert {path: api.get(path) for path in reads} == before


@pytest.mark.parametrize("path", [global_path("instanceTemplates"), region_path("instanceGroupManagers")])
def test_links_by_id_are_kept_by_name(api: Api, path: str) -> None:
    _play(api, "small", "1-create")
    text = json.dumps(api.get(path)["items"])
    assert not re.search(r"instanceTemplates/[0-9]", text)
    assert f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/" in text
