"""The daemon's side of the door: starts it, finds it again, and gives it listening sockets made in the host's network."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from localcloud.dataplane import host_listener, wire
from localcloud.dataplane.addresses import first_address
from localcloud.dataplane.family import NO_IPV6
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.restarts import Restarts
from localcloud.plans.balancer import BalancerPlan

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping, Sequence

    from localcloud.dataplane.helpers import Agent
    from localcloud.dataplane.host_listener import Place
    from localcloud.dataplane.inner_socket import Key
    from localcloud.dataplane.router import Router
    from localcloud.home import Home
    from localcloud.plans.balancer import VirtualService

_log = logging.getLogger(__name__)
_FEW = 5  # ports of a range whose places are told
MAX_PORTS = 1000  # listeners for one forwarding rule; each port of a range needs its own


class Doorkeeper:
    """Keeps the door open on exactly the ports that the balancer plan names."""

    def __init__(self, home: Home, agent: Agent, router: Router, *, ipv6: bool) -> None:
        """`ipv6`: whether the world has it; without, IPv6 rules are a problem."""
        self._home = home
        self._ipv6 = ipv6
        self._agent = agent
        self._router = router
        self._channel: wire.Channel | None = None
        self._line: wire.Channel | None = None
        self._watch: asyncio.Task[None] | None = None
        self._plan = BalancerPlan()
        self._turn = asyncio.Lock()
        self._open: dict[Key, Place] = {}
        self._restarts = Restarts("door")
        self._duty = agent.duty("door", ask=self._ask)
        self.problems: dict[str, str] = {}  # by forwarding rule

    def problem(self) -> str:
        """Return what is the matter with the door's starts, if anything is."""
        return self._restarts.problem()

    async def prepare(self) -> None:
        """Find the door that an earlier daemon left, or start one."""
        try:
            await self._connect()
        except (OSError, EOFError):
            await self._start()

    async def _start(self) -> None:
        pid, channel = await self._agent.fork("door")
        try:
            with self._duty.owing():
                await channel.receive()
            router_mac = await self._router.attach_internet(pid)
            request = {"router_mac": router_mac, "ipv6": self._ipv6}
            with wire.bind_unix(self._home.run / "door.sock") as control, self._duty.owing():
                await channel.call(request, [control.fileno()])
            await self._connect()
        except (EOFError, OSError, wire.HelperError) as error:
            msg = f"the door did not start: {error}; see {self._home.logs / 'dataplane.log'}"
            raise WorldError(msg) from error
        finally:
            channel.close()

    async def _connect(self) -> None:
        if self._channel is not None:
            self._channel.close()
        file = self._home.run / "door.sock"
        self._channel = wire.Channel(wire.connect_unix(file))
        with self._duty.owing():
            self._open = _listeners(await self._channel.call({}))
        self._restarts.began()
        # a second connection, on which nothing is ever said, ends with the door
        self._line = wire.Channel(wire.connect_unix(file))
        self._watch = asyncio.ensure_future(self._await_end(self._line))

    async def _await_end(self, line: wire.Channel) -> None:
        try:
            await line.receive()
        except EOFError:
            _log.warning("the door is gone with its connections; starting another")
            await self._replace()
        finally:
            line.close()

    async def _replace(self) -> None:
        while True:
            await self._restarts.wait()
            try:
                async with self._turn:
                    await self._start()
                    await self._apply(self._plan)
            except (WorldError, wire.HelperError) as error:
                _log.warning("forwarding rules cannot be reached from this machine yet: %s", error)
            else:
                return

    async def apply(self, plan: BalancerPlan) -> None:
        """Listen on the host for every port of every forwarding rule; what cannot be listened on is in `problems`."""
        async with self._turn:
            self._plan = plan
            await self._apply(plan)

    async def _apply(self, plan: BalancerPlan) -> None:
        self.problems = {}
        wanted: dict[Key, str] = {}
        for service in plan.services:
            for key in self._keys(service):
                wanted.setdefault(key, service.key)
        remove = [key for key in self._open if key not in wanted]
        made: list[tuple[Key, socket.socket]] = []
        try:
            if remove:
                await self._call([], remove)
            for key in wanted.keys() - self._open.keys():
                try:
                    made.append((key, host_listener.listen(key)))
                except OSError as error:
                    self._problem(wanted[key], host_listener.explain(key, error))
            for start in range(0, len(made), wire.MAX_DESCRIPTORS):
                await self._call(made[start : start + wire.MAX_DESCRIPTORS], [])
        except EOFError:
            _log.debug("the door went while it was told about ports; its successor will be told all")
        finally:
            for _, listener in made:
                listener.close()

    def _keys(self, service: VirtualService) -> Iterable[Key]:
        if ":" in service.address and not self._ipv6:
            self._problem(service.key, f"{service.key}: {NO_IPV6}")
            return
        count = sum(high - low + 1 for low, high in service.ports)
        if service.protocol == "L3_DEFAULT" or not service.ports or count > MAX_PORTS:
            what = "all ports" if not service.ports else f"{count} ports"
            self._problem(
                service.key,
                f"{service.key} forwards {what} of {service.protocol}: reachable from other instances and by localcloud client, but not "
                f"otherwise from this machine, where each port needs a listener (at most {MAX_PORTS}); give the forwarding rule its ports "
                "to reach it from here",
            )
            return
        for low, high in service.ports:
            for port in range(low, high + 1):
                yield service.protocol, first_address(service.address), port

    def _problem(self, service: str, words: str) -> None:
        self.problems[service] = words
        _log.warning("%s", words)

    async def _call(self, add: Sequence[tuple[Key, socket.socket]], remove: Sequence[Key]) -> None:
        if self._channel is None:
            raise EOFError
        request = {"add": [key for key, _ in add], "remove": list(remove)}
        with self._duty.owing():
            answer = await self._channel.call(request, [listener.fileno() for _, listener in add])
        self._open = _listeners(answer)

    async def _ask(self) -> None:
        """Have the door say something."""
        if self._channel is not None:
            await self._channel.call({})

    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Return where on this machine clients find the forwarding rules ("ADDRESS:PORT", as in a URL), by rule."""
        found = {}
        for service in self._plan.services:
            ports = {port for low, high in service.ports for port in range(low, min(high, low + _FEW) + 1)}
            keys = [(service.protocol, first_address(service.address), port) for port in sorted(ports)]
            opened = [self._open[key] for key in keys if key in self._open]
            found[service.key] = tuple(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in opened
            )
        return found

    async def statistics(self) -> dict[str, int]:
        """Return how many TCP connections ("relays") and UDP flows ("flows") go through the door. Raises EOFError if it is gone."""
        if self._channel is None:
            raise EOFError
        answer, _ = await self._channel.call({})
        return {"relays": int(answer["relays"]), "flows": int(answer["flows"])}

    def close(self) -> None:
        """Leave the door to itself."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for channel in (self._line, self._channel):
            if channel is not None:
                channel.close()
        self._line = self._channel = None


def client_process(home: Home) -> int:
    """Return a process (the host's numbering) that is where clients are, in the internet namespace. Raises OSError, WorldError."""
    with wire.connect_unix(home.run / "door.sock") as sock:
        wire.send(sock, {})
        assembler = wire.Assembler()
        while (item := assembler.pop()) is None:
            if not assembler.receive(sock):
                msg = "the door closed the connection; try again in a moment"
                raise WorldError(msg)
    return int(item[0]["pid"])


def _listeners(answer: tuple[wire.Message, list[int]]) -> dict[Key, Place]:
    listeners = answer[0]["listeners"]
    return {(kind, address, port): (host, number) for kind, address, port, host, number in listeners}
