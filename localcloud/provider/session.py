"""One engine's session with the plugin: where it talks to, as whom, for which project and region."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.provider.endpoints import Endpoints, require_loopback
from localcloud.provider.errors import ProviderError
from localcloud.provider.rest import RestClient
from localcloud.provider.values import UNKNOWN, Properties, Value, reveal

if TYPE_CHECKING:
    import httpx

_ATTRIBUTION = {"goog-pulumi-provisioned": "true"}

# For each endpoint: the configuration keys and environment variables it is known by, and its path on a local cloud.
_ENDPOINTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "compute": (("computeCustomEndpoint",), ("GOOGLE_COMPUTE_CUSTOM_ENDPOINT",), "compute/beta/"),
    "storage": (("storageCustomEndpoint",), ("GOOGLE_STORAGE_CUSTOM_ENDPOINT",), "storage/v1/"),
    "iam": (("iamCustomEndpoint",), ("GOOGLE_IAM_CUSTOM_ENDPOINT",), "iam/v1/"),
    "resource_manager": (
        ("resourceManagerCustomEndpoint", "cloudResourceManagerCustomEndpoint"),
        ("GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT", "GOOGLE_CLOUD_RESOURCE_MANAGER_CUSTOM_ENDPOINT"),
        "crm/v1/",
    ),
    "service_usage": (
        ("serviceUsageCustomEndpoint",),
        ("GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT",),
        "serviceusage/v1/",
    ),
    "secret_manager": (
        ("secretManagerCustomEndpoint",),
        ("GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT",),
        "secretmanager/v1/",
    ),
    "monitoring": (("monitoringCustomEndpoint",), ("GOOGLE_MONITORING_CUSTOM_ENDPOINT",), "monitoring/"),
}

# Services that a stack may leave unset: an endpoint that is missing is missed when it is used.
_OPTIONAL = frozenset({"service_usage", "secret_manager", "monitoring"})


@dataclass(frozen=True)
class Defaults:
    """What the plugin was started with, for what a stack's configuration leaves out."""

    endpoint: str = ""
    token_file: Path | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True)
class Session:
    """What resources need to do their work. `region`, `zone` may be empty; `labels` are put on every resource that has labels."""

    rest: RestClient
    project: str
    region: str
    labels: Mapping[str, str]
    attribution: Mapping[str, str]
    folder: Path | None = None
    zone: str = ""

    def again(self) -> Session:
        """Return a session for what may have been asked for before: see `RestClient.again`."""
        return replace(self, rest=self.rest.again())

    def project_of(self, properties: Properties) -> str:
        """Return the resource's own project, else the stack's."""
        project = properties.get("project")
        if isinstance(project, str) and project:
            return project
        if not self.project:
            raise ProviderError(
                "project is not set; run `pulumi config set gcp:project PROJECT`, or set it on the resource"
            )
        return self.project

    def region_of(self, properties: Properties) -> str:
        """Return the resource's own region, else the stack's."""
        region = properties.get("region")
        if isinstance(region, str) and region:
            return region.rsplit("/", 1)[-1]
        if not self.region:
            raise ProviderError(
                "region is not set; run `pulumi config set gcp:region REGION`, or set it on the resource"
            )
        return self.region

    def zone_of(self, properties: Properties) -> str:
        """Return the resource's own zone, else the stack's."""
        zone = properties.get("zone")
        if isinstance(zone, str) and zone:
            return zone.rsplit("/", 1)[-1]
        if not self.zone:
            raise ProviderError(
                "zone is not set; run `pulumi config set gcp:zone ZONE`, or set it on the resource"
            )
        return self.zone


def configure(arguments: Properties, defaults: Defaults, http: httpx.AsyncClient) -> Session:
    """Build a session from the provider's configuration; ProviderError for an endpoint that is not on this machine."""
    settings = {key: reveal(value) for key, value in arguments.items()}
    endpoints = Endpoints(**{name: _endpoint(name, settings, defaults) for name in _ENDPOINTS})
    for key, value in settings.items():
        if key.endswith("CustomEndpoint") and isinstance(value, str) and value:
            require_loopback(f"gcp:{key}", value)
    return Session(
        rest=RestClient(http, endpoints, _token(settings, defaults)),
        project=_text(settings, "project"),
        region=_text(settings, "region"),
        zone=_text(settings, "zone"),
        labels=_labels(settings.get("defaultLabels")),
        attribution={} if settings.get("addPulumiAttributionLabel") in (False, "false") else _ATTRIBUTION,
    )


def _text(settings: Mapping[str, Value], key: str) -> str:
    value = settings.get(key)
    return value if isinstance(value, str) else ""


def _endpoint(name: str, settings: Mapping[str, Value], defaults: Defaults) -> str:
    keys, variables, path = _ENDPOINTS[name]
    for key in keys:
        if settings.get(key) is UNKNOWN:
            raise ProviderError(
                f"gcp:{key} is not known yet; it must be a plain value in the stack's configuration"
            )
        if value := _text(settings, key):
            return require_loopback(f"gcp:{key}", value)
    for variable in variables:
        if value := defaults.environment.get(variable, ""):
            return require_loopback(variable, value)
    if defaults.endpoint:
        return require_loopback("--endpoint", defaults.endpoint) + path
    if name in _OPTIONAL:
        return ""
    raise ProviderError(
        f"gcp:{keys[0]} is not set, and this plugin was started without --endpoint; "
        f"run `localcloud env`, or set it to http://127.0.0.1:PORT/{path}"
    )


def _token(settings: Mapping[str, Value], defaults: Defaults) -> Value:
    given = _text(settings, "accessToken") or defaults.environment.get("GOOGLE_OAUTH_ACCESS_TOKEN", "")

    def current() -> str:
        if given:
            return given
        if defaults.token_file is None:
            raise ProviderError(
                "gcp:accessToken is not set, and this plugin was started without --token-file; run `localcloud env`"
            )
        try:
            return defaults.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ProviderError(
                f"--token-file {defaults.token_file}: {error.strerror}; is the local cloud running?"
            ) from error

    return current


def _labels(value: Value) -> dict[str, str]:
    if isinstance(value, str):
        value = json.loads(value)
    return {str(key): str(label) for key, label in value.items()} if isinstance(value, dict) else {}
