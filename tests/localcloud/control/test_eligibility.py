"""Who gets new connections and what becomes of the others, decided from health alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.control.balancing import Candidate, Standing, backend, eligible, persistence
from localcloud.control.serving import Service
from tests.persistence import CELLS

CANDIDATES = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=8).map(
    lambda entries: [
        Candidate(
            instance=f"i{number}",
            address=f"10.0.0.{number}",
            healthy=healthy,
            leaving=leaving,
            failover=failover,
        )
        for number, (healthy, leaving, failover) in enumerate(entries)
    ]
)


def candidates(**health: str) -> list[Candidate]:
    """Each character of the value: h healthy, u unhealthy; upper case leaves. Keyword f: failover backends."""
    return [
        Candidate(
            instance=f"{pool}{number}",
            address="",
            healthy=letter.lower() == "h",
            leaving=letter.isupper(),
            failover=pool == "f",
        )
        for pool, letters in health.items()
        for number, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("given_candidates", "failover", "expected"),
    [
        (candidates(p="hhu"), {}, {"p0", "p1"}),
        (candidates(p="uuu"), {}, {"p0", "p1", "p2"}),
        (candidates(p="Huu"), {}, {"p1", "p2"}),
        (candidates(p="HH"), {}, set()),
        (candidates(p="uuu"), {"dropTrafficIfUnhealthy": True}, set()),
        (candidates(p="huu", f="h"), {}, {"p0"}),
        (candidates(p="huu", f="h"), {"failoverRatio": 0.5}, {"f0"}),
        (candidates(p="hhu", f="h"), {"failoverRatio": 0.5}, {"p0", "p1"}),
        (candidates(p="huu", f="u"), {"failoverRatio": 0.5}, {"p0"}),
        (candidates(p="uuu", f="hu"), {}, {"f0"}),
        (candidates(p="uu", f="uu"), {}, {"p0", "p1"}),
    ],
)
def test_eligibility(
    given_candidates: list[Candidate], failover: dict[str, object], expected: set[str]
) -> None:
    assert eligible(given_candidates, failover) == expected


@given(CANDIDATES, st.floats(0, 1), st.booleans())
def test_nobody_leaving_gets_new_connections_and_somebody_healthy_does(
    entries: list[Candidate], ratio: float, drop: bool
) -> None:
    chosen = eligible(entries, {"failoverRatio": ratio, "dropTrafficIfUnhealthy": drop})
    by_name = {entry.instance: entry for entry in entries}
    assert not any(by_name[name].leaving for name in chosen)
    staying = [entry for entry in entries if not entry.leaving]
    if any(entry.healthy for entry in staying):
        assert chosen
        assert all(by_name[name].healthy for name in chosen)
    elif staying and not drop:
        assert chosen


@pytest.mark.parametrize(("wish", "mode", "affinity", "stays"), CELLS)
def test_connections_persist_as_googles_table_has_it(
    wish: str, mode: str, affinity: str, stays: str | None
) -> None:
    found = persistence(affinity, {"connectionPersistenceOnUnhealthyBackends": wish, "trackingMode": mode})
    if stays is not None:  # of what nobody can configure nothing is promised
        assert ("T" in stays) == (found in {"tcp", "all"})
        assert ("U" in stays) == (found == "all" and affinity != "NONE")


def test_unless_said_connections_are_tracked_each_and_persist_as_their_protocol_does() -> None:
    assert persistence("CLIENT_IP", {}) == "tcp"


@pytest.mark.parametrize(
    ("each", "chosen", "failover", "keeps"),
    [
        ("p:h", {"well"}, {}, "unhealthy"),
        ("p:u", {"well"}, {}, "unhealthy"),
        ("p:H", {"well"}, {}, "always"),
        ("p:h", {"well backup"}, {}, "always"),
        ("p:u", {"well backup"}, {"disableConnectionDrainOnFailover": True}, "never"),
        ("f:h", {"well"}, {"disableConnectionDrainOnFailover": True}, "never"),
        ("f:h", {"well backup"}, {"disableConnectionDrainOnFailover": True}, "unhealthy"),
        ("p:u", set(), {"disableConnectionDrainOnFailover": True}, "unhealthy"),
    ],
)
def test_what_becomes_of_a_backends_connections(
    each: str, chosen: set[Standing], failover: dict[str, object], keeps: str
) -> None:
    pool, _, letter = each.partition(":")
    (candidate,) = candidates(**{pool: letter})
    service = Service(
        key="s", check="", groups=(), affinity="NONE", drain=0.0, failover=failover, weighted=False
    )
    assert backend(candidate, frozenset(chosen), service, draining=True).keeps == keeps
    later = backend(candidate, frozenset(chosen), service, draining=False).keeps
    assert later == ("never" if keeps == "always" and letter.islower() else keeps)
