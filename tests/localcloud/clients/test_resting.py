"""Members are put to rest and woken, and a group grows from those that wait: by each client that has words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.clients.client import GROUP, Operator
from tests.localcloud.clients.conftest import EVERYONE
from tests.localcloud.clients.resting import grow, have_pool, put_to, statuses
from tests.localcloud.clients.test_life import build_group

if TYPE_CHECKING:
    from tests.localcloud.clients.client import Client


def sizes(client: Client) -> tuple[int, int, int]:
    """How many members the group is to have running, suspended and stopped."""
    group = client.cloud.store.get(f"compute/{GROUP}") or {}
    running, suspended, stopped = (group.get(f"target{kind}Size", 0) for kind in ("", "Suspended", "Stopped"))
    return running, suspended, stopped


@pytest.mark.parametrize("client", EVERYONE, indirect=True)
def test_members_rest_by_hand_and_in_a_pool_that_the_group_grows_from(client: Client) -> None:
    build_group(client)
    if isinstance(client, Operator):
        members_are_put_to_rest_and_woken(client)
    running = set(statuses(client))
    have_pool(client, "web", suspended=1, stopped=1)
    waiting = {name: status for name, status in statuses(client).items() if name not in running}
    assert sorted(waiting.values()) == ["SUSPENDED", "TERMINATED"]
    grow(client, "web", 3)
    after = statuses(client)
    assert sorted(after.values()) == ["RUNNING"] * 3 + ["SUSPENDED", "TERMINATED"]
    woken = {name for name, status in after.items() if status == "RUNNING"} - running
    assert woken == {name for name, status in waiting.items() if status == "SUSPENDED"}


def members_are_put_to_rest_and_woken(client: Operator) -> None:
    before = statuses(client)
    first, second = sorted(before)
    put_to(client, "suspend", "web", [first])
    assert statuses(client) == {first: "SUSPENDED", second: "RUNNING"}
    assert sizes(client) == (1, 1, 0)
    put_to(client, "stop", "web", [second])
    assert statuses(client) == {first: "SUSPENDED", second: "TERMINATED"}
    found = {each["name"]: each["targetStatus"] for each in client.members("web")}
    assert found == {first: "SUSPENDED", second: "STOPPED"}
    put_to(client, "resume", "web", [first])
    put_to(client, "start", "web", [second])
    assert statuses(client) == before
    assert sizes(client) == (2, 0, 0)
