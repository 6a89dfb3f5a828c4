"""Many forwarding rules at once, each of another configuration, through sequences of events: the kernel's choices beside the oracle's.

Configurations and events are drawn by a seed. The clients are in the internet namespace, each with addresses and ports of its own; plans
are made by the controllers' own rules from the backends' health, and carried out by the data plane.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from localcloud.control import balancing, serving
from localcloud.plans.balancer import BalancerPlan
from tests.localcloud.dataplane.balancing_oracle import Flow, Health, Oracle, Setting
from tests.localcloud.dataplane.balancing_programs import BACKEND, CLIENT
from tests.localcloud.dataplane.cloud import PYTHON, rule_address
from tests.persistence import TABLE

if TYPE_CHECKING:
    from localcloud.plans.balancer import VirtualService
    from tests.localcloud.dataplane.dual_stack import DualStackCloud

PRIMARIES, BACKUPS = ("a", "b", "c"), ("x", "y")
PORT = 8080
CLIENTS, FLOWS = 2, 6  # of each protocol in the first stage
RANGE_IPV6 = "2001:db8:0:7:8000:{:x}::/96"
_SURE = 40  # bits: that flows spread over several backends all went to one by chance, once in 2^40


@dataclass
class Case:
    """One forwarding rule, what the oracle knows of it, and its clients' flows by number."""

    number: int
    oracle: Oracle
    flows: dict[int, Flow] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where clients find it."""
        if self.oracle.setting.ipv6:
            return RANGE_IPV6.format(self.number + 1).partition("/")[0]
        return rule_address().rpartition(".")[0] + f".{self.number + 1}"

    def kinds(self) -> tuple[str, ...]:
        """Return the protocols that clients speak to it."""
        protocol = self.oracle.setting.protocol
        return ("TCP", "UDP") if protocol == "L3_DEFAULT" else (protocol,)

    def service(self, cloud: DualStackCloud) -> VirtualService:
        """Return the rule as the controllers have it."""
        setting = self.oracle.setting
        failover: dict[str, object] = {"dropTrafficIfUnhealthy": setting.drop}
        if setting.ratio is not None:
            failover |= {"failoverRatio": setting.ratio, "disableConnectionDrainOnFailover": setting.cut}
        tracking = {
            "trackingMode": setting.tracking,
            "connectionPersistenceOnUnhealthyBackends": setting.persistence,
        }
        service = serving.Service(
            key=f"services/{self.number}",
            check="",
            groups=(),
            affinity=setting.affinity,
            drain=60.0,
            tracking=tracking,
            failover=failover,
            weighted=setting.weighted,
        )
        rule = serving.Rule(
            key=f"rules/{self.number}",
            name=f"rule-{self.number}",
            address=RANGE_IPV6.format(self.number + 1) if setting.ipv6 else self.address,
            protocol=setting.protocol,
            ports=() if setting.protocol == "L3_DEFAULT" else ((PORT, PORT),),
            service=service,
        )
        candidates = [
            balancing.Candidate(
                instance=name,
                address=cloud.interfaces[name].address,
                address_ipv6=cloud.interfaces[name].address_ipv6 if setting.ipv6 else "",
                healthy=each.healthy,
                leaving=each.leaving,
                failover=each.backup,
                weight=each.weight,
            )
            for name, each in self.oracle.backends.items()
        ]
        standings: dict[balancing.Standing, int] = defaultdict(int)
        for each in candidates:
            standings[each.standing] += 1
        chosen = balancing.active(standings, failover)
        return balancing.service(
            rule, [balancing.backend(each, chosen, service, draining=True) for each in candidates]
        )


def draw_setting(rng: random.Random) -> Setting:
    """Return a configuration that Google takes."""
    cells = [key for key, stays in TABLE.items() if stays is not None]
    persistence, tracking, affinity = rng.choice(cells)
    return Setting(
        protocol=rng.choice(("TCP", "UDP", "L3_DEFAULT")),
        affinity=affinity,
        tracking=tracking,
        persistence=persistence,
        ipv6=rng.random() < 0.4,
        weighted=rng.random() < 0.3,
        ratio=rng.choice((None, None, 0.0, 0.5, 1.0)),
        drop=rng.random() < 0.3,
        cut=rng.random() < 0.5,
    )


def draw_event(rng: random.Random, oracle: Oracle) -> None:
    """Have something happen to a backend: mostly its health turns, now and then it leaves, goes, comes back, or tells another weight."""
    names = [*PRIMARIES, *(BACKUPS if oracle.setting.ratio is not None else ())]
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(names)
        each = oracle.backends.get(name)
        if each is None:
            oracle.backends[name] = Health(backup=name in BACKUPS)
            continue
        match rng.choice(("health", "health", "health", "leave", "go", "weight")):
            case "health":
                oracle.backends[name] = replace(each, healthy=not each.healthy)
            case "leave":
                oracle.backends[name] = replace(each, leaving=not each.leaving)
            case "go":
                del oracle.backends[name]
            case _:
                oracle.backends[name] = replace(each, weight=rng.choice((-1, 0, 1, 3)))


class Sweep:
    """A world with these cases in it."""

    def __init__(self, cloud: DualStackCloud, seed: int, cases: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.cloud, self.seed = cloud, seed
        self.cases = [Case(number, Oracle(draw_setting(self.rng))) for number in range(cases)]
        self.asked = 0
        self._flows = 0
        self._client: asyncio.subprocess.Process | None = None
        # bits of certainty that flows of a kind are spread by their ports, and whether any were
        self._spread: dict[tuple[str, str], tuple[float, bool]] = {}

    async def begin(self, holder: int) -> None:
        """Start backends and the client, who lives in this process's network namespace."""
        addresses = [case.address for case in self.cases]
        local = tuple(
            RANGE_IPV6.format(case.number + 1) if case.oracle.setting.ipv6 else case.address
            for case in self.cases
        )
        for name in (*PRIMARIES, *BACKUPS):
            ready, ready_there = os.pipe()
            machine = await self.cloud.begin(name, BACKEND, {2: 2, 3: ready_there}, name, *addresses)
            os.close(ready_there)
            self.cloud.machines[name] = machine
            await self.cloud.world.set_local_addresses(machine.pid, local)
            assert await asyncio.to_thread(os.read, ready, 1) == b"r", f"{name} does not listen"
            os.close(ready)
        enter = ["nsenter", "--target", str(holder), "--user", "--net", "--preserve-credentials", "--"]
        pipe = asyncio.subprocess.PIPE
        self._client = await asyncio.create_subprocess_exec(
            *enter, PYTHON, "-c", CLIENT, stdin=pipe, stdout=pipe
        )

    async def end(self) -> None:
        """Let the client go."""
        if self._client is not None and self._client.stdin is not None:
            self._client.stdin.close()
            await self._client.wait()

    async def stage(self, *, first: bool) -> None:
        """Have something happen, and everybody ask; raises AssertionError where the kernel and the oracle disagree."""
        for case in self.cases:
            if first:
                names = [*PRIMARIES, *(BACKUPS if case.oracle.setting.ratio is not None else ())]
                case.oracle.backends = {name: Health(backup=name in BACKUPS) for name in names}
            else:
                draw_event(self.rng, case.oracle)
        plan = BalancerPlan(services=tuple(case.service(self.cloud) for case in self.cases))
        await self.cloud.world.apply_balancer(plan)
        for case in self.cases:
            await self._ask(case, begin=FLOWS if first else 1)

    async def _ask(self, case: Case, *, begin: int) -> None:
        new: list[int] = []
        old = [number for number in case.flows if self.rng.random() < 0.7]
        for kind in case.kinds():
            for client in range(CLIENTS):
                for _ in range(begin):
                    self._flows += 1
                    source = f"2001:2::{client + 1:x}" if case.oracle.setting.ipv6 else f"198.18.{client}.7"
                    case.flows[self._flows] = Flow(kind, source, 1024 + self._flows)
                    new.append(self._flows)
        order = [*((number, False) for number in old), *((number, True) for number in new)]
        self.rng.shuffle(order)
        for number, begins in order:
            await self._one(case, number, begins=begins)
        if begin == FLOWS:
            self._note_spread(case)

    async def _one(self, case: Case, number: int, *, begins: bool) -> None:
        flow = case.flows[number]
        verdict = case.oracle.verdict(flow, time.monotonic(), begins=begins)
        if verdict.unknown and not case.oracle.weights():
            del case.flows[number]
            return
        dropped = not verdict.home and not verdict.among
        if dropped and flow.kind == "TCP":
            del case.flows[number]  # would be tried again for minutes
            return
        self.asked += 1
        what = "send" if dropped else "say"
        answer = await self._say([number, what, flow.kind, flow.source, flow.port, case.address])
        told = (
            f"seed {self.seed}, case {case.number}: {case.oracle.setting}\nbackends {case.oracle.backends}\n{flow}, "
            f"{'begun now' if begins else 'begun before'}: answer {answer!r}, expected {verdict}"
        )
        if dropped:
            assert not answer, told
        elif answer == "ConnectionResetError":  # nobody but its own backend knows a connection
            assert flow.kind == "TCP", told
            assert not begins, told
            assert flow.home != verdict.home, told
            assert verdict.among != {flow.home}, told
            del case.flows[number]
            if verdict.home:
                case.oracle.went(flow, verdict, verdict.home, time.monotonic())
            else:
                case.oracle.went_unseen(flow)
        else:
            assert answer == verdict.home or answer in verdict.among, told
            case.oracle.went(flow, verdict, answer, time.monotonic())

    async def _say(self, asked: list[Any]) -> str:
        assert self._client is not None
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(json.dumps([asked]).encode() + b"\n")
        answer: list[str] = json.loads(await self._client.stdout.readline())
        return answer[0]

    def _note_spread(self, case: Case) -> None:
        for kind in case.kinds() if case.oracle.by_ports else ():
            by_client: dict[str, list[str]] = defaultdict(list)
            for flow in case.flows.values():
                if flow.kind == kind:
                    by_client[flow.source].append(flow.home)
            key = (case.oracle.setting.protocol, kind)
            bits, spread = self._spread.get(key, (0.0, False))
            for homes in by_client.values():
                bits += (len(homes) - 1) * math.log2(len(case.oracle.weights()))
                spread = spread or len(set(homes)) > 1
            self._spread[key] = (bits, spread)

    def check_spread(self) -> None:
        """Assert that flows of one client are spread by their ports where the affinity is about these."""
        for key, (bits, spread) in self._spread.items():
            assert spread or bits < _SURE, f"seed {self.seed}: {key} of one client all went to one backend"
