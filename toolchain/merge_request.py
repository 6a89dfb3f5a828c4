"""`make note`: what an offline preview came to, as one note of the GitLab merge request, always written anew.

For a job of the default branch, which has the token and runs nothing of the merge request: it is told a pipeline, asks GitLab which merge
request that is of, takes that pipeline's comment for text, and posts it. Nothing that the merge request says of itself is believed.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toolchain.errors import ToolchainError
from toolchain.pr_comment import MARKER, MOST_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolchain.progress import Progress

TOKEN = "MIG_NLB_GITLAB_TOKEN"  # noqa: S105  the name of the variable, not a token
COMMENT_JOB = "comment"
COMMENT_FILE = "reports/comment.md"
_PER_PAGE = 100
_TIMEOUT_SECONDS = 30
_MERGE_REQUEST_REF = re.compile(r"refs/merge-requests/(\d+)/(?:head|merge|train)")


@dataclass(frozen=True)
class GitLab:
    """One project of a GitLab, by its API (v4).

    Args:
        api: its address, such as "https://gitlab.example/api/v4".
        project: the project's number or path.
        token: may read pipelines and write notes: a project access token with the scope `api` and the role Reporter.
    """

    api: str
    project: str
    token: str

    def get(self, path: str) -> Any:  # noqa: ANN401  - JSON of the path asked for
        """Return what is at a path of the project."""
        return json.loads(self._request("GET", path))

    def text(self, path: str) -> str:
        """Return a file at a path of the project."""
        return self._request("GET", path).decode("utf-8", "replace")

    def put(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Write something."""
        self._request(method, path, json.dumps(body).encode())

    def every(self, path: str) -> Iterator[Any]:
        """Yield what a list has, page by page."""
        page, separator = 1, "&" if "?" in path else "?"
        while found := self.get(f"{path}{separator}per_page={_PER_PAGE}&page={page}"):
            yield from found
            if len(found) < _PER_PAGE:
                return
            page += 1

    def whoami(self) -> str:
        """Return the name of the token's user."""
        return str(json.loads(self._send("GET", f"{self.api}/user", None))["username"])

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        return self._send(method, f"{self.api}/projects/{quote(self.project, safe='')}/{path}", body)

    def _send(self, method: str, url: str, body: bytes | None) -> bytes:
        headers = {"PRIVATE-TOKEN": self.token, "Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  CI says where its GitLab is
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310  as above
                content: bytes = response.read()
        except urllib.error.HTTPError as error:
            told = error.read().decode(errors="replace")[:300]
            raise ToolchainError(f"GitLab refused {method} {url} with {error.code}: {told}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ToolchainError(f"GitLab did not answer {method} {url}: {error}") from error
        return content


def post(environ: Mapping[str, str], pipeline: str, progress: Progress) -> int:
    """Post the comment of a pipeline as the note of its merge request, and return the exit status.

    Without a token there is nothing to post with: the comment stays an artifact, which the merge request shows.

    Raises:
        ToolchainError: this is no job of GitLab's, or GitLab refuses.
    """
    if not environ.get(TOKEN):
        progress.say(f"{TOKEN} is not set: the comment is an artifact of the pipeline, and no note.")
        return 0
    lacking = [name for name in ("CI_API_V4_URL", "CI_PROJECT_ID") if not environ.get(name)]
    if lacking:
        raise ToolchainError(f"{' and '.join(lacking)} not set: `make note` is for a job of GitLab CI")
    if not pipeline.isdecimal():
        raise ToolchainError(f"PIPELINE={pipeline!r}: must be the number of a merge request's pipeline")
    gitlab = GitLab(environ["CI_API_V4_URL"], environ["CI_PROJECT_ID"], environ[TOKEN])
    number = _merge_request_of(gitlab, pipeline)
    if number is None:
        progress.say(f"Pipeline {pipeline} is not the newest of an open merge request: nothing to tell.")
        return 0
    written = _write(gitlab, number, _comment_of(gitlab, pipeline))
    progress.say(f"Merge request !{number}: note {written}")
    return 0


def _merge_request_of(gitlab: GitLab, pipeline: str) -> int | None:
    """Return the open merge request that a pipeline is of, if its commit is still the one at its head."""
    run = gitlab.get(f"pipelines/{pipeline}")
    ref = _MERGE_REQUEST_REF.fullmatch(str(run.get("ref", "")))
    if run.get("source") != "merge_request_event" or ref is None:
        return None
    request = gitlab.get(f"merge_requests/{ref[1]}")
    newest = (request.get("head_pipeline") or {}).get("id")
    return int(ref[1]) if request.get("state") == "opened" and str(newest) == pipeline else None


def _comment_of(gitlab: GitLab, pipeline: str) -> str:
    """Return the text that the pipeline's job `comment` wrote, as one of ours."""
    jobs = [job for job in gitlab.every(f"pipelines/{pipeline}/jobs") if job["name"] == COMMENT_JOB]
    if not jobs:
        raise ToolchainError(f"pipeline {pipeline} has no job {COMMENT_JOB!r}, which writes the comment")
    newest = max(job["id"] for job in jobs)
    text = gitlab.text(f"jobs/{newest}/artifacts/{COMMENT_FILE}")[:MOST_CHARACTERS]
    return text if text.startswith(MARKER) else f"{MARKER}\n{text}"


def _write(gitlab: GitLab, number: int, text: str) -> str:
    """Write the note anew if this token's user has one there, else make it; somebody else's is never touched."""
    notes, me = f"merge_requests/{number}/notes", gitlab.whoami()
    for note in gitlab.every(f"{notes}?sort=asc&order_by=created_at"):
        if note["author"]["username"] == me and note["body"].startswith(MARKER):
            gitlab.put("PUT", f"{notes}/{note['id']}", {"body": text})
            return "written anew"
    gitlab.put("POST", notes, {"body": text})
    return "made"
