"""After a stop nothing is known of instances' health until they are probed again."""

from __future__ import annotations

from localcloud.control.awakening import forget_health
from localcloud.store import Store

GROUP = "projects/local/regions/r/instanceGroupManagers/web"


def test_verdicts_of_a_past_world_are_forgotten_and_nothing_else() -> None:
    store = Store()
    instance = {"name": "web-x", "zone": "z", "currentAction": "NONE", "createdAt": 5.0}
    with store.transaction() as change:
        change.put(
            f"control/managed/{GROUP}/web-x",
            {**instance, "health": "HEALTHY", "healthSince": 9.0, "cpu": 0.5},
        )
        change.put(
            "control/backends/projects/local/regions/r/backendServices/web/web-x/rule",
            {"healthState": "HEALTHY"},
        )
        change.put("control/eligible/projects/local/regions/r/forwardingRules/rule", {"eligible": ["web-x"]})
        change.put("compute/projects/local/zones/z/instances/web-x", {"name": "web-x", "status": "RUNNING"})
        change.put("control/machines/7", {"intent": "run", "instance": "i", "crashedAt": 3.0})
    forget_health(store)
    assert store.get(f"control/managed/{GROUP}/web-x") == {
        **instance,
        "health": "UNKNOWN",
        "healthSince": 0.0,
        "cpu": None,
    }
    assert store.get("control/machines/7") == {"intent": "run", "instance": "i"}, "it went with its host"
    assert [key for key, _ in store.scan("control/backends/")] == []
    assert [key for key, _ in store.scan("control/eligible/")] == []
    assert store.get("compute/projects/local/zones/z/instances/web-x") == {
        "name": "web-x",
        "status": "RUNNING",
    }
