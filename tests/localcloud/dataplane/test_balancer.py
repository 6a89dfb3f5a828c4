"""The balancer's scripts: what changes, in how many steps, and that an empty set of backends drops."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from localcloud.dataplane import balancer
from localcloud.dataplane.addresses import label, mark_of
from localcloud.dataplane.family import IPV4, IPV6
from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService


def _service(eligible: int, total: int = 20, **fields: object) -> VirtualService:
    backends = tuple(
        Backend(instance=f"i{number}", address=f"10.128.0.{number + 2}", eligible=number < eligible)
        for number in range(total)
    )
    defaults: dict[str, object] = {
        "key": "rule",
        "backend_service": "service",
        "address": "127.45.67.1",
        "protocol": "TCP",
        "ports": ((8080, 8080),),
        "backends": backends,
    }
    return VirtualService(**{**defaults, **fields})  # type: ignore[arg-type]  # what a test is about


def _plan(*services: VirtualService) -> BalancerPlan:
    return BalancerPlan(services=services)


def _chain(rules: balancer.Ruleset, key: str = "rule") -> list[str]:
    prefix = f"add rule ip balancer service_{label(key)} "
    return [line.removeprefix(prefix) for line in rules.switch.splitlines() if line.startswith(prefix)]


def _recognised(*services: VirtualService) -> list[str]:
    """Return what the hook knows kept connections by."""
    (line,) = [
        line
        for line in balancer.ruleset(_plan(*services), {}, "g1").switch.splitlines()
        if " . ct mark {" in line
    ] or [""]
    return re.findall(r"127\.\S+ \. \d+ \. 0x[0-9a-f]+", line)


def test_a_new_table_is_filled_before_anything_refers_to_it() -> None:
    rules = balancer.ruleset(_plan(_service(20)), {}, "g1")
    (table,) = rules.tables.values()
    assert rules.fills == (table,)
    assert [table.marks()[number] for number in table.numbers()] == [mark_of(each) for each in table.slots]
    for each in table.objects:
        assert f"add {each.replace(' ', ' ip balancer ')}" in table.declaration()
        assert f"add {each.replace(' ', ' ip balancer ')}" not in rules.switch
    assert "service_" not in table.declaration()
    hashed, looked_up, accepted = _chain(rules)
    assert f"meta mark set jhash {IPV4.tuples['NONE']} mod {len(table.slots)} " in hashed
    assert (looked_up, accepted) == (table.look_up(), "accept")


@pytest.mark.parametrize("eligible", [19, 2])
def test_a_change_makes_another_table_and_removes_the_old_one_in_the_switch(eligible: int) -> None:
    before = balancer.ruleset(_plan(_service(20)), {}, "g1")
    after = balancer.ruleset(_plan(_service(eligible)), before.tables, "g2", before.objects)
    old, new = before.tables["rule"], after.tables["rule"]
    assert after.fills == (new,)
    assert "10.128.0.21" not in new.slots
    assert after.objects == before.objects - {*old.objects} | {*new.objects}
    lines = after.switch.splitlines()
    gone = [lines.index(f"delete {each.replace(' ', ' ip balancer ')}") for each in old.objects]
    assert max(gone[:-2]) < min(gone[-2:]), "chains refer to maps"
    assert min(gone) > lines.index(f"add rule ip balancer service_{label('rule')} {new.look_up()}")


def test_what_is_removed_refers_to_nothing_when_it_is() -> None:
    before = balancer.ruleset(_plan(_service(3)), {}, "g1")
    lines = balancer.ruleset(_plan(), before.tables, "g2", before.objects).switch.splitlines()
    for verb in ("flush", "delete"):
        assert f"{verb} chain ip balancer service_{label('rule')}" in lines
    emptied = [number for number, line in enumerate(lines) if line.startswith("flush chain ")]
    assert max(emptied) < min(number for number, line in enumerate(lines) if line.startswith("delete "))


def test_another_services_change_leaves_a_table_alone() -> None:
    other = _service(3, key="other", address="127.45.67.2")
    before = balancer.ruleset(_plan(_service(20), other), {}, "g1")
    after = balancer.ruleset(_plan(_service(19), other), before.tables, "g2", before.objects)
    assert after.fills == (after.tables["rule"],)
    assert after.tables["other"] == before.tables["other"]


def test_tracked_connections_stay_on_ineligible_backends_only_if_they_persist() -> None:
    gone = f"{mark_of('10.128.0.21'):#x}"
    kept = _chain(balancer.ruleset(_plan(_service(19, ports=())), {}, "g1"))[0]
    assert gone in kept
    cut = _chain(balancer.ruleset(_plan(_service(19, ports=(), persistence="none")), {}, "g1"))[0]
    assert gone not in cut
    assert f"{mark_of('10.128.0.20'):#x}" in cut


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({}, [("", "all", "tcp flags & (syn | ack) != syn ")]),
        ({"persistence": "none"}, [("", "well", "tcp flags & (syn | ack) != syn ")]),
        ({"affinity": "CLIENT_IP"}, [("", "all", "tcp flags & (syn | ack) != syn ")]),
        ({"affinity": "CLIENT_IP", "tracking": "PER_SESSION"}, []),
        ({"tracking": "PER_SESSION"}, [("", "all", "tcp flags & (syn | ack) != syn ")]),
        ({"protocol": "UDP"}, []),
        ({"protocol": "UDP", "persistence": "all"}, []),
        ({"protocol": "UDP", "affinity": "CLIENT_IP_PORT_PROTO"}, [("", "well", "")]),
        ({"protocol": "UDP", "affinity": "CLIENT_IP", "persistence": "all"}, [("", "all", "")]),
        ({"protocol": "L3_DEFAULT"}, [("ip protocol tcp ", "all", "tcp flags & (syn | ack) != syn ")]),
        (
            {"protocol": "L3_DEFAULT", "affinity": "CLIENT_IP_PROTO"},
            [
                ("ip protocol tcp ", "all", "tcp flags & (syn | ack) != syn "),
                ("ip protocol != { tcp, icmp } ", "well", ""),
            ],
        ),
    ],
)
def test_what_is_tracked_and_who_keeps_it_is_as_googles_table_has_it(
    fields: dict[str, object], kept: list[tuple[str, str, str]]
) -> None:
    well = f"{mark_of('10.128.0.2'):#x}"
    marks = {"well": well, "all": f"{well}, {mark_of('10.128.0.3'):#x}"}
    chain = _chain(balancer.ruleset(_plan(_service(1, total=2, ports=(), **fields)), {}, "g1"))
    found = [line for line in chain if "ct mark {" in line]
    assert len(found) == len(kept)
    for line, (protocol, who, later) in zip(found, kept, strict=True):
        assert line.startswith(f"{protocol}ct mark {{ {marks[who]} }} {later}")
        assert ("tcp flags" in line) == bool(later)


def test_kept_connections_are_recognised_at_once_by_address_port_and_instance() -> None:
    marks = [f"{mark_of(f'10.128.0.{number}'):#x}" for number in (2, 3)]
    service = _service(1, total=2, ports=((80, 81),))
    assert _recognised(service) == [f"127.45.67.1 . {port} . {mark}" for port in (80, 81) for mark in marks]
    assert _recognised(replace(service, persistence="none")) == [
        f"127.45.67.1 . {port} . {marks[0]}" for port in (80, 81)
    ]
    rules = balancer.ruleset(_plan(service), {}, "g1")
    assert not [line for line in _chain(rules) if "ct mark {" in line], "they do not come here"
    hook = [line for line in rules.switch.splitlines() if line.startswith("add rule ip balancer arrive ")]
    assert "accept" in hook[0], "what is no rule's passes first"
    assert hook[1].startswith("add rule ip balancer arrive tcp flags & (syn | ack) != syn ")
    assert hook[1].endswith(" meta mark set ct mark accept")


@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": "UDP", "affinity": "CLIENT_IP", "persistence": "all"},
        {"protocol": "L3_DEFAULT", "ports": ()},
        {"ports": ((80, 80), (8000, 9000))},
        {"affinity": "CLIENT_IP", "tracking": "PER_SESSION"},
    ],
)
def test_other_connections_are_kept_by_their_services_chains(fields: dict[str, object]) -> None:
    service = _service(1, total=2, **fields)
    assert _recognised(service) == []
    chain = _chain(balancer.ruleset(_plan(service), {}, "g1"))
    assert [line for line in chain if "ct mark {" in line or "ct mark set meta mark" in line]


def test_where_clients_are_steered_each_rules_chain_keeps_its_own() -> None:
    base, steering = _service(1), _service(1, key="steering", sources=("198.18.1.0/24",))
    assert _recognised(base, steering) == []
    rules = balancer.ruleset(_plan(base, steering), {}, "g1")
    for key in ("rule", "steering"):
        assert [line for line in _chain(rules, key) if "ct mark {" in line]


def test_as_many_are_recognised_as_a_transaction_has_room_for() -> None:
    many = _service(200, total=200, ports=((80, 81),))
    services = [replace(many, key=f"rule{number}", address=f"127.45.67.{number}") for number in range(1, 4)]
    assert len(_recognised(*services)) == 800
    rules = balancer.ruleset(_plan(*services), {}, "g1")
    kept = [[line for line in _chain(rules, each.key) if "ct mark {" in line] for each in services]
    assert [len(each) for each in kept] == [0, 0, 1]


def test_what_a_rule_that_is_gone_had_is_recognised_no_more_though_another_has_the_address() -> None:
    one, other = _service(1), _service(1, key="other", ports=((8081, 8081),))
    before = balancer.ruleset(_plan(one, other), {}, "g1")
    after = balancer.ruleset(_plan(other), before.tables, "g2", before.objects, entries=before.entries)
    assert "127.45.67.1 . 8080 . " in before.switch
    assert "127.45.67.1 . 8080 . " not in after.switch
    assert "flush chain ip balancer arrive\n" in after.switch


def test_sessions_decide_where_their_connections_go_unless_these_are_drained_and_they_move() -> None:
    service = _service(1, total=3, affinity="CLIENT_IP", tracking="PER_SESSION", persistence="none")
    well, drained, ill = service.backends
    service = replace(service, backends=(well, replace(drained, keeps="always"), ill))
    chain = _chain(balancer.ruleset(_plan(service), {}, "g1"))
    session = f"@session_{label('rule')}_client_ip"
    marks = [f"{mark_of(each.address):#x}" for each in service.backends]
    assert chain[0].startswith(f"ct mark {{ {marks[1]} }} meta mark set ct mark")
    assert session not in chain[0], "nothing new of the session goes there"
    assert chain[1].endswith(f"map {session}")
    assert chain[2].startswith(f"meta mark {{ {marks[0]} }} ct mark set meta mark update {session} ")
    (chosen,) = [line for line in chain if line.startswith(f"delete {session} ")]
    assert f"update {session} " in chosen, "an update of what is there would keep it as it is"


def test_pings_are_never_tracked_and_errors_go_with_their_connection() -> None:
    service = _service(1, protocol="L3_DEFAULT", ports=(), affinity="CLIENT_IP", tracking="PER_SESSION")
    chain = _chain(balancer.ruleset(_plan(service), {}, "g1"))
    assert chain[0].startswith("ip protocol icmp ct state related ct mark != 0 ")
    assert [line for line in chain if "@session_" in line]
    for line in chain[1:]:
        if "@session_" in line or "meta mark {" in line:
            assert line.startswith(
                ("ip protocol != icmp ", "ip protocol tcp ", "ip protocol != { tcp, icmp } ")
            )


def test_nobody_eligible_means_drop_for_new_connections() -> None:
    rules = balancer.ruleset(_plan(_service(0)), {}, "g1")
    assert rules.fills == ()
    assert _chain(rules)[-1] == "counter drop"


@pytest.mark.parametrize(
    ("affinity", "fields"),
    [
        ("NONE", "ip saddr . ip daddr . ip protocol . th sport . th dport"),
        ("CLIENT_IP_PORT_PROTO", "ip saddr . ip daddr . ip protocol . th sport . th dport"),
        ("CLIENT_IP_PROTO", "ip saddr . ip daddr . ip protocol"),
        ("CLIENT_IP", "ip saddr . ip daddr"),
    ],
)
def test_affinity_chooses_what_is_hashed(affinity: str, fields: str) -> None:
    rules = balancer.ruleset(_plan(_service(2, affinity=affinity)), {}, "g1")
    assert any(line.startswith(f"meta mark set jhash {fields} mod ") for line in _chain(rules))


@pytest.mark.parametrize("affinity", ["NONE", "CLIENT_IP_PORT_PROTO"])
def test_of_all_protocols_only_those_that_have_ports_are_spread_by_them(affinity: str) -> None:
    rules = balancer.ruleset(_plan(_service(2, protocol="L3_DEFAULT", ports=(), affinity=affinity)), {}, "g1")
    addresses = "ip saddr . ip daddr . ip protocol"
    assert [line.partition(" mod ")[0] for line in _chain(rules) if "jhash" in line] == [
        f"ip protocol {{ tcp, udp }} meta mark set jhash {addresses} . th sport . th dport",
        f"ip protocol != {{ tcp, udp }} meta mark set jhash {addresses}",
    ]


def test_ports_ranges_and_whole_addresses_lead_to_their_services() -> None:
    services = (
        _service(1),
        _service(1, key="ranges", protocol="UDP", ports=((1000, 1001), (2000, 3000))),
        _service(1, key="all", address="127.45.67.2", ports=()),
        _service(1, key="whole", address="127.45.67.3", protocol="L3_DEFAULT", ports=()),
    )
    switch = balancer.ruleset(_plan(*services), {}, "g1").switch
    one = f"goto service_{label('rule')}"
    assert f"127.45.67.1 . tcp . 8080 : {one}" in switch
    for port in (1000, 1001):
        assert f"127.45.67.1 . udp . {port} : goto service_{label('ranges')}" in switch
    assert f"127.45.67.1 . udp . 2000-3000 : goto service_{label('ranges')}" in switch
    assert f"127.45.67.2 . tcp . 0-65535 : goto service_{label('all')}" in switch
    assert f"127.45.67.3 : goto service_{label('whole')}" in switch


def test_a_removed_rule_leaves_no_chain_and_no_table() -> None:
    before = balancer.ruleset(_plan(_service(3)), {}, "g1")
    after = balancer.ruleset(_plan(), before.tables, "g2", before.objects)
    assert after.tables == {}
    assert f"delete chain ip balancer service_{label('rule')}\n" in after.switch
    assert after.objects < before.objects


def test_ipv6_rules_have_tables_of_their_family_and_are_found_by_their_range() -> None:
    six = _service(1, address="2001:db8:0:7:8000::/96", affinity="CLIENT_IP", tracking="PER_SESSION")
    whole = _service(1, key="whole", address="2001:db8:0:7:8000:1::/96", protocol="L3_DEFAULT", ports=())
    rules = balancer.ruleset(_plan(six, whole), {}, "g1", of=IPV6)
    assert " ip balancer " not in rules.switch
    assert all("add map ip6 balancer maglev_" in table.declaration() for table in rules.fills)
    assert f"2001:db8:0:7:8000:: . tcp . 8080 : goto service_{label('rule')}" in rules.switch
    assert f"2001:db8:0:7:8000:1:: : goto service_{label('whole')}" in rules.switch
    mark = f"{mark_of('10.128.0.2'):#x}"
    assert f"ct mark {{ {mark}" in rules.switch, "an instance's mark is its IPv4 address in both"
    key = "jhash ip6 saddr . ip6 daddr mod 4294967295 seed 0x1"
    assert f"meta mark set {key} map @session_{label('rule')}_client_ip" in rules.switch
