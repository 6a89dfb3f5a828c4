"""Firewall rules in the real kernel, changed while machines run: who reaches whom under which of them."""

from __future__ import annotations

import asyncio

import pytest

from localcloud.plans.network import FirewallRule
from tests.localcloud.dataplane.cloud import NETWORK, OPEN, PATIENCE, running_cloud

pytestmark = pytest.mark.kernel

TCP = (("tcp", ("8080",)),)
ALL = (("all", ()),)
REACHING = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8080), timeout=float(sys.argv[2]))
    print("reached")
except OSError as error:
    print(type(error).__name__)
"""


def _rule(name: str, **fields: object) -> FirewallRule:
    return FirewallRule(name=name, network=NETWORK, **fields)  # type: ignore[arg-type]  # what a case is about


ANYBODY = {"protocols": TCP, "source_ranges": ("0.0.0.0/0",)}
CASES: list[tuple[str, tuple[FirewallRule, ...], bool]] = [
    ("nothing allowed: ingress is denied by implication", (_rule("egress", direction="EGRESS"),), False),
    ("an allowed port", (_rule("allow", **ANYBODY),), True),
    ("another port", (_rule("allow", protocols=(("tcp", ("9090",)),), source_ranges=("0.0.0.0/0",)),), False),
    ("another source", (_rule("allow", protocols=TCP, source_ranges=("192.168.0.0/16",)),), False),
    (
        "a deny of lower priority number decides",
        (_rule("allow", **ANYBODY), _rule("deny", action="deny", priority=900, **ANYBODY)),
        False,
    ),
    (
        "a deny of higher priority number does not",
        (_rule("allow", **ANYBODY), _rule("deny", action="deny", priority=1100, **ANYBODY)),
        True,
    ),
    (
        "at equal priority deny decides",
        (_rule("allow", **ANYBODY), _rule("deny", action="deny", **ANYBODY)),
        False,
    ),
    ("the target's tag", (_rule("allow", target_tags=frozenset({"web"}), **ANYBODY),), True),
    ("another tag", (_rule("allow", target_tags=frozenset({"db"}), **ANYBODY),), False),
    ("the target's service account", (_rule("allow", target_service_accounts=frozenset({"web@x"}), **ANYBODY),), True),
    ("another account", (_rule("allow", target_service_accounts=frozenset({"job@x"}), **ANYBODY),), False),
    ("the source's tag", (_rule("allow", protocols=TCP, source_tags=frozenset({"job"})),), True),
    ("another source tag", (_rule("allow", protocols=TCP, source_tags=frozenset({"web"})),), False),
    ("the source's account", (_rule("allow", protocols=TCP, source_service_accounts=frozenset({"job@x"})),), True),
    (
        "a denied way out",
        (OPEN, _rule("deny", direction="EGRESS", action="deny", protocols=ALL, destination_ranges=("10.128.0.0/20",))),
        False,
    ),
    (
        "a denied way out for others",
        (
            OPEN,
            _rule("deny", direction="EGRESS", action="deny", protocols=ALL, target_tags=frozenset({"web"})),
        ),
        True,
    ),
    (
        "a way out allowed before it is denied",
        (
            OPEN,
            _rule("deny", direction="EGRESS", action="deny", protocols=ALL),
            _rule("allow-out", direction="EGRESS", priority=900, protocols=TCP, target_tags=frozenset({"job"})),
        ),
        True,
    ),
]  # fmt: skip


def test_each_kind_of_rule_decides_who_reaches_whom() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            cloud.interface("a", tags=frozenset({"web"}), service_account="web@x")
            cloud.interface("b", tags=frozenset({"job"}), service_account="job@x")
            await cloud.start("a")
            address = cloud.interfaces["a"].address
            for words, rules, reached in CASES:
                await cloud.apply_network(*rules)
                printed = await cloud.execute("b", REACHING, address, "20" if reached else "0.3")
                assert printed.strip() == ("reached" if reached else "TimeoutError"), words

    asyncio.run(scenario())


def test_a_rule_that_is_taken_away_ends_new_connections_and_not_the_old() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            client = await cloud.connect()
            await client.ask("before")
            await cloud.apply_network(_rule("elsewhere", protocols=TCP, source_ranges=("192.168.0.0/16",)))
            assert (await client.ask("after"))["name"] == "a"
            newcomer = await cloud.connect()
            newcomer.writer.write(b"new\n")
            assert (await client.ask("again"))["name"] == "a"
            assert newcomer.reader._buffer == b""  # type: ignore[attr-defined]  # nothing came
            await cloud.apply_network(OPEN)
            async with asyncio.timeout(PATIENCE):
                assert b'"a"' in await newcomer.reader.readline()

    asyncio.run(scenario())
