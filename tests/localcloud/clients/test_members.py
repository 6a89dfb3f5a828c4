"""Verbs on a group's members, by each client that has them: each does to the instances what its name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.clients.client import GROUP, Operator, RefusedError
from tests.localcloud.clients.conftest import OPERATORS
from tests.localcloud.clients.test_life import build

if TYPE_CHECKING:
    from tests.localcloud.clients.client import Json


def settled(client: Operator) -> dict[str, Json]:
    """Wait until the group is stable; return its members by name."""
    client.cloud.until_stable(GROUP)
    return {str(member["instance"]).rpartition("/")[2]: member for member in client.members("web")}


def zone_of(member: Json) -> str:
    return str(member["instance"]).split("/")[-3]


@pytest.mark.parametrize("client", OPERATORS, indirect=True)
def test_members_are_made_remade_updated_and_let_go(client: Operator) -> None:
    build(client)
    members = settled(client)
    assert len(members) == 2
    assert {member["instanceStatus"] for member in members.values()} == {"RUNNING"}
    first, second = sorted(members)

    client.recreate("web", [first])
    after = settled(client)
    assert sorted(after) == [first, second]
    assert after[first]["id"] != members[first]["id"]
    assert after[second]["id"] == members[second]["id"]

    client.create_template("two", "sub", {"color": "green"})
    client.set_template("web", "two")
    client.apply_updates("web", [second])
    after = settled(client)
    (updated,) = [each for each in after.values() if each["version"]["instanceTemplate"].endswith("/two")]
    assert first in after  # it was not asked for, and the group updates nobody by itself

    client.create_members("web", ["web-extra"])
    after = settled(client)
    assert len(after) == 3
    client.keep("web", "web-extra", {"shard": "7"})
    (config,) = client.kept("web")
    assert (config["name"], config["preservedState"]["metadata"]) == ("web-extra", {"shard": "7"})

    client.abandon("web", [first])
    assert first not in settled(client)
    zone = zone_of(members[first])
    assert client.instance(zone, first)["status"] == "RUNNING"
    client.stop(zone, first)
    assert client.instance(zone, first)["status"] == "TERMINATED"
    client.delete_instance(zone, first)
    with pytest.raises(RefusedError, match="was not found"):
        client.instance(zone, first)

    client.delete_members("web", ["web-extra"])
    assert sorted(settled(client)) == [str(updated["instance"]).rpartition("/")[2]]
    client.resize("web", 3)
    assert len(settled(client)) == 3
    assert client.problems("web") == []
    assert client.health("web", "web") == []  # no rule leads here yet, so nothing probes


@pytest.mark.parametrize("client", OPERATORS, indirect=True)
def test_what_is_in_use_or_unknown_is_refused_in_googles_words(client: Operator) -> None:
    build(client)
    client.create_address("web")
    client.create_forwarding_rule("web", "web", "web", 8080)
    client.cloud.until(
        lambda store: any(
            record["healthState"] == "HEALTHY" for _, record in store.scan("control/backends/")
        ),
        "a healthy backend",
    )
    assert "HEALTHY" in client.health("web", "web")
    with pytest.raises(RefusedError, match=r"health_check resource .* is already being used by"):
        client.delete("healthChecks", "heal")
    with pytest.raises(RefusedError, match=r"instance_template resource .* is already being used by"):
        client.delete("instanceTemplates", "one")
    with pytest.raises(RefusedError, match=r"The resource '.*/healthChecks/none' was not found"):
        client.describe("healthChecks", "none")
    with pytest.raises(RefusedError, match="already exists"):
        client.create_address("web")
    client.create_autoscaler("web", 2, 4, 0.6)
    with pytest.raises(RefusedError, match="autoscaled regional managed instance groups is not allowed"):
        client.resize("web", 5)
    assert client.names("healthChecks", "name=heal") == ["heal"]
    assert set(client.everywhere("backendServices")) == {"web"}
