"""Where each of Google's services is found: always on this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from localcloud.provider.errors import ProviderError

if TYPE_CHECKING:
    from localcloud.provider.values import Value


def require_loopback(name: str, value: str) -> str:
    """Return the endpoint with a trailing slash; ProviderError unless it is an http(s) URL of a loopback address."""
    parts = urlsplit(value)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _is_loopback(host):
        raise ProviderError(
            f"{name} is {value!r}, but this plugin talks to a local cloud on a loopback address only, never to Google; "
            f"set it to something like http://127.0.0.1:9099/compute/v1/, or use the official gcp provider "
            f"(unset PULUMI_DEBUG_PROVIDERS)"
        )
    return value if value.endswith("/") else value + "/"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Endpoints:
    """Base URLs of the services, each ending in a slash; the last three may be empty: they are missed only when used."""

    compute: str
    storage: str
    iam: str
    resource_manager: str
    service_usage: str = ""
    secret_manager: str = ""
    monitoring: str = ""

    def operation(self, operation: dict[str, Value]) -> str:
        """Return the URL at which a Compute operation is read."""
        link = str(operation.get("selfLink", ""))
        at = link.find("projects/")
        if at < 0:
            raise ProviderError(f"operation {operation.get('name')!r} has no selfLink to follow")
        return f"{self.compute}{link[at:]}?alt=json"

    def compute_url(self, path: str, query: str = "") -> str:
        """Return the URL of a Compute path such as ``projects/p/global/networks/n``."""
        return f"{self.compute}{path}?alt=json{query}"

    def storage_url(self, path: str, query: str = "&prettyPrint=false") -> str:
        """Return the URL of a Storage path such as ``b/bucket``."""
        return f"{self.storage}{path}?alt=json{query}"

    def upload_url(self, bucket: str, name: str) -> str:
        """Return the URL to which an object's content is sent."""
        host = _origin(self.storage)
        query = f"alt=json&name={quote(name, safe='')}&prettyPrint=false&uploadType=multipart"
        return f"{host}/upload/storage/v1/b/{bucket}/o?{query}"

    def iam_url(self, path: str, query: str = "") -> str:
        """Return the URL of an IAM path; IAM is at ``/v1/`` of its host whatever the endpoint's own path, as Google's client has it."""
        return f"{_origin(self.iam)}/v1/{path}?alt=json{query}&prettyPrint=false"

    def resource_manager_url(self, path: str) -> str:
        """Return the URL of a Resource Manager path such as ``projects/p:getIamPolicy``."""
        return f"{self.resource_manager}{path}?alt=json&prettyPrint=false"

    def service_usage_url(self, path: str, query: str = "") -> str:
        """Return the URL of a Service Usage path such as ``projects/p/services``."""
        return f"{_set('serviceUsage', self.service_usage)}{path}?alt=json{query}&prettyPrint=false"

    def secret_manager_url(self, path: str, query: str = "") -> str:
        """Return the URL of a Secret Manager path such as ``projects/p/secrets/s``."""
        return f"{_set('secretManager', self.secret_manager)}{path}?alt=json{query}"

    def monitoring_url(self, path: str, query: str = "") -> str:
        """Return the URL of a Cloud Monitoring path, version included: ``v3/projects/p/alertPolicies``."""
        return f"{_set('monitoring', self.monitoring)}{path}?alt=json{query}"


def _set(name: str, endpoint: str) -> str:
    if not endpoint:
        raise ProviderError(
            f"gcp:{name}CustomEndpoint is not set, and a resource of that service is to be handled; "
            f"run `localcloud env`, or set it to the local cloud's"
        )
    return endpoint


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
