"""What is wanted of a machine, written down under ``control/machines/{numeric id}`` before it is begun, so that a restart goes on with it.

``{"instance": key, "intent": "run" | "delete" | "stop" | "suspend" | "restart" | "reset", "since": t, "drain": bool, "runningAt": t}``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.store import Document, Store, Transaction

Intent = Literal["run", "delete", "stop", "suspend", "restart", "reset"]
PREFIX = "control/machines/"
# The status of an instance while its machine is being brought down, by what is wanted.
PASSING: Mapping[str, str] = {"stop": "STOPPING", "restart": "STOPPING", "suspend": "SUSPENDING"}


def intent_of(store: Store, numeric_id: str) -> Document:
    """Return what is wanted of a machine; an instance that nobody spoke of should run."""
    return store.get(PREFIX + numeric_id) or {"intent": "run", "since": 0.0, "drain": False, "runningAt": 0.0}


def intend(
    store: Store, change: Transaction, instance_key: str, intent: Intent, *, now: float, drain: bool = False
) -> None:
    """Write down what is wanted of the machine of this instance. Deletion is final: nothing replaces it.

    `drain`: its connections may end first, so it stays RUNNING until then.
    """
    document = change.writes.get(instance_key) or store.get(instance_key)
    if document is None:
        return
    record = PREFIX + str(document["id"])
    before = store.get(record) or {}
    if before.get("intent") == "delete":
        return
    wanted: dict[str, Any] = {
        **before,
        "instance": instance_key,
        "intent": intent,
        "since": now,
        "drain": drain,
    }
    change.put(record, {"runningAt": 0.0, **wanted})
    if intent in PASSING and not drain and document["status"] not in {"TERMINATED", "STOPPING", "SUSPENDED"}:
        change.put(instance_key, {**document, "status": PASSING[intent]})
