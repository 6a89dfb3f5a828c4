"""Faults over HTTP: added, listed and ended, with errors that say what would be right, against the real controllers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
from starlette.applications import Starlette

from localcloud.daemon.faults import FaultRoutes
from tests.localcloud.control.cloud import Cloud, standard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from localcloud.plans.fault import LinkFault


def _story(tell: Callable[[Cloud, httpx.AsyncClient, dict[str, str]], Awaitable[None]]) -> None:
    """Run a story with a cloud of three instances, a client of its API, and what its data plane complains of."""

    async def run() -> None:
        problems: dict[str, str] = {}
        async with standard().running() as cloud:
            await cloud.until_stable()
            routes = FaultRoutes(cloud.store, cloud.clock, lambda: problems).routes()
            transport = httpx.ASGITransport(app=Starlette(routes=routes))
            async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
                await tell(cloud, client, problems)

    asyncio.run(run())


async def _add(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = await client.post("/faults", json=body)
    assert answer.status_code == 200, answer.text
    fault: dict[str, Any] = answer.json()
    return fault


def _planned(cloud: Cloud) -> tuple[LinkFault, ...]:
    return cloud.fabric.network.faults


def test_a_fault_is_answered_when_it_is_in_force_and_told_at_both_ends() -> None:
    async def tell(cloud: Cloud, client: httpx.AsyncClient, _: dict[str, str]) -> None:
        name = min(cloud.instances())
        fault = await _add(client, kind="partition", between=[name, "client"])
        assert fault["state"] == "in force"
        assert fault["does"] == f"nothing passes between {name} and client"
        (planned,) = _planned(cloud)
        assert (planned.name, planned.instance, planned.peers) == (fault["name"], name, ("client",))
        assert [each["name"] for each in (await client.get("/faults")).json()] == [fault["name"]]
        assert (await client.delete(f"/faults/{fault['name']}")).json() == {"cleared": [fault["name"]]}
        await cloud.advance(1)
        assert not _planned(cloud)
        assert [event.kind for event in cloud.events("fault.")] == ["fault.added", "fault.cleared"]

    _story(tell)


def test_a_fault_with_a_time_ends_by_the_clouds_clock() -> None:
    async def tell(cloud: Cloud, client: httpx.AsyncClient, _: dict[str, str]) -> None:
        await _add(client, kind="loss", between=["all", "prober"], share=0.5, seconds=60)
        await cloud.advance(59)
        assert len(_planned(cloud)) == 3
        await cloud.advance(2)
        assert not _planned(cloud)
        assert (await client.get("/faults")).json() == []

    _story(tell)


def test_what_the_data_plane_cannot_do_is_in_the_answer() -> None:
    async def tell(cloud: Cloud, client: httpx.AsyncClient, problems: dict[str, str]) -> None:
        problems["fault-1"] = "this needs /dev/net/tun"
        fault = await _add(client, kind="delay", between=["all", "client"], delaySeconds=1)
        assert (fault["name"], fault["state"], fault["problem"]) == (
            "fault-1",
            "problem",
            "this needs /dev/net/tun",
        )
        await _add(client, kind="zone-outage", zone="europe-west1-b")
        assert len((await client.delete("/faults")).json()["cleared"]) == 2
        await cloud.advance(1)

    _story(tell)


def test_wrong_requests_are_refused_with_the_way_out() -> None:
    async def tell(_: Cloud, client: httpx.AsyncClient, __: dict[str, str]) -> None:
        refused = await client.post("/faults", json={"kind": "flood"})
        assert refused.status_code == 400
        assert "must be one of loss, partition" in refused.json()["error"]["message"]
        assert (await client.post("/faults", content=b"[1]")).status_code == 400
        assert (await client.post("/faults", content=b"{")).status_code == 400
        unknown = await client.delete("/faults/fault-9")
        assert unknown.status_code == 404
        assert unknown.json()["error"]["message"] == "fault fault-9 does not exist; faults are: none"

    _story(tell)
