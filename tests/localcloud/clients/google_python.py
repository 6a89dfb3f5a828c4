"""Google's own Python client (google-cloud-compute), over REST as it always is; it lives in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.localcloud.clients.client import Json, RefusedError
from tests.localcloud.clients.rest import RestClient
from tests.localcloud.provider.local_cloud import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.localcloud.provider.local_cloud import LocalCloud

_ROOT = Path(__file__).parents[3]
Process = subprocess.Popen[str]


@contextmanager
def process() -> Iterator[Process]:
    """Run the process that has the client; one is enough for many clouds."""
    command = [sys.executable, "-m", "tests.localcloud.clients.google_python_process"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=_ROOT) as running:
        assert running.stdin is not None
        try:
            yield running
        finally:
            running.stdin.close()


class GooglePython(RestClient):
    """The client of one cloud."""

    name = "google-cloud-compute"

    def __init__(self, cloud: LocalCloud, running: Process) -> None:
        self.cloud = cloud
        self._process = running

    def call(self, method: str, body: Mapping[str, Any] | None = None, **parameters: Any) -> Json:  # noqa: ANN401 - as the client takes them
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"address": self.cloud.address, "token": TOKEN, "method": method, "body": body}
        print(json.dumps({**asked, "parameters": parameters}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "the client's process ended: see its errors above"
        result = json.loads(line)
        if "refused" in result:
            raise RefusedError(*result["refused"])
        answer: Json = result["answer"]
        return answer

    def walked(self, method: str, size: int, **parameters: Any) -> list[Json]:  # noqa: ANN401 - of many types
        found: list[Json] = self.call(method, maxResults=size, **parameters).get("items", [])
        return found
