"""Which machines reach Google's APIs: kept as the network plan says, for machines that live and for those to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.dataplane.machines import MachineNamespaces
    from localcloud.plans.network import NetworkInterface


class GoogleAccess:
    """Google's APIs are on the `lo` of the machines that reach them. To the others' packets happens what does to all that would leave."""

    def __init__(self, machines: MachineNamespaces) -> None:
        self._machines = machines
        self._wanted: dict[str, bool] = {}
        self._in_force: dict[str, bool] = {}  # as far as is known; the machines' records have it too

    async def apply(self, interfaces: Iterable[NetworkInterface]) -> None:
        """Make this what is in force. Raises WorldError."""
        self._wanted = {each.instance: each.google_apis for each in interfaces}
        for instance in self._wanted:
            await self._agree(instance)

    async def made(self, interface: NetworkInterface) -> None:
        """Learn that a machine has been made, as its interface says; the plan may have changed meanwhile."""
        self._in_force[interface.instance] = interface.google_apis
        await self._agree(interface.instance)

    def removed(self, instance: str) -> None:
        """Learn that the machine of this name is gone."""
        self._in_force.pop(instance, None)

    async def _agree(self, instance: str) -> None:
        wanted = self._wanted.get(instance)
        if wanted is None or self._in_force.get(instance) == wanted:
            return
        if await self._machines.set_google_apis(instance, reached=wanted):
            self._in_force[instance] = wanted
