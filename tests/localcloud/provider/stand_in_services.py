"""The recorded server's smaller services: secrets, monitoring, enabled services. Documents by path, as sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localcloud.provider.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

Body = dict[str, Value]
_CREATED = "2026-01-01T00:00:00Z"
# The numbers that the recorded server gave, by collection: it made one of each.
_NUMBERS = {"notificationChannels": 1026, "dashboards": 1027, "alertPolicies": 1039}


class SmallServices:
    """Keeps its documents in the stand-in's."""

    def __init__(self, documents: dict[str, Body]) -> None:
        self.documents = documents

    def service(self, path: str) -> Callable[[Request, str, Body], Body | None] | None:
        """Return what answers a path, None if it is not one of these services'."""
        services = {
            "/serviceusage/": self.enabled,
            "/secretmanager/": self.secrets,
            "/monitoring/": self.monitoring,
        }
        return next((answer for prefix, answer in services.items() if path.startswith(prefix)), None)

    def enabled(self, _: Request, __: str, ___: Body) -> Body:
        """Answer which services are enabled."""
        return {"services": [{"name": "projects/1/services/compute.googleapis.com"}]}

    def secrets(self, request: Request, path: str, body: Body) -> Body | None:
        """Secrets and their versions."""
        if request.method == "POST" and "secretId" in request.query_params:
            return self._keep(f"{path}/{request.query_params['secretId']}", body)
        if match := re.fullmatch(r"(.*/secrets/[^/]+):addVersion", path):
            return self._keep(f"{match[1]}/versions/1", {"state": "ENABLED"})
        if match := re.fullmatch(r"(.*/versions/1):(enable|destroy)", path):
            return self.documents[match[1]]
        return self._get_or_delete(request, path)

    def monitoring(self, request: Request, path: str, body: Body) -> Body | None:
        """Channels, policies and dashboards."""
        if request.method != "POST":
            return self._get_or_delete(request, path)
        name = f"{path}/{_NUMBERS[path.rpartition('/')[2]]}"
        for index, condition in enumerate(body.get("conditions", []), start=1):
            condition["name"] = f"{name.partition('/v3/')[2]}/conditions/{index}"
        return self._keep(name, body)

    def _keep(self, path: str, body: Body) -> Body:
        relative = re.sub(r"^/[a-z]+/v\d/", "", path)
        created = {"createTime": _CREATED} if "/secrets/" in path else {}
        self.documents[path] = {**body, "name": relative, **created}
        return self.documents[path]

    def _get_or_delete(self, request: Request, path: str) -> Body | None:
        if request.method == "DELETE":
            return None if self.documents.pop(path, None) is None else {}
        return self.documents.get(path)
