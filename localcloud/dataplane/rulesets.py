"""The router's nftables tables: what they consist of, and getting a ruleset into force."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING

from localcloud.dataplane import firewall
from localcloud.dataplane.family import IPV6

if TYPE_CHECKING:
    from localcloud.dataplane import balancer
    from localcloud.dataplane.family import Family
    from localcloud.dataplane.helpers import Worker


class Rulesets:
    """Loads rulesets, and remembers what the kernel has of each table: known once it was asked, unknown after a failure."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._names = (f"{secrets.token_hex(3)}{number:x}" for number in itertools.count())
        self._objects: dict[str, frozenset[str]] = {}

    def generation(self) -> str:
        """Return what makes the names of the next ruleset unique."""
        return next(self._names)

    async def present(self, table: str, of: Family) -> frozenset[str]:
        """Return what a table consists of: "chain NAME", "map NAME", "set NAME"."""
        name = of.table(table)
        if name not in self._objects:
            self._objects[name] = await self._worker.nft_objects(table, of.name)
        return self._objects[name]

    async def load(self, table: str, of: Family, rules: firewall.Ruleset | balancer.Ruleset) -> None:
        """Carry a ruleset out."""
        self._objects.pop(of.table(table), None)
        if isinstance(rules, firewall.Ruleset):
            for script in rules.fills:
                await self._worker.nft(script)
        elif rules.fills:
            await self._worker.nft("".join(each.declaration() for each in rules.fills))
            for each in rules.fills:
                await self._worker.fill("balancer", each.name, each.numbers(), each.marks(), ipv6=of is IPV6)
        await self._worker.nft(rules.switch)
        self._objects[of.table(table)] = rules.objects
