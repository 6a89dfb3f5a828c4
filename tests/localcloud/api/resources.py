"""Bodies that are accepted, to be broken one field at a time, and the stack they make together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.localcloud.api.client import PROJECT, REGION, Api, global_path, region_path

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue

Json = dict[str, Any]


def network(**changes: JsonValue) -> Json:
    return {"name": "net", "autoCreateSubnetworks": False, **changes}


def subnetwork(**changes: JsonValue) -> Json:
    body = {
        "name": "sub",
        "network": f"projects/{PROJECT}/global/networks/net",
        "ipCidrRange": "10.128.0.0/20",
    }
    return {**body, **changes}


def firewall(**changes: JsonValue) -> Json:
    allowed = [{"IPProtocol": "tcp", "ports": ["8080"]}]
    return {"name": "fw", "network": "global/networks/net", "allowed": allowed, **changes}


def tcp_check(**changes: JsonValue) -> Json:
    return {"name": "lb", "type": "TCP", "tcpHealthCheck": {"port": 8080}, **changes}


def http_check(**changes: JsonValue) -> Json:
    block = {"port": 8080, "requestPath": "/healthz"}
    numbers = {"checkIntervalSec": 30, "timeoutSec": 10, "unhealthyThreshold": 5}
    return {"name": "heal", "type": "HTTP", "httpHealthCheck": block, **numbers, **changes}


def template(name: str = "tpl", **changes: JsonValue) -> Json:
    image = "projects/debian-cloud/global/images/family/debian-12"
    properties = {
        "machineType": "e2-small",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
        "networkInterfaces": [{"subnetwork": f"regions/{REGION}/subnetworks/sub"}],
        **changes,
    }
    return {"name": name, "properties": properties}


def group(**changes: JsonValue) -> Json:
    versions = [{"instanceTemplate": "global/instanceTemplates/tpl"}]
    return {"name": "web", "targetSize": 3, "versions": versions, **changes}


def autoscaler(**changes: JsonValue) -> Json:
    target = f"regions/{REGION}/instanceGroupManagers/web"
    return {"name": "web", "target": target, "autoscalingPolicy": {"maxNumReplicas": 6}, **changes}


def backend_service(**changes: JsonValue) -> Json:
    link = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/regions/{REGION}/instanceGroups/web"
    checks = [f"regions/{REGION}/healthChecks/lb"]
    return {"name": "web", "healthChecks": checks, "backends": [{"group": link}], **changes}


def forwarding_rule(**changes: JsonValue) -> Json:
    service = f"regions/{REGION}/backendServices/web"
    return {"name": "web", "backendService": service, "portRange": "8080", **changes}


STACK = (
    (global_path("networks"), network()),
    (region_path("subnetworks"), subnetwork()),
    (global_path("firewalls"), firewall()),
    (region_path("addresses"), {"name": "web"}),
    (region_path("healthChecks"), tcp_check()),
    (global_path("healthChecks"), http_check()),
    (global_path("instanceTemplates"), template()),
    (region_path("instanceGroupManagers"), group()),
    (region_path("backendServices"), backend_service()),
    (region_path("forwardingRules"), forwarding_rule()),
)


def build(api: Api) -> None:
    """Create the whole stack."""
    for path, body in STACK:
        operation = api.post(path, body)
        assert operation["status"] == "DONE"


def build_until(api: Api, collection: str) -> None:
    """Create everything that comes before a collection."""
    for path, body in STACK:
        if path.endswith(f"/{collection}"):
            return
        api.post(path, body)
