"""The operator's API answers the cloud's owner, and nobody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from localcloud.clock import VirtualClock
from localcloud.daemon.guard import OwnerOnly
from localcloud.identity import Identities
from localcloud.store import Store

if TYPE_CHECKING:
    from starlette.requests import Request

TOKEN = "owner-token-of-this-test"
OWNER = {"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1:8470"}


@pytest.fixture
def identities() -> Identities:
    return Identities(Store(), VirtualClock(), TOKEN)


async def _inside(_: Request) -> PlainTextResponse:
    return PlainTextResponse("in")


class Client:
    """Asks the guarded application, in this process."""

    def __init__(self, identities: Identities) -> None:
        self._app = OwnerOnly(Starlette(routes=[Route("/", _inside)]), identities)

    def get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self._app), base_url="http://127.0.0.1"
            ) as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client(identities: Identities) -> Client:
    return Client(identities)


def test_the_owner_is_let_in(client: Client) -> None:
    assert client.get("/", headers=OWNER).text == "in"
    assert client.get("/", headers={**OWNER, "Host": "localhost:1"}).text == "in"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Host": "rebound.example:8470"}, 403),
        ({"Host": "127.0.0.1.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://127.0.0.1:8470"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_others_are_refused(client: Client, change: dict[str, str], status: int) -> None:
    answer = client.get("/", headers={**OWNER, **change})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_an_instance_is_refused_though_its_token_is_good(client: Client, identities: Identities) -> None:
    token = identities.mint(
        "vm@local.iam.gserviceaccount.com", scopes=["cloud-platform"], instance_key="x"
    ).access_token
    answer = client.get("/", headers={**OWNER, "Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert "vm@local.iam.gserviceaccount.com is not the cloud's owner" in answer.json()["error"]["message"]
