"""What the command prints for people."""

from __future__ import annotations

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


def test_a_guests_escape_sequences_never_reach_the_terminal() -> None:
    assert harmless("ok\r\n\x1b]0;title\x07\ttab\x1b[2J") == "ok\n�]0;title�\ttab�[2J"
