"""What a change costs the API grows with what it changes, not with what there is."""

from __future__ import annotations

from pathlib import Path

import localcloud.api
from localcloud.api.operations import Operations, Until
from localcloud.api.quotas import Quotas
from localcloud.api.settings import ApiSettings
from localcloud.clock import VirtualClock
from localcloud.plans import quotas
from localcloud.store import Store
from tests.localcloud.control.work_done import counting

REGION = "projects/local/regions/europe-west1"


def cost_of_an_end(others: int) -> int:
    """Return what it takes to finish the operation that waits for a document, among others that wait for other documents."""
    store = Store()
    operations = Operations(store, VirtualClock())
    awaited = [f"control/requests/{number}" for number in range(others + 1)]
    made = []
    for number, key in enumerate(awaited):
        with store.transaction() as tx:
            tx.put(key, {})
            target = f"{REGION}/instanceGroupManagers/g{number}"
            begun = operations.begin(
                tx, kind="resize", target=target, target_id="1", user="", until=[Until(key)]
            )
        made.append(f"compute/{REGION}/operations/{begun['name']}")
    with counting(localcloud.api) as work, store.transaction() as tx:
        tx.delete(awaited[0])
    assert [key for key in made if (store.get(key) or {})["status"] == "DONE"] == made[:1]
    with store.transaction() as tx:
        for key in awaited[1:]:
            tx.delete(key)
    assert {(store.get(key) or {})["status"] for key in made} == {"DONE"}
    return work.instructions


def test_the_end_of_an_operation_costs_the_same_however_many_others_are_pending() -> None:
    few, many = cost_of_an_end(5), cost_of_an_end(300)
    assert 0 < many < 1.2 * few


def cost_of_a_rule(addresses: int) -> int:
    """Return what it takes to check and count a forwarding rule, among so many reserved addresses that it does not use."""
    store = Store()
    counted = Quotas(
        store,
        ApiSettings(
            external_range="127.101.7.0/24",
            content=Path("/nowhere"),
            quotas={"global": {}, "region": _LIMITS},
        ),
    )
    with store.transaction() as tx:
        for number in range(addresses):
            tx.put(f"compute/{REGION}/addresses/a{number}", {"address": f"127.101.8.{number}"})
    before = counted.answer("europe-west1")
    key, document = f"compute/{REGION}/forwardingRules/web", {"IPAddress": "127.101.7.9"}
    with counting(localcloud.api) as work:
        counted.check(key, document)
        with store.transaction() as tx:
            tx.put(key, document)
    more = {
        each["metric"]: each["usage"] - old["usage"]
        for each, old in zip(counted.answer("europe-west1"), before, strict=True)
        if each["usage"] != old["usage"]
    }
    assert more == {"EXTERNAL_NETWORK_LB_FORWARDING_RULES": 1, "IN_USE_ADDRESSES": 1}
    return work.instructions


_LIMITS = dict.fromkeys(quotas.NEW_PROJECT["region"], 1000.0)


def test_a_quota_costs_the_same_however_much_is_used_of_it() -> None:
    few, many = cost_of_a_rule(5), cost_of_a_rule(200)
    assert 0 < many < 1.2 * few
