"""The note of a merge request, over HTTP, against a small GitLab that keeps what it is told and answers as the real one documents."""

from __future__ import annotations

import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.serving import serving
from toolchain import merge_request
from toolchain.errors import ToolchainError
from toolchain.pr_comment import MARKER, MOST_CHARACTERS
from toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "glpat-of-the-tests"
PIPELINE = "77"


class SmallGitLab(ThreadingHTTPServer):
    """One project, one merge request, its pipeline and its notes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pipeline: dict[str, Any] = {
            "id": 77,
            "source": "merge_request_event",
            "ref": "refs/merge-requests/5/head",
        }
        self.request: dict[str, Any] = {"iid": 5, "state": "opened", "head_pipeline": {"id": 77}}
        self.jobs: list[dict[str, Any]] = [
            {"id": 900, "name": "preview: [dev]"},
            {"id": 901, "name": "comment"},
        ]
        self.artifact = f"{MARKER}\n# What this change would do\n"
        self.notes: list[dict[str, Any]] = []
        self.changes: list[str] = []

    @property
    def env(self) -> dict[str, str]:
        return {
            "CI_API_V4_URL": f"http://127.0.0.1:{self.server_port}/api/v4",
            "CI_PROJECT_ID": "group/mig-nlb",
            merge_request.TOKEN: SECRET,
        }

    def add_note(self, author: str, body: str) -> None:
        self.notes.append({"id": len(self.notes) + 1, "author": {"username": author}, "body": body})


class _Handler(BaseHTTPRequestHandler):
    server: SmallGitLab

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers["PRIVATE-TOKEN"] != SECRET:
            return self._answer(401, {"message": "401 Unauthorized"})
        url = urlsplit(self.path)
        if url.path == "/api/v4/user":
            return self._answer(200, {"username": "mig-nlb-bot"})
        place = url.path.removeprefix("/api/v4/projects/group%2Fmig-nlb/")
        if self.command in {"POST", "PUT"}:
            self.server.changes.append(f"{self.command} {place}")
            text = json.loads(body)["body"]
            if self.command == "PUT":
                self.server.notes[int(place.rpartition("/")[2]) - 1]["body"] = text
            else:
                self.server.add_note("mig-nlb-bot", text)
            return self._answer(200, {})
        if place == "jobs/901/artifacts/reports/comment.md":
            return self._answer(200, self.server.artifact)
        lists = {"pipelines/77/jobs": self.server.jobs, "merge_requests/5/notes": self.server.notes}
        if place in lists:
            query = parse_qs(url.query)
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return self._answer(200, lists[place][(page - 1) * size : page * size])
        known = {"pipelines/77": self.server.pipeline, "merge_requests/5": self.server.request}
        return (
            self._answer(200, known[place])
            if place in known
            else self._answer(404, {"message": "404 Not found"})
        )

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _answer(self, status: int, body: object) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gitlab() -> Iterator[SmallGitLab]:
    with SmallGitLab() as server, serving(server):
        yield server


def post(gitlab: SmallGitLab, pipeline: str = PIPELINE, **env: str) -> str:
    said = io.StringIO()
    assert merge_request.post({**gitlab.env, **env}, pipeline, Progress(said)) == 0
    return said.getvalue()


def test_the_first_time_a_note_is_made_and_then_it_is_written_anew(gitlab: SmallGitLab) -> None:
    assert "!5: note made" in post(gitlab)
    gitlab.artifact = f"{MARKER}\n# Another one\n"
    assert "!5: note written anew" in post(gitlab)
    assert gitlab.changes == ["POST merge_requests/5/notes", "PUT merge_requests/5/notes/1"]
    assert [note["body"] for note in gitlab.notes] == [f"{MARKER}\n# Another one\n"]


def test_its_note_is_found_among_many_and_nobody_elses_is_touched(gitlab: SmallGitLab) -> None:
    gitlab.add_note("mallory", f"{MARKER}\nlooks like it")
    for number in range(120):
        gitlab.add_note("somebody", f"remark {number}")
    gitlab.add_note("mig-nlb-bot", f"{MARKER}\nof an earlier commit")
    post(gitlab)
    assert gitlab.changes == ["PUT merge_requests/5/notes/122"]


@pytest.mark.parametrize(
    ("pipeline", "request_"),
    [
        ({"source": "push"}, {}),
        ({"ref": "main"}, {}),
        ({"ref": "refs/merge-requests/5/head; rm"}, {}),
        ({}, {"state": "merged"}),
        ({}, {"head_pipeline": {"id": 78}}),
        ({}, {"head_pipeline": None}),
    ],
)
def test_only_the_newest_pipeline_of_an_open_merge_request_has_something_to_tell(
    gitlab: SmallGitLab, pipeline: dict[str, Any], request_: dict[str, Any]
) -> None:
    gitlab.pipeline |= pipeline
    gitlab.request |= request_
    assert "nothing to tell" in post(gitlab)
    assert gitlab.changes == []


def test_what_the_merge_request_wrote_is_taken_for_text_of_a_bounded_length(gitlab: SmallGitLab) -> None:
    gitlab.artifact = "no marker, and far too long " * 10_000
    post(gitlab)
    (note,) = gitlab.notes
    assert note["body"].startswith(f"{MARKER}\nno marker")
    assert len(note["body"]) <= MOST_CHARACTERS + len(MARKER) + 1


def test_without_a_token_the_comment_stays_an_artifact(gitlab: SmallGitLab) -> None:
    assert "is an artifact" in post(gitlab, **{merge_request.TOKEN: ""})
    assert gitlab.changes == []


def test_a_refusal_is_told_with_gitlabs_words_and_without_the_token(gitlab: SmallGitLab) -> None:
    with pytest.raises(ToolchainError, match=r"refused GET .*/pipelines/77 with 401: .*Unauthorized") as told:
        merge_request.post(
            {**gitlab.env, merge_request.TOKEN: "glpat-wrong"}, PIPELINE, Progress(io.StringIO())
        )
    assert "glpat-wrong" not in str(told.value)


def test_what_is_missing_or_wrong_is_named(gitlab: SmallGitLab) -> None:
    with pytest.raises(ToolchainError, match="CI_PROJECT_ID not set"):
        merge_request.post({**gitlab.env, "CI_PROJECT_ID": ""}, PIPELINE, Progress(io.StringIO()))
    with pytest.raises(ToolchainError, match=r"PIPELINE='\.\./user': must be the number"):
        merge_request.post(gitlab.env, "../user", Progress(io.StringIO()))
    gitlab.jobs.pop()
    with pytest.raises(ToolchainError, match="has no job 'comment'"):
        merge_request.post(gitlab.env, PIPELINE, Progress(io.StringIO()))
