"""Raw HTTP: what Google's reference pages say, sent by hand. Operations are waited for by their `wait` method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from localcloud.discovery.document import load
from tests.localcloud.clients.client import Json, RefusedError
from tests.localcloud.clients.rest import RestClient
from tests.localcloud.provider.local_cloud import TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.localcloud.provider.local_cloud import LocalCloud


class RawHttp(RestClient):
    """One connection to one cloud, with its owner's token."""

    name = "raw HTTP"

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.http = httpx.Client(
            base_url=cloud.address, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=120
        )

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, body: Mapping[str, Any] | None = None, **parameters: Any) -> Json:  # noqa: ANN401 - as the client takes them
        found = load("compute.v1").methods[method]
        parameters.pop("one_page", None)  # a call is one request
        if "mask" in parameters:
            parameters["fields"] = parameters.pop("mask")
        given = {name: _text(value) for name, value in parameters.items()}
        path = "/".join(
            given.pop(segment[1:-1]) if segment.startswith("{") else segment for segment in found.segments
        )
        url = f"/compute/v1/{path}"
        response = self.http.request(found.http, url, params=given, json=body)
        return self._finished(self.answered(response))

    def walked(self, method: str, size: int, **parameters: Any) -> list[Json]:  # noqa: ANN401 - of many types
        found: list[Json] = []
        token: dict[str, Any] = {}
        while True:
            answer = self.call(method, maxResults=size, **parameters, **token)
            found += answer.get("items", [])
            if "nextPageToken" not in answer:
                return found
            token = {"pageToken": answer["nextPageToken"]}

    @staticmethod
    def answered(response: httpx.Response) -> Json:
        """Return the JSON of a good answer."""
        if response.status_code >= 400:
            raise RefusedError(response.status_code, response.json()["error"]["message"])
        answer: Json = response.json() if response.content else {}
        return answer

    def _finished(self, answer: Json) -> Json:
        while answer.get("kind") == "compute#operation" and answer["status"] != "DONE":
            path = answer["selfLink"].removeprefix("https://www.googleapis.com")
            answer = self.answered(self.http.post(f"{path}/wait"))
        if "error" in answer:
            raise RefusedError(answer["httpErrorStatusCode"], answer["error"]["errors"][0]["message"])
        return answer


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
