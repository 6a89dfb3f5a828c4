"""What the recording was made against: a server that stores what it is sent, and answers every operation DONE.

For comparing with the recording only, which echoes this server's peculiarities (links come back as they were sent).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.provider.values import Value
from tests.localcloud.provider.stand_in_services import SmallServices

if TYPE_CHECKING:
    from starlette.requests import Request

Body = dict[str, Value]
_ID_NAMES = (
    "numericId",
    "networkId",
    "subnetworkId",
    "healthCheckId",
    "addressId",
    "instanceGroupManagerId",
    "generatedId",
    "forwardingRuleId",
)
_KEPT = ("blank", "confidentialInstanceConfig")
_COMPUTE = re.compile(r"^/compute/beta/(.*)$")


class StandIn:
    """Documents by path, requests in order of arrival."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Value]] = []
        self.documents: dict[str, Body] = {}
        self.objects: dict[str, Body] = {}
        self.policies: dict[str, Body] = {}
        self.recorded: dict[str, Body] = {}
        self.services = SmallServices(self.documents)
        self.address = ""
        self.app = Starlette(
            routes=[Route("/{path:path}", self.handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
        )

    async def handle(self, request: Request) -> Response:
        """Record and answer one request."""
        raw = await request.body()
        body: Value = None
        if raw and request.headers["content-type"].startswith("multipart/"):
            body = {"multipart": raw.decode()}
        elif raw:
            body = json.loads(raw)
        path = request.url.path
        query = f"?{request.url.query}" if request.url.query else ""
        self.requests.append((request.method, path + query, body))
        answer = self.answer(request, path, _clean(body) if isinstance(body, dict) else {})
        if answer is None:
            return JSONResponse(
                {
                    "error": {
                        "code": 404,
                        "message": f"{path} was not found",
                        "errors": [{"reason": "notFound"}],
                    }
                },
                404,
            )
        return (
            Response(status_code=204) if answer == {} and request.method == "DELETE" else JSONResponse(answer)
        )

    def answer(self, request: Request, path: str, body: Body) -> Body | None:
        """Dispatch to the service."""
        if path.endswith(("/iam", ":getIamPolicy", ":setIamPolicy")):
            return self.policy(request.method, path, body)
        if path == "/crm/v1/projects/p":
            return {"projectId": "p"}
        if path.startswith("/v1/projects/"):
            return self.account(request.method, path, body)
        if path.startswith("/upload/storage/v1/"):
            return self.upload(request, body)
        if path.startswith("/storage/v1/"):
            return self.storage(request.method, path, body)
        if service := self.services.service(path):
            return service(request, path, body)
        match = _COMPUTE.match(path)
        assert match, path
        return self.compute(request, match[1], body)

    def policy(self, method: str, path: str, body: Body) -> Body:
        """IAM policies."""
        key = path.removesuffix(":getIamPolicy").removesuffix(":setIamPolicy")
        current = self.policies.setdefault(key, {"version": 1, "etag": "ACAB"})
        if method == "PUT" or path.endswith(":setIamPolicy"):
            self.policies[key] = current = {**body.get("policy", body), "etag": "ACAC"}
        return current

    def account(self, method: str, path: str, body: Body) -> Body | None:
        """Service accounts."""
        if method == "POST":
            project = path.split("/")[3]
            email = f"{body['accountId']}@{project}.iam.gserviceaccount.com"
            name = f"projects/{project}/serviceAccounts/{email}"
            self.documents[f"/v1/{name}"] = {
                "name": name,
                "email": email,
                "uniqueId": "111",
                **body.get("serviceAccount", {}),
            }
            return self.documents[f"/v1/{name}"]
        return (
            self.documents.pop(path, None) and {"done": True}
            if method == "DELETE"
            else self.documents.get(path)
        )

    def upload(self, request: Request, body: Body) -> Body:
        """Objects with content."""
        name = request.query_params["name"]
        bucket = request.url.path.split("/")[5]
        content = body["multipart"].split("\r\n\r\n")[2].rpartition("\r\n--")[0].encode()
        document = {
            "bucket": bucket,
            "name": name,
            "contentType": "text/plain",
            "crc32c": "AAAAAA==",
            "generation": "1",
            "md5Hash": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
            "mediaLink": f"{self.address}/download/storage/v1/b/{bucket}/o/{name}?alt=media",
            "selfLink": f"{self.address}/storage/v1/b/{bucket}/o/{name}",
            "storageClass": "STANDARD",
        }
        self.documents[f"/storage/v1/b/{bucket}/o/{name}"] = document
        return document

    def storage(self, method: str, path: str, body: Body) -> Body | None:
        """Buckets and objects' metadata."""
        if method == "POST":
            key = f"{path}/{body['name']}"
            times = {"timeCreated": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"}
            self.documents[key] = {
                **body,
                "id": body["name"],
                "projectNumber": "1",
                "selfLink": self.address + key,
                **times,
            }
            return self.documents[key]
        if method == "DELETE":
            return None if self.documents.pop(path, None) is None else {}
        return {} if path.endswith(("/anywhereCaches/", "/o")) else self.documents.get(path)

    def compute(self, request: Request, path: str, body: Body) -> Body | None:
        """Compute resources, images and projects."""
        if "/images/" in path:
            link = f"{self.address}/compute/v1/{path}"
            image = {
                "name": "debian-12",
                "id": "1",
                "family": "debian-12",
                "selfLink": link,
                "diskSizeGb": "10",
                "archiveSizeBytes": "1",
            }
            return {**image, "creationTimestamp": "2026-01-01T00:00:00Z", "status": "READY"}
        if path == "projects/p/zones":
            region = f"{self.address}/compute/v1/projects/p/regions/europe-west1"
            return {"items": [{"name": f"europe-west1-{letter}", "region": region} for letter in "bcd"]}
        if path == "projects/1":
            return {"name": "1"}
        if request.method == "GET":
            found = self.find(path)
            return self.documents[found] if found else None
        return self.write(request, path, body)

    def write(self, request: Request, path: str, body: Body) -> Body | None:
        """Apply a write and answer a finished operation."""
        if request.method == "POST" and path.endswith("/setLabels"):
            self.documents[path.removesuffix("/setLabels")]["labels"] = body["labels"]
            return self.operation(path, "1")
        if request.method == "POST":
            path = f"{path}/{body['name']}"
            number = self.number(path)
            self.documents[path] = self.document(path, number, body)
            return self.operation(path, number)
        if autoscaler := request.query_params.get("autoscaler"):
            path = f"{path}/{autoscaler}"
        found = self.find(path)
        if found is None:
            return None
        if request.method == "DELETE":
            del self.documents[found]
            return self.operation(path, "1")
        self.documents[found] = self.by_name({**self.documents[found], **body})
        return self.operation(path, str(self.documents[found].get("id", "0")))

    def number(self, path: str) -> str:
        """Return the numeric id that the recording's server gave, "0" if it gave none."""
        known = self.recorded.get(path, {})
        return next((str(known[name]) for name in _ID_NAMES if known.get(name)), "0")

    def find(self, path: str) -> str | None:
        """Find a resource by name or by number."""
        if path in self.documents:
            return path
        collection, _, number = path.rpartition("/")
        return next(
            (
                key
                for key, body in self.documents.items()
                if key.startswith(collection + "/") and body.get("id") == number
            ),
            None,
        )

    def by_name(self, body: Body) -> Body:
        """Turn templates' numeric links into links by name, as Google does."""
        for version in body.get("versions", []):
            _, versioned, path = version["instanceTemplate"].partition("/compute/v1/")
            if versioned:
                version["instanceTemplate"] = f"{self.address}/compute/v1/{self.find(path) or path}"
        return body

    def document(self, path: str, number: str, body: Body) -> Body:
        """Return a new resource as it is read back."""
        link = f"{self.address}/compute/v1/{path}"
        known = self.recorded.get(path, {})
        # The recording's server filled in what it did for a type: nothing for zonal ones.
        document = {**body, "creationTimestamp": known.get("creationTimestamp", "")}
        if number != "0":
            document.update(id=number)
        if known.get("selfLink"):
            document.update(selfLink=link)
        kind = path.split("/")[-2]
        if kind == "addresses":
            document.setdefault("address", "203.0.113.5")
        if kind == "instanceGroupManagers":
            document["instanceGroup"] = link.replace("instanceGroupManagers", "instanceGroups")
            document["status"] = {"isStable": True, "versionTarget": {"isReached": True}}
        if kind == "forwardingRules":
            document.setdefault("IPAddress", "203.0.113.5")
            if known.get("networkTier"):
                document.setdefault("networkTier", known["networkTier"])
        if kind == "instanceTemplates" and (model := known["scheduling"]["provisioningModel"]):
            document["properties"]["scheduling"] = {
                "automaticRestart": True,
                "provisioningModel": model,
                **document["properties"]["scheduling"],
            }
        if kind in ("instanceGroupManagers", "backendServices"):
            document["fingerprint"] = known.get("fingerprint", "")
        if "backendService" in document:
            document["backendService"] = document["backendService"].replace("/compute/beta/", "/compute/v1/")
        return self.by_name(document)

    def operation(self, path: str, target: str) -> Body:
        """Return an operation that is done."""
        link = f"{self.address}/compute/beta/{path.split('/', maxsplit=1)[0]}/p/global/operations/op"
        return {
            "kind": "compute#operation",
            "name": "op",
            "status": "DONE",
            "targetId": target,
            "selfLink": link,
        }


def _clean(value: Value) -> Value:
    """Drop nulls and empty objects, as Google does."""
    if isinstance(value, dict):
        cleaned = {key: _clean(element) for key, element in value.items() if element is not None}
        return {key: element for key, element in cleaned.items() if element != {} or key in _KEPT}
    if isinstance(value, list):
        return [_clean(element) for element in value if element is not None]
    return value
