"""The owner may be a service account for a while: with a token that is that account's, and only if there is such an account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from starlette.applications import Starlette

from localcloud.clock import VirtualClock
from localcloud.daemon.operator import Operator
from localcloud.identity import Identities
from localcloud.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.daemon.report import CloudReport
    from localcloud.plans.machine import Machines

EMAIL = "deploy-dev@p.iam.gserviceaccount.com"
HALF_A_DAY = 12 * 3600


class Cloud:
    """The parts of a daemon that tokens are made of."""

    def __init__(self, folder: Path) -> None:
        self.store, self.clock = Store(folder / "state.db"), VirtualClock()
        self.identities = Identities(self.store, self.clock, "the owner's own token")
        operator = Operator(
            self.store,
            self.clock,
            cast("Machines", None),
            cast("CloudReport", None),
            identities=self.identities,
            stop=lambda: None,
        )
        self._transport = httpx.ASGITransport(Starlette(routes=operator.routes()))
        with self.store.transaction() as tx:
            tx.put(f"iam/projects/p/serviceAccounts/{EMAIL}", {"email": EMAIL})
            tx.put(f"iam/projects/p/serviceAccounts/{EMAIL}/iam", {"bindings": []})

    def ask(self, body: object) -> httpx.Response:
        """Ask for a token."""

        async def asking() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.post("/tokens", json=body)

        return asyncio.run(asking())


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    yield made
    made.store.close()


def test_the_token_is_the_accounts_for_half_a_day(cloud: Cloud) -> None:
    answer = cloud.ask({"email": EMAIL})
    token = answer.json()["access_token"]
    who = cloud.identities.whois(token)
    assert who is not None
    assert (who.email, who.owner) == (EMAIL, False)
    asyncio.run(cloud.clock.advance(HALF_A_DAY))
    assert cloud.identities.whois(token) is None


@pytest.mark.parametrize(
    "body", [{"email": "nobody@p.iam.gserviceaccount.com"}, {"email": 7}, {}, [], {"email": "iam"}]
)
def test_an_account_that_is_not_there_gets_none_and_those_that_are_get_named(
    cloud: Cloud, body: object
) -> None:
    answer = cloud.ask(body)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].endswith(f"does not exist; service accounts are: {EMAIL}")
    assert list(cloud.store.scan("control/tokens/")) == []
