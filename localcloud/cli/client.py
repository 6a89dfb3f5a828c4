"""The command's side of the operator's API: plain HTTP to the daemon of one cloud."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.daemon import launch
from localcloud.daemon.config import CloudConfig

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

    from localcloud.home import Home


_TRIES = 3


class CloudError(Exception):
    """Something the user must know: what, why, and what to do."""


@dataclass(frozen=True)
class Client:
    """Speaks to the running daemon of one cloud."""

    config: CloudConfig

    @classmethod
    def connect(cls, home: Home) -> Client:
        """Return a client of the cloud in this folder.

        Raises:
            CloudError: no daemon runs there.
        """
        config = CloudConfig.load(home)
        # Where the daemon has just died, its keeper starts another, which answers what was asked meanwhile.
        if config is None or (launch.running(home) is None and launch.keeper(home) is None):
            msg = f"no local cloud runs in {home.path}; start it with: localcloud start"
            raise CloudError(msg)
        return cls(config)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401  - JSON of the path called
        """Send one request and return the JSON answer.

        Raises:
            CloudError: the daemon refused, or does not answer.
        """
        return json.loads(self._request(method, path, body).read())

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the JSON objects of a stream, as they come."""
        response = self._request("GET", path, None)
        while line := response.readline():
            yield json.loads(line)

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> http.client.HTTPResponse:
        import http.client  # noqa: PLC0415 - more than all else that `start` needs before the daemon is under way

        # what only asks can be asked again, if the daemon dies as it answers
        tries = _TRIES if method == "GET" else 1
        headers = {"Authorization": f"Bearer {self.config.owner_token}", "Content-Type": "application/json"}
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.config.api_port)
            try:
                connection.request(
                    method, f"/localcloud/v1{path}", json.dumps(body) if body is not None else None, headers
                )
                response = connection.getresponse()
                break
            except OSError as error:
                tries -= 1
                if tries and isinstance(error, ConnectionResetError):
                    continue
                msg = f"the local cloud at {self.config.endpoint} does not answer ({error}); see localcloud status, or start it again"
                raise CloudError(msg) from error
        if response.status >= 400:
            text = response.read().decode(errors="replace")
            try:
                text = json.loads(text)["error"]["message"]
            except (ValueError, KeyError, TypeError):
                text = f"HTTP {response.status}: {text[:300]}"
            raise CloudError(text)
        return response
