"""What members of a group keep, as clients say it: disks made by hand, disks of the template, internal addresses.

The plugin has what Pulumi's provider has in this package: a group's own policy. It has no disks and no verbs on members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localcloud.clients.client import GROUP, PROJECT, REGION
from tests.localcloud.clients.gcloud import Gcloud
from tests.localcloud.clients.pulumi_plugin import PulumiPlugin
from tests.localcloud.clients.rest import RestClient

if TYPE_CHECKING:
    from tests.localcloud.clients.client import Client, Json

_KIND = "regionInstanceGroupManagers"
_NEVER = {"autoDelete": "NEVER"}


def make_disk(client: Client, zone: str, name: str, size: int) -> None:
    """Make an empty disk of so many GB, and one GB larger afterwards."""
    if isinstance(client, Gcloud):
        client.compute("disks create", name, f"--zone={zone}", f"--size={size}GB")
        client.compute("disks resize", name, f"--zone={zone}", f"--size={size + 1}GB")
        return
    assert isinstance(client, RestClient)
    place = {"project": PROJECT, "zone": zone}
    client.call("compute.disks.insert", {"name": name, "sizeGb": str(size)}, **place)
    client.call("compute.disks.resize", {"sizeGb": str(size + 1)}, **place, disk=name)


def disks(client: Client, zone: str) -> dict[str, Json]:
    """Return a zone's disks by name."""
    if isinstance(client, Gcloud):
        found = client.compute("disks list", f"--zones={zone}")
    else:
        assert isinstance(client, RestClient)
        found = client.call("compute.disks.list", project=PROJECT, zone=zone).get("items", [])
    return {disk["name"]: disk for disk in found}


def keep_for(client: Client, zone: str, instance: str, disk: str, address: str) -> None:
    """Give a member a disk under its own name, and have it keep its address; at once."""
    source = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{zone}/disks/{disk}"
    if isinstance(client, Gcloud):
        wanted = (
            f"--stateful-disk=device-name={disk},source={source}",
            f"--stateful-internal-ip=address={address}",
        )
        client.managed("instance-configs create", "web", f"--instance={instance}", *wanted)
        return
    assert isinstance(client, RestClient)
    state = {
        "disks": {disk: {"source": source}},
        "internalIPs": {"nic0": {**_NEVER, "ipAddress": {"literal": address}}},
    }
    client.group(
        "updatePerInstanceConfigs",
        "web",
        {"perInstanceConfigs": [{"name": instance, "preservedState": state}]},
    )
    _apply(client, instance)


def keep_also(client: Client, instance: str, key: str, value: str) -> None:
    """Change a member's configuration: it has this metadata too."""
    if isinstance(client, Gcloud):
        client.managed(
            "instance-configs update", "web", f"--instance={instance}", f"--stateful-metadata={key}={value}"
        )
        return
    assert isinstance(client, RestClient)
    config = {"name": instance, "preservedState": {"metadata": {key: value}}}
    client.group("patchPerInstanceConfigs", "web", {"perInstanceConfigs": [config]})
    _apply(client, instance)


def keep_no_more(client: Client, instance: str) -> None:
    """Take a member's configuration away; at once."""
    if isinstance(client, Gcloud):
        client.managed("instance-configs delete", "web", f"--instances={instance}")
        return
    assert isinstance(client, RestClient)
    client.group("deletePerInstanceConfigs", "web", {"names": [instance]})
    _apply(client, instance)


def _apply(client: RestClient, instance: str) -> None:
    client.group("applyUpdatesToInstances", "web", {"instances": client.links("web", [instance])})


def keep_for_all(client: Client, device: str) -> None:
    """Have every member keep a disk of the template's and its address."""
    if isinstance(client, Gcloud):
        policy = (f"--stateful-disk=device-name={device}", "--stateful-internal-ip=interface-name=nic0")
        client.managed("update", "web", "--instance-redistribution-type=none")
        client.managed("update", "web", *policy)
        return
    if isinstance(client, PulumiPlugin):
        client.change(
            _KIND,
            "web",
            statefulDisks=[{"deviceName": device}],
            statefulInternalIps=[{"interfaceName": "nic0"}],
            updatePolicy={
                "type": "OPPORTUNISTIC",
                "minimalAction": "REPLACE",
                "instanceRedistributionType": "NONE",
            },
        )
        return
    assert isinstance(client, RestClient)
    kept = {"disks": {device: _NEVER}, "internalIPs": {"nic0": _NEVER}}
    change = {
        "updatePolicy": {"instanceRedistributionType": "NONE"},
        "statefulPolicy": {"preservedState": kept},
    }
    where = {"project": PROJECT, "region": REGION, "instanceGroupManager": "web"}
    client.call(f"compute.{_KIND}.patch", change, **where)


def attach(client: Client, zone: str, instance: str, disk: str) -> None:
    """Give a stopped instance a disk, under the disk's name."""
    if isinstance(client, Gcloud):
        client.compute(
            "instances attach-disk", instance, f"--zone={zone}", f"--disk={disk}", f"--device-name={disk}"
        )
        return
    assert isinstance(client, RestClient)
    body = {"source": f"projects/{PROJECT}/zones/{zone}/disks/{disk}", "deviceName": disk}
    client.call("compute.instances.attachDisk", body, project=PROJECT, zone=zone, instance=instance)


def detach(client: Client, zone: str, instance: str, disk: str) -> None:
    """Take a disk from a stopped instance."""
    if isinstance(client, Gcloud):
        client.compute("instances detach-disk", instance, f"--zone={zone}", f"--disk={disk}")
        return
    assert isinstance(client, RestClient)
    where = {"project": PROJECT, "zone": zone, "instance": instance, "deviceName": disk}
    client.call("compute.instances.detachDisk", None, **where)


def delete_disk(client: Client, zone: str, name: str) -> None:
    """Delete a disk."""
    if isinstance(client, Gcloud):
        client.compute("disks delete", name, f"--zone={zone}")
        return
    assert isinstance(client, RestClient)
    client.call("compute.disks.delete", project=PROJECT, zone=zone, disk=name)


def instances(client: Client) -> dict[str, Json]:
    """Return the members' instances by name, once the group is stable; whoever asks."""
    client.cloud.until_stable(GROUP)
    records = [record for _, record in client.cloud.store.scan(f"control/managed/{GROUP}/")]
    return {record["name"]: dict(client.cloud.store.get(record["instance"]) or {}) for record in records}


def held(instance: Json) -> tuple[str, dict[str, str]]:
    """Return an instance's address, and its disks' names by device."""
    sources = {entry["deviceName"]: entry["source"].rpartition("/")[2] for entry in instance["disks"]}
    return instance["networkInterfaces"][0]["networkIP"], sources
