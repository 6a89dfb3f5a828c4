"""What the command prints for people."""

from __future__ import annotations

from typing import Any

from localcloud.cli import render
from localcloud.cli.commands import harmless


def test_every_time_comes_with_its_clock() -> None:
    assert render.clock_line({"time": "T", "speed": 1}) == "cloud clock T (as fast as the wall clock)"
    assert (
        render.clock_line({"time": "T", "speed": 10.0})
        == "cloud clock T (10 times as fast as the wall clock)"
    )


def test_columns_line_up() -> None:
    assert render.table(["A", "LONG"], [["wide one", "x"]]) == "A         LONG\nwide one  x"


def test_instances_without_checks_or_measurements_show_dashes() -> None:
    item = {
        "name": "web-x", "zone": "z", "address": "10.0.0.2", "status": "RUNNING", "action": "NONE",
        "autohealing": "", "balancer": "HEALTHY", "cpu": None,
    }  # fmt: skip
    assert render.instances([item]).splitlines()[1].split() == [
        "web-x",
        "z",
        "10.0.0.2",
        "RUNNING",
        "NONE",
        "-",
        "HEALTHY",
        "-",
    ]
    assert render.instances([{**item, "cpu": 1.333}]).endswith("133%")


def test_an_ipv6_rule_comes_with_its_place_on_this_machine() -> None:
    rule = {
        "name": "web",
        "address": "127.7.7.1",
        "protocol": "TCP",
        "ports": ["8080"],
        "reached_at": ["127.7.7.1:8080"],
    }
    other = {**rule, "name": "web6", "address": "2001:db8:0:0:8000::/96", "reached_at": ["[::1]:8080"]}
    clock = {"time": "T", "speed": 1}
    report = {
        "pid": 1, "endpoint": "e", "project": "p", "clock": clock, "groups": [], "forwarding_rules": [rule, other], "faults": [],
        "problems": {}, "denied": [], "border": {"astray": 0, "outside": 0}, "ailing": {},
        "instances": {"system": "debian-12", "limits": "memory watched", "control_groups": "none", "room": "609"},
    }  # fmt: skip
    system, limits, groups, room, four, six = render.status(report).splitlines()[2:]
    assert (system, limits) == ("instances    on debian-12", "             memory watched")
    assert (groups, room) == ("             control groups: none", "             room for 609")
    assert four == "forwarding   web  127.7.7.1  TCP 8080"
    assert six == "forwarding   web6  2001:db8:0:0:8000::/96  TCP 8080  (here at [::1]:8080)"
    assert render.started(report).splitlines()[2:] == [four, six]


def test_packets_that_were_to_leave_and_processes_that_keep_ending_are_told_of() -> None:
    report: dict[str, Any] = {
        "pid": 1, "endpoint": "e", "project": "p", "clock": {"time": "T", "speed": 1}, "groups": [], "forwarding_rules": [],
        "faults": [], "problems": {}, "denied": [], "ailing": {"prober": "the prober ended 5 times in a row"},
        "instances": {"system": "debian-12", "limits": "memory watched", "control_groups": "none", "room": "609"},
    }  # fmt: skip

    def shown(border: dict[str, int] | None) -> list[str]:
        return [
            line
            for line in render.status({**report, "border": border}).splitlines()
            if line.startswith("KEPT")
        ]

    assert "AILING       the prober ended 5 times in a row; see its log" in render.status(
        {**report, "border": None}
    )
    assert shown(None) == shown({"astray": 0, "outside": 0}) == []
    (one,) = shown({"astray": 1, "outside": 0})
    assert one.startswith("KEPT IN      1 packet from instances")
    many, gate = shown({"astray": 12, "outside": 2})
    assert "12 packets from instances to addresses outside" in many
    assert "2 packets at the last gate" in gate


def test_a_guests_escape_sequences_never_reach_the_terminal() -> None:
    assert harmless("ok\r\n\x1b]0;title\x07\ttab\x1b[2J") == "ok\n�]0;title�\ttab�[2J"
