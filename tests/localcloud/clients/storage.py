"""What a scenario asks of a client of Cloud Storage, and three that do it: raw HTTP, google-cloud-storage and gcloud."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.localcloud.clients.client import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.localcloud.clients.gcloud import Gcloud
    from tests.localcloud.clients.google_python import GooglePython
    from tests.localcloud.clients.raw_http import RawHttp

CHUNK = 256 * 1024  # bytes: what resumable uploads go by


class StorageClient(ABC):
    """Buckets, objects and a bucket's policy."""

    @abstractmethod
    def make(self, bucket: str) -> None:
        """Make a bucket."""

    @abstractmethod
    def put(self, bucket: str, name: str, content: bytes, *, new: bool = False) -> None:
        """Write an object in one request; `new`: only if there is none."""

    @abstractmethod
    def put_in_parts(self, bucket: str, name: str, content: bytes) -> None:
        """Write an object by a resumable upload."""

    @abstractmethod
    def get(self, bucket: str, name: str) -> bytes:
        """Read an object."""

    @abstractmethod
    def copy(self, bucket: str, name: str, to: str, target: str, *, new: bool = False) -> None:
        """Copy an object into a bucket under a name; `new`: only if there is none."""

    @abstractmethod
    def move(self, bucket: str, name: str, target: str) -> None:
        """Give an object another name."""

    @abstractmethod
    def compose(self, bucket: str, target: str, names: Sequence[str]) -> None:
        """Put objects one behind the other."""

    @abstractmethod
    def names(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of objects that begin with a prefix."""

    @abstractmethod
    def grant(self, bucket: str, role: str, member: str) -> None:
        """Add a binding to the bucket's policy."""

    @abstractmethod
    def remove(self, bucket: str, name: str) -> None:
        """Delete an object."""

    @abstractmethod
    def remove_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""


class RawStorage(StorageClient):
    """The JSON API, by hand."""

    def __init__(self, client: RawHttp) -> None:
        self._client, self._http = client, client.http

    def make(self, bucket: str) -> None:
        self._client.answered(self._http.post("/storage/v1/b?project=p", json={"name": bucket}))

    def put(self, bucket: str, name: str, content: bytes, *, new: bool = False) -> None:
        query = {"uploadType": "media", "name": name, **({"ifGenerationMatch": "0"} if new else {})}
        url = f"/upload/storage/v1/b/{bucket}/o"
        self._client.answered(self._http.post(url, params=query, content=content))

    def put_in_parts(self, bucket: str, name: str, content: bytes) -> None:
        query = {"uploadType": "resumable", "name": name}
        begun = self._http.post(f"/upload/storage/v1/b/{bucket}/o", params=query, json={})
        url = begun.headers["location"]
        for start in range(0, len(content), CHUNK):
            part = content[start : start + CHUNK]
            end = start + len(part)
            place = {"content-range": f"bytes {start}-{end - 1}/{len(content)}"}
            response = self._http.put(url, content=part, headers=place)
            assert response.status_code == (200 if end == len(content) else 308), response.text

    def get(self, bucket: str, name: str) -> bytes:
        response = self._http.get(f"/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media")
        if response.status_code >= 400:
            raise RefusedError(response.status_code, response.text)
        return response.content

    def copy(self, bucket: str, name: str, to: str, target: str, *, new: bool = False) -> None:
        path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}/rewriteTo/b/{to}/o/{quote(target, safe='')}"
        query = {"ifGenerationMatch": "0"} if new else {}
        assert self._client.answered(self._http.post(path, params=query))["done"]

    def move(self, bucket: str, name: str, target: str) -> None:
        path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}/moveTo/o/{quote(target, safe='')}"
        self._client.answered(self._http.post(path))

    def compose(self, bucket: str, target: str, names: Sequence[str]) -> None:
        path = f"/storage/v1/b/{bucket}/o/{quote(target, safe='')}/compose"
        body = {"sourceObjects": [{"name": name} for name in names]}
        self._client.answered(self._http.post(path, json=body))

    def names(self, bucket: str, prefix: str) -> list[str]:
        found = self._client.answered(self._http.get(f"/storage/v1/b/{bucket}/o", params={"prefix": prefix}))
        return [item["name"] for item in found.get("items", [])]

    def grant(self, bucket: str, role: str, member: str) -> None:
        policy = self._client.answered(self._http.get(f"/storage/v1/b/{bucket}/iam"))
        policy["bindings"] = [*policy.get("bindings", []), {"role": role, "members": [member]}]
        self._client.answered(self._http.put(f"/storage/v1/b/{bucket}/iam", json=policy))

    def remove(self, bucket: str, name: str) -> None:
        self._client.answered(self._http.delete(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"))

    def remove_bucket(self, bucket: str) -> None:
        self._client.answered(self._http.delete(f"/storage/v1/b/{bucket}"))


class GoogleStorage(StorageClient):
    """google-cloud-storage, in the process that has Google's clients."""

    def __init__(self, client: GooglePython) -> None:
        self._client = client

    def _do(self, verb: str, bucket: str, *arguments: str | bool) -> list[str]:
        answer = self._client.call(f"storage.{verb}", None, bucket=bucket, arguments=list(arguments))
        found: list[str] = answer["result"]
        return found

    def make(self, bucket: str) -> None:
        self._do("make", bucket)

    def put(self, bucket: str, name: str, content: bytes, *, new: bool = False) -> None:
        self._do("put", bucket, name, base64.b64encode(content).decode(), new)

    def put_in_parts(self, bucket: str, name: str, content: bytes) -> None:
        self._do("put_in_parts", bucket, name, base64.b64encode(content).decode())

    def get(self, bucket: str, name: str) -> bytes:
        return base64.b64decode(self._do("get", bucket, name)[0])

    def copy(self, bucket: str, name: str, to: str, target: str, *, new: bool = False) -> None:
        if new:
            self._do("copy", bucket, name, to, target, new)
        else:
            self._do("rewrite", bucket, name, to, target)

    def move(self, bucket: str, name: str, target: str) -> None:
        self._do("move", bucket, name, target)

    def compose(self, bucket: str, target: str, names: Sequence[str]) -> None:
        self._do("compose", bucket, target, *names)

    def names(self, bucket: str, prefix: str) -> list[str]:
        return self._do("names", bucket, prefix)

    def grant(self, bucket: str, role: str, member: str) -> None:
        self._do("grant", bucket, role, member)

    def remove(self, bucket: str, name: str) -> None:
        self._do("remove", bucket, name)

    def remove_bucket(self, bucket: str) -> None:
        self._do("remove_bucket", bucket)


class GcloudStorage(StorageClient):
    """`gcloud storage`; it uploads by parts what is larger than a threshold, which is lowered for that."""

    def __init__(self, client: Gcloud, folder: Path) -> None:
        self._client, self._file = client, folder / "content"

    def make(self, bucket: str) -> None:
        self._client.run("storage", "buckets", "create", f"gs://{bucket}", "--location=europe-west1")

    def put(self, bucket: str, name: str, content: bytes, *, new: bool = False) -> None:
        self._file.write_bytes(content)
        condition = ("--if-generation-match=0",) if new else ()
        self._client.run("storage", "cp", str(self._file), f"gs://{bucket}/{name}", *condition)

    def put_in_parts(self, bucket: str, name: str, content: bytes) -> None:
        self.put(bucket, name, content)

    def get(self, bucket: str, name: str) -> bytes:
        target = Path(f"{self._file}.back")
        self._client.run("storage", "cp", f"gs://{bucket}/{name}", str(target))
        return target.read_bytes()

    def copy(self, bucket: str, name: str, to: str, target: str, *, new: bool = False) -> None:
        condition = ("--if-generation-match=0",) if new else ()
        self._client.run("storage", "cp", f"gs://{bucket}/{name}", f"gs://{to}/{target}", *condition)

    def move(self, bucket: str, name: str, target: str) -> None:
        self._client.run("storage", "mv", f"gs://{bucket}/{name}", f"gs://{bucket}/{target}")

    def compose(self, bucket: str, target: str, names: Sequence[str]) -> None:
        sources = [f"gs://{bucket}/{name}" for name in names]
        self._client.run("storage", "objects", "compose", *sources, f"gs://{bucket}/{target}")

    def names(self, bucket: str, prefix: str) -> list[str]:
        found = self._client.run("storage", "objects", "list", f"gs://{bucket}/{prefix}*")
        return [item["name"] for item in found]

    def grant(self, bucket: str, role: str, member: str) -> None:
        given = (f"--role={role}", f"--member={member}")
        self._client.run("storage", "buckets", "add-iam-policy-binding", f"gs://{bucket}", *given)

    def remove(self, bucket: str, name: str) -> None:
        self._client.run("storage", "rm", f"gs://{bucket}/{name}")

    def remove_bucket(self, bucket: str) -> None:
        self._client.run("storage", "buckets", "delete", f"gs://{bucket}")
