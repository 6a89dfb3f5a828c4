"""Google's REST API, of the real cloud or of a local one: the same requests to either."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

TIMEOUT = 30  # seconds for one request
# Our name -> Google's address, and the variables that put another one in its place.
_SERVICES = {
    "compute": ("https://compute.googleapis.com/compute/v1/", "GOOGLE_COMPUTE_CUSTOM_ENDPOINT", "COMPUTE", ""),
    "storage": ("https://storage.googleapis.com/storage/v1/", "GOOGLE_STORAGE_CUSTOM_ENDPOINT", "STORAGE", ""),
    "iam": ("https://iam.googleapis.com/v1/", "GOOGLE_IAM_CUSTOM_ENDPOINT", "IAM", "v1/"),
    "crm": ("https://cloudresourcemanager.googleapis.com/v1/", "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT", "CLOUDRESOURCEMANAGER", "v1/"),
}  # fmt: skip


class CannotLookError(Exception):
    """The stack cannot be looked at: why, and what to do."""


class RefusedError(OSError):
    """The API answered with an error; `code` is HTTP's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class GoogleApi:
    """Endpoints by service, and the token that goes with every request."""

    endpoints: Mapping[str, str]
    token: str

    @classmethod
    def connect(cls, environ: Mapping[str, str]) -> Self:
        """Find endpoints and token: the variables of `localcloud env`, those of gcloud, or gcloud itself.

        Raises:
            CannotLookError: there is no token to be had.
        """
        endpoints = {}
        for name, (usual, variable, override, suffix) in _SERVICES.items():
            other = environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{override}")
            found = environ.get(variable) or (other and other.rstrip("/") + "/" + suffix) or usual
            # The local cloud's providers use the beta; what is read here is the same in v1.
            endpoints[name] = found.replace("/compute/beta/", "/compute/v1/").rstrip("/") + "/"
        return cls(endpoints=endpoints, token=_token(environ))

    @property
    def local(self) -> bool:
        """Say whether this is a cloud on this machine."""
        return self.endpoints["compute"].startswith("http://127.")

    def get(self, service: str, path: str, **query: str) -> dict[str, Any]:
        """Read one resource.

        Raises:
            RefusedError: the API answered with an error.
            CannotLookError: it did not answer.
        """
        return self._call("GET", service, path, query, None)

    def post(self, service: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method that only reads, yet takes a body; raises what `get` raises."""
        return self._call("POST", service, path, {}, json.dumps(body).encode())

    def items(self, service: str, path: str, field: str = "items", *, by_post: bool = False) -> list[Any]:
        """Read all pages of a list; raises what `get` raises."""
        found: list[Any] = []
        page: dict[str, str] = {}
        while True:
            answer = self._call("POST" if by_post else "GET", service, path, page, b"" if by_post else None)
            found += answer.get(field, [])
            if not answer.get("nextPageToken"):
                return found
            page = {"pageToken": str(answer["nextPageToken"])}

    def _call(
        self, method: str, service: str, path: str, query: Mapping[str, str], body: bytes | None
    ) -> dict[str, Any]:
        url = self.endpoints[service] + path + ("?" + urlencode(query) if query else "")
        request = urllib.request.Request(url, data=body, method=method)  # noqa: S310  an endpoint of this cloud
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310  as above
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise RefusedError(error.code, _message(error)) from None
        except (OSError, ValueError) as error:
            msg = f"{url} cannot be read ({error}); for the local stack start its cloud: make up"
            raise CannotLookError(msg) from error
        return answer if isinstance(answer, dict) else {}


def relative(link: str) -> str:
    """Return what follows the version in a resource's link: requests go to this cloud's endpoint, whatever host the link has."""
    return link.partition("/v1/")[2] or link.partition("/beta/")[2] or link.lstrip("/")


def quoted(name: str) -> str:
    """Quote a name that may have slashes for a path."""
    return quote(name, safe="")


def _message(error: urllib.error.HTTPError) -> str:
    text = error.read(65536).decode(errors="replace")
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {' '.join(text.split())[:300]}"


def _token(environ: Mapping[str, str]) -> str:
    given = environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    if given:
        return given
    try:
        if file := environ.get("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"):
            return Path(file).read_text("utf-8").strip()
        done = subprocess.run(
            ["gcloud", "auth", "print-access-token"],
            env=dict(environ) or dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        msg = (
            f'no access token: {error}; run gcloud auth login, or for the local stack: eval "$(make -s env)"'
        )
        raise CannotLookError(msg) from error
    if done.returncode != 0 or not done.stdout.strip():
        raise CannotLookError(f"no access token from gcloud: {done.stderr.strip()}; run gcloud auth login")
    return done.stdout.strip()
