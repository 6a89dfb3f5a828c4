"""Groups that keep disks, addresses and metadata: what such a story begins with, and looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.control.links import url
from localcloud.plans import per_instance
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import GROUP, PROJECT, REGION, template

if TYPE_CHECKING:
    from tests.localcloud.control.cloud import Cloud

DATA = [
    {"boot": True, "autoDelete": True, "deviceName": "boot", "initializeParams": {"sourceImage": "debian"}},
    {"autoDelete": True, "deviceName": "data"},
]
GOES = "ON_PERMANENT_INSTANCE_DELETION"


def keeping(rule: str = "NEVER", **fields: Any) -> Cloud:  # noqa: ANN401 - fields of a JSON document
    """A group whose instances keep their data disk and their address, by this rule."""
    kept = {"disks": {"data": {"autoDelete": rule}}, "internalIPs": {"nic0": {"autoDelete": rule}}}
    cloud = standard(statefulPolicy={"preservedState": kept}, **fields)
    cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "one", disks=DATA))}])
    policy(cloud, maxSurge={"fixed": 0}, maxUnavailable={"fixed": 3}, replacementMethod="RECREATE")
    return cloud


def disks(cloud: Cloud) -> dict[str, dict[str, Any]]:
    return {
        document["name"]: dict(document)
        for key, document in cloud.store.scan(f"compute/projects/{PROJECT}/zones/")
        if key.split("/")[-2] == "disks"
    }


def reservations(cloud: Cloud) -> dict[str, str]:
    return {
        document["address"]: document["status"]
        for _, document in cloud.store.scan(f"compute/projects/{PROJECT}/regions/{REGION}/addresses/")
    }


def attached(cloud: Cloud) -> dict[str, dict[str, str]]:
    """The ids of each instance's disks by device."""
    found = disks(cloud)
    return {
        name: {
            entry["deviceName"]: found[entry["source"].rpartition("/")[2]]["id"]
            for entry in document["disks"]
        }
        for name, document in cloud.instances().items()
    }


def standing(cloud: Cloud, name: str) -> str | None:
    document = cloud.store.get(per_instance.key_of(GROUP, name))
    return None if document is None else str(document["status"])


def addresses(cloud: Cloud) -> dict[str, str]:
    return {
        name: document["networkInterfaces"][0]["networkIP"] for name, document in cloud.instances().items()
    }


def policy(cloud: Cloud, **fields: Any) -> None:  # noqa: ANN401 - fields of a JSON document
    cloud.patch(GROUP, updatePolicy={**cloud.group()["updatePolicy"], **fields})


def configure(cloud: Cloud, name: str, status: str = per_instance.UNAPPLIED, **state: Any) -> None:  # noqa: ANN401 - fields of a JSON document
    """Write an instance's own configuration as the API does."""
    with cloud.store.transaction() as change:
        document = {"name": name, "preservedState": state, "status": status}
        change.put(per_instance.key_of(GROUP, name), document)
