"""Members at rest, as clients say it: suspended and stopped by hand, or in a standby pool that a group grows from.

The plugin declares, as Pulumi's provider does: it has the pool, and no verbs on members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localcloud.clients.client import GROUP, PROJECT, REGION
from tests.localcloud.clients.gcloud import Gcloud
from tests.localcloud.clients.pulumi_plugin import PulumiPlugin
from tests.localcloud.clients.rest import RestClient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.localcloud.clients.client import Client, Json

_KIND = "regionInstanceGroupManagers"


def put_to(client: Client, verb: str, group: str, instances: Sequence[str]) -> None:
    """Suspend, resume, stop or start members."""
    if isinstance(client, Gcloud):
        client.managed(f"{verb}-instances", group, f"--instances={','.join(instances)}")
        return
    assert isinstance(client, RestClient)
    client.group(f"{verb}Instances", group, {"instances": client.links(group, instances)})


def have_pool(client: Client, group: str, *, suspended: int, stopped: int) -> None:
    """Have members wait, of which the group is to take some as it grows."""
    if isinstance(client, Gcloud):
        sizes = (f"--suspended-size={suspended}", f"--stopped-size={stopped}")
        client.managed("update", group, "--standby-policy-mode=scale-out-pool", *sizes)
        return
    sizes_wanted: Json = {"targetSuspendedSize": suspended, "targetStoppedSize": stopped}
    pool = {"standbyPolicy": {"mode": "SCALE_OUT_POOL"}, **sizes_wanted}
    if isinstance(client, PulumiPlugin):
        client.change(_KIND, group, **pool)
        return
    assert isinstance(client, RestClient)
    where = {"project": PROJECT, "region": REGION, "instanceGroupManager": group}
    client.call(f"compute.{_KIND}.patch", pool, **where)


def grow(client: Client, group: str, size: int) -> None:
    """Set a group's target size, as a program does or by the verb."""
    if isinstance(client, PulumiPlugin):
        client.change(_KIND, group, targetSize=size)
        return
    assert isinstance(client, Gcloud | RestClient)
    client.resize(group, size)


def statuses(client: Client) -> dict[str, str]:
    """Return the status of each member's instance, by the member's name, once the group is stable; whoever asks."""
    client.cloud.until_stable(GROUP)
    records = [record for _, record in client.cloud.store.scan(f"control/managed/{GROUP}/")]
    return {
        record["name"]: (client.cloud.store.get(record["instance"]) or {})["status"] for record in records
    }
