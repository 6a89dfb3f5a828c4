"""What the cloud looks like to its operator: one status, one line per instance, from the store and the machines alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from localcloud.clock import Clock, rfc3339
from localcloud.control.faults import PREFIX, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from localcloud.daemon.config import CloudConfig
    from localcloud.store import Store

_PATIENCE = 20.0  # real seconds for the process that counts, which may hang; a status without its counts is of more use than none


class CloudReport:
    """Reads only; every value was measured or decided elsewhere."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: CloudConfig,
        problems: Callable[[], Mapping[str, str]],
        places: Callable[[], Mapping[str, Sequence[str]]],
        *,
        surroundings: Callable[[], Mapping[str, str]],
        border: Callable[[], Awaitable[Mapping[str, int]]],
        ailing: Callable[[], Mapping[str, str]],
    ) -> None:
        """`problems` returns what this machine does not allow, by forwarding rule; `places` where clients on it find each.

        `surroundings` is what instances run on, and how they are held to their limits. `border` counts the packets that were to leave
        this machine: see `World.border`. `ailing` is what is the matter with the cloud's own processes, by what each is.
        """
        self._store, self._clock, self._config = store, clock, config
        self._problems, self._places, self._surroundings = problems, places, surroundings
        self._border, self._ailing = border, ailing

    async def status(self) -> dict[str, Any]:
        """Return pid, endpoint, clock, groups, forwarding rules and what hinders instances (faults asked for, missing permissions).

        `border` is None while the process that counts hangs or is being replaced. `reached_at` is where clients on this machine find a
        forwarding rule: not at its address, if that is an IPv6 one.
        """
        places = self._places()
        border: Mapping[str, int] | None = None
        with contextlib.suppress(
            RuntimeError, OSError
        ):  # it died of what it was doing: the next call has another
            border = await asyncio.wait_for(self._border(), _PATIENCE)
        return {
            "pid": os.getpid(),
            "endpoint": self._config.endpoint,
            "project": self._config.project,
            "external_range": self._config.external_range,
            "clock": {
                "time": rfc3339(self._clock.now()),
                "now": self._clock.now(),
                "speed": self._clock.speed,
            },
            "instances": dict(self._surroundings()),
            "groups": [
                self._group(key, document) for key, document in self._compute("instanceGroupManagers")
            ],
            "forwarding_rules": [
                {
                    "name": document["name"],
                    "address": document.get("IPAddress", ""),
                    "protocol": document.get("IPProtocol", ""),
                    "ports": document.get("ports") or [document.get("portRange", "all")],
                    "reached_at": list(places.get(key.removeprefix("compute/"), ())),
                }
                for key, document in self._compute("forwardingRules")
            ],
            "problems": {rule.rpartition("/")[2]: words for rule, words in self._problems().items()},
            "ailing": dict(self._ailing()),
            "faults": [
                {"name": record["name"], "does": describe(record)} for _, record in self._store.scan(PREFIX)
            ],
            "border": border,
            "denied": [dict(document) for _, document in self._store.scan("control/denied/")],
        }

    def instances(self) -> list[dict[str, Any]]:
        """Return one object per instance: name, id, zone, address, status, action, autohealing, balancer, cpu.

        `autohealing` and `balancer` are the two checks' verdicts ("" where no check watches the instance); `cpu` is the utilisation
        of the CPU its machine type is allotted (1.0 is all of it), or None before it was measured.
        """
        records = {key.rpartition("/")[2]: record for key, record in self._store.scan("control/managed/")}
        verdicts: dict[str, str] = {}
        for _, verdict in self._store.scan("control/backends/"):
            name = str(verdict["instance"]).rpartition("/")[2]
            # Behind several forwarding rules an instance is as healthy as its worst verdict.
            if verdicts.get(name) != "UNHEALTHY":
                verdicts[name] = verdict["healthState"]
        found = []
        for key, document in self._compute("instances"):
            name = document["name"]
            record: Mapping[str, Any] = records.get(name, {})
            interfaces = document.get("networkInterfaces") or [{}]
            found.append(
                {
                    "name": name,
                    "id": str(document.get("id", "")),
                    "zone": key.split("/")[4],
                    "address": interfaces[0].get("networkIP", ""),
                    "status": document.get("status", ""),
                    "action": record.get("currentAction", ""),
                    "autohealing": record.get("health", ""),
                    "balancer": verdicts.get(name, ""),
                    "cpu": record.get("cpu"),
                }
            )
        return found

    def _group(self, key: str, document: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": document["name"],
            "location": key.split("/")[4],
            "target_size": document.get("targetSize", 0),
            "stable": document.get("status", {}).get("isStable", False),
            "actions": {
                action: count for action, count in document.get("currentActions", {}).items() if count
            },
        }

    def _compute(self, collection: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            (key, document)
            for key, document in self._store.scan("compute/")
            if key.split("/")[-2] == collection
        ]
