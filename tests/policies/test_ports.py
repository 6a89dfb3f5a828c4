"""Sets of ports behave as sets, and are read and written as Google's rules have them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mig_policies.ports import ALL_PORTS, LAST_PORT, PortSet, parse_ports
from mig_policies.values import Undetermined

# Few ports, so that ranges touch, overlap and miss one another often.
PORTS = range(12)
RANGES = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(lambda pair: (min(pair), max(pair)))
SETS = st.lists(RANGES, max_size=4)


def port_set(ranges: list[tuple[int, int]]) -> PortSet:
    return PortSet.union(PortSet((bounds,)) for bounds in ranges)


def plain(ranges: list[tuple[int, int]]) -> set[int]:
    return {port for first, last in ranges for port in range(first, last + 1)}


@given(SETS)
@example([(0, 0), (2, 8), (3, 4)])  # one within another that is not the first
def test_a_union_has_the_ports_of_each_in_the_fewest_ranges(ranges: list[tuple[int, int]]) -> None:
    ports, wanted = port_set(ranges), plain(ranges)
    assert {port for port in PORTS if port in ports} == wanted
    assert bool(ports) is bool(wanted)
    starts = sum(port - 1 not in wanted for port in wanted)
    assert len(ports.ranges) == starts
    assert list(ports.ranges) == sorted(ports.ranges)


@given(SETS, SETS)
def test_a_difference_is_what_is_in_one_only(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    left = port_set(one) - port_set(other)
    assert plain(list(left.ranges)) == plain(one) - plain(other)
    assert left == port_set(list(left.ranges)), "disjoint, ascending, as few as can be"
    assert all(first <= last for first, last in left.ranges)


@pytest.mark.parametrize(
    ("text", "ranges", "written"),
    [
        ("8080", ((8080, 8080),), "8080"),
        (" 80 ", ((80, 80),), "80"),
        ("0", ((0, 0),), "0"),
        ("8000-8100", ((8000, 8100),), "8000-8100"),
        ("7-7", ((7, 7),), "7"),
        ("0-65535", ((0, LAST_PORT),), "0-65535"),
    ],
)
def test_a_port_or_range_is_read_and_written(
    text: str, ranges: tuple[tuple[int, int], ...], written: str
) -> None:
    assert parse_ports(text) == PortSet(ranges)
    assert str(parse_ports(text)) == written


@pytest.mark.parametrize("text", ["", "-", "80-", "-80", "http", "80-79", "65536", "1-65536", "1-2-3", "²"])
def test_what_is_no_port_cannot_be_decided_on(text: str) -> None:
    with pytest.raises(Undetermined, match=f"^'{text}' is no port or range of ports$"):
        parse_ports(text)


def test_sets_are_written_in_order_and_an_empty_one_as_none() -> None:
    assert str(PortSet.union(map(parse_ports, ("443", "80", "8000-8100")))) == "80, 443, 8000-8100"
    assert str(PortSet()) == "none"
    assert not PortSet()
    assert ALL_PORTS - parse_ports("1-65535") == parse_ports("0")
    assert 0 in ALL_PORTS
    assert LAST_PORT in ALL_PORTS
    assert LAST_PORT == 65535
