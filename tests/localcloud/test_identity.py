"""Tokens: who they belong to, for how long, and what a copy of the store gives away."""

import asyncio
import json
from pathlib import Path

import pytest

from localcloud.clock import VirtualClock
from localcloud.identity import Identities
from localcloud.store import Store

OWNER = "owner-token-for-tests"
EMAIL = "web@local.iam.gserviceaccount.com"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def identities(store: Store, clock: VirtualClock) -> Identities:
    return Identities(store, clock, OWNER)


def test_the_owner_token_is_the_owner(identities: Identities) -> None:
    principal = identities.whois(OWNER)
    assert principal is not None
    assert principal.owner


def test_an_unknown_token_is_nobody(identities: Identities) -> None:
    assert identities.whois("ya29.c.invented") is None


def test_a_minted_token_names_its_account_scopes_and_instance(identities: Identities) -> None:
    token = identities.mint(EMAIL, scopes=["b", "a"], instance_key="compute/i")
    principal = identities.whois(token.access_token)
    assert principal is not None
    assert (principal.email, principal.scopes, principal.instance_key) == (
        EMAIL,
        frozenset({"a", "b"}),
        "compute/i",
    )
    assert not principal.owner
    assert principal.member == f"serviceAccount:{EMAIL}"


async def _later(clock: VirtualClock, seconds: float) -> None:
    await clock.advance(seconds)


def test_a_token_ends_with_its_lifetime_to_the_second(identities: Identities, clock: VirtualClock) -> None:

    token = identities.mint(EMAIL, scopes=[], instance_key=None, lifetime=60)
    asyncio.run(_later(clock, 59.9))
    assert identities.whois(token.access_token) is not None
    asyncio.run(_later(clock, 0.1))
    assert identities.whois(token.access_token) is None


def test_minting_forgets_expired_tokens(identities: Identities, clock: VirtualClock, store: Store) -> None:

    identities.mint(EMAIL, scopes=[], instance_key=None, lifetime=60)
    asyncio.run(_later(clock, 61))
    identities.mint(EMAIL, scopes=[], instance_key=None)
    assert len(list(store.scan("control/tokens/"))) == 1


def test_tokens_outlive_a_restart_and_are_not_readable_from_the_store(
    tmp_path: Path, clock: VirtualClock
) -> None:
    store = Store(tmp_path / "state.db")
    token = Identities(store, clock, OWNER).mint(EMAIL, scopes=[], instance_key=None)
    assert token.access_token not in json.dumps(dict(store.scan("")))
    store.close()
    again = Store(tmp_path / "state.db")
    principal = Identities(again, clock, OWNER).whois(token.access_token)
    again.close()
    assert principal is not None
    assert principal.email == EMAIL


def test_a_short_owner_token_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        Identities(Store(), VirtualClock(), "short")
