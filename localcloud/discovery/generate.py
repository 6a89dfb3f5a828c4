"""Make `data/` from the discovery documents bundled in the PyPI package google-api-python-client.

    python -m localcloud.discovery.generate

Every method keeps its id, HTTP verb and path. Methods of the collections below also keep parameters, request and response, and
every schema these reach is kept without its prose. A field is read-only if Google marks it so, or its description begins with
"[Output Only]", save the few that clients do send.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

DATA = Path(__file__).parent / "data"

# Discovery document -> the resources whose methods keep their parameters and schemas; None keeps all of them.
_COMPUTE = frozenset({
    "addresses", "autoscalers", "backendServices", "disks", "firewalls", "forwardingRules", "globalOperations", "healthChecks", "images",
    "instanceGroupManagers", "instanceGroups", "instanceTemplates", "instances", "machineTypes", "networks", "projects",
    "regionAutoscalers", "regionBackendServices", "regionHealthChecks", "regionInstanceGroupManagers", "regionInstanceGroups",
    "regionInstanceTemplates", "regionOperations", "regions", "routers", "subnetworks", "zoneOperations", "zones",
})  # fmt: skip
KEPT: dict[str, frozenset[str] | None] = {
    "compute.v1": _COMPUTE,
    "compute.beta": _COMPUTE,
    "storage.v1": frozenset({"buckets", "objects", "anywhereCaches"}),
    "iam.v1": frozenset({"projects.serviceAccounts", "projects.serviceAccounts.keys"}),
    "cloudresourcemanager.v1": frozenset({"projects"}),
    "serviceusage.v1": frozenset({"services", "operations"}),
    "secretmanager.v1": frozenset({"projects.secrets", "projects.secrets.versions"}),
    "monitoring.v1": frozenset({"projects.dashboards"}),
    "monitoring.v3": frozenset(
        {"projects.alertPolicies", "projects.notificationChannels", "projects.timeSeries"}
    ),
}
# Described as output only, yet part of requests.
_SENT_ALL_THE_SAME = frozenset({"InstanceGroupManager.namedPorts"})
# Not in the documents, yet accepted: the official Pulumi and Terraform providers send these to Google with every such resource.
_ACCEPTED: dict[str, Json] = {
    "NetworkRoutingConfig": {"deleteBgpAlwaysCompareMed": {"type": "boolean"}},
    "RouterNat": {"initialNatIps": {"type": "array", "items": {"type": "string"}}},
}
_METHOD_KEYS = ("httpMethod", "path", "flatPath")
_PARAMETER_KEYS = (
    "type",
    "format",
    "location",
    "required",
    "repeated",
    "enum",
    "pattern",
    "minimum",
    "maximum",
)
_SCHEMA_KEYS = ("type", "format", "$ref", "enum", "pattern", "minimum", "maximum")


def main() -> None:
    """Write one file per document; prints their names and sizes."""
    DATA.mkdir(exist_ok=True)
    for name in KEPT:
        target = DATA / f"{name}.json"
        target.write_text(render(strip(name, _bundled(name))))
        print(f"{target.name}: {target.stat().st_size / 1024:.0f} KiB")


def _bundled(name: str) -> Json:
    try:
        cache = import_module("googleapiclient.discovery_cache")
    except ModuleNotFoundError:
        sys.exit("google-api-python-client is not installed: pip install -r requirements-dev.txt")
    folder = Path(str(cache.__file__)).parent / "documents"
    document: Json = json.loads((folder / f"{name}.json").read_text())
    return document


def strip(name: str, document: Json) -> Json:
    """Return the document with only what the local cloud uses of it."""
    kept = KEPT[name]
    methods: Json = {}
    wanted: set[str] = set()
    for resource, method in _methods(document):
        entry = {key: method[key] for key in _METHOD_KEYS if key in method}
        if entry.get("flatPath") == entry["path"]:
            del entry["flatPath"]
        if kept is None or resource in kept:
            parameters = method.get("parameters", {})
            entry["parameters"] = {
                key: {k: spec[k] for k in _PARAMETER_KEYS if k in spec} for key, spec in parameters.items()
            }
            # The page of v1 leaves out what every client sends with its lists, and what the beta page has.
            if document["name"] == "compute" and method["id"].endswith(("List", ".list")):
                entry["parameters"].setdefault(
                    "returnPartialSuccess", {"type": "boolean", "location": "query"}
                )
            for side in ("request", "response"):
                if side in method:
                    entry[side] = method[side]["$ref"]
                    wanted.add(entry[side])
        methods[method["id"]] = entry
    if (
        name == "storage.v1"
    ):  # error and policy schemas are reached through methods; objects are also sent inside compose
        wanted.add("Policy")
    schemas = _closure(document["schemas"], wanted)
    parameters = {
        key: {k: spec[k] for k in _PARAMETER_KEYS if k in spec}
        for key, spec in document["parameters"].items()
    }
    return {
        "name": document["name"],
        "version": document["version"],
        "revision": document["revision"],
        "servicePath": document["servicePath"],
        "parameters": parameters,
        "methods": methods,
        "schemas": schemas,
    }


def _methods(node: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    for method in node.get("methods", {}).values():
        yield path, method
    for name, child in node.get("resources", {}).items():
        yield from _methods(child, f"{path}.{name}" if path else name)


def _closure(schemas: Json, wanted: set[str]) -> Json:
    result: Json = {}
    queue = sorted(wanted)
    while queue:
        name = queue.pop()
        if name in result:
            continue
        result[name] = _schema(schemas[name], name)
        result[name].get("properties", {}).update(_ACCEPTED.get(name, {}))
        queue.extend(re.findall(r'"\$ref": "(\w+)"', json.dumps(result[name])))
    return dict(sorted(result.items()))


def _schema(schema: Json, name: str) -> Json:
    result = {key: schema[key] for key in _SCHEMA_KEYS if key in schema}
    if "properties" in schema:
        result["properties"] = {
            key: _schema(child, f"{name}.{key}") for key, child in schema["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            result[key] = _schema(schema[key], name)
    description = schema.get("description", "").lstrip()
    if name not in _SENT_ALL_THE_SAME and (
        schema.get("readOnly") or description.startswith(("[Output Only]", "Output only."))
    ):
        result["readOnly"] = True
    return result


def render(document: Json) -> str:
    """Return JSON with one method or schema per line, so that a new revision reads well as a change."""
    lines = ["{"]
    for key, value in document.items():
        if key in {"methods", "schemas"}:
            body = ",\n".join(
                f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in value.items()
            )
            lines.append(f"{json.dumps(key)}:{{\n{body}\n}},")
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))},")
    lines[-1] = lines[-1].rstrip(",")
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    main()
