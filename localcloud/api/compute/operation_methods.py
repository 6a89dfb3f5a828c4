"""Reading operations, and waiting for them."""

from __future__ import annotations

from localcloud.api import errors
from localcloud.api.call import Answer, Call, Handler, Result
from localcloud.api.compute.listing import aggregated, listed
from localcloud.api.compute.methods import location_of
from localcloud.api.links import link

_LONGEST_WAIT = 120.0  # cloud seconds; Google's calls return after two minutes, finished or not


def _prefix(call: Call) -> str:
    location = location_of(call)
    scope = "global"
    if location:
        scope = f"{'regions' if 'region' in call.path else 'zones'}/{location}"
    return f"projects/{call.path['project']}/{scope}/operations/"


def _find(call: Call) -> str:
    call.cloud.operations.awake()
    prefix, wanted = _prefix(call), call.path["operation"]
    key = f"compute/{prefix}{wanted}"
    if call.cloud.store.get(key) is not None:
        return key
    if wanted.isdigit():
        for other, operation in call.cloud.store.scan(f"compute/{prefix}"):
            if operation["id"] == wanted:
                return other
    raise errors.not_found(f"{prefix}{wanted}")


def _get(call: Call) -> Result:
    key = _find(call)
    found = call.cloud.store.get(key)
    if found is None:
        raise errors.not_found(key.removeprefix("compute/"))
    return found


async def _wait(call: Call) -> Result:
    key = _find(call)
    found = await call.cloud.operations.wait(key, _LONGEST_WAIT)
    if found is None:
        raise errors.not_found(key.removeprefix("compute/"))
    return found


def _list(call: Call) -> Result:
    prefix = _prefix(call)
    found = [operation for _, operation in call.cloud.store.scan(f"compute/{prefix}")]
    return listed(call, found, kind="compute#operationList", self_link=link(prefix.rstrip("/")))


def _delete(call: Call) -> Result:
    key = _find(call)
    with call.cloud.store.transaction() as tx:
        tx.delete(key)
    return Answer(status=204)


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    table: dict[str, Handler] = {}
    for resource in ("globalOperations", "regionOperations", "zoneOperations"):
        table[f"compute.{resource}.get"] = _get
        table[f"compute.{resource}.list"] = _list
        table[f"compute.{resource}.wait"] = _wait
        table[f"compute.{resource}.delete"] = _delete
    table["compute.globalOperations.aggregatedList"] = lambda call: aggregated(
        call, "operations", "compute#operationAggregatedList", "Operation"
    )
    return table
