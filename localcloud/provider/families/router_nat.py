"""Cloud NAT: not a resource of Google's API but an entry in a router, which is read, changed and written back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from localcloud.provider.equality import last_segment
from localcloud.provider.errors import ApiError, ProviderError
from localcloud.provider.links import resolve
from localcloud.provider.mapping import OMIT, Body, Scope, Table, expand, flatten
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Resource
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.provider.session import Session


def _list_of_addresses(value: Value, scope: Scope) -> Value:
    if value is UNKNOWN or value is None:
        return []
    return [resolve(str(item), "regions/{region}/addresses", scope) for item in value]


def _list_of_subnetworks(value: Value, scope: Scope) -> Value:
    return [
        {
            "name": resolve(str(item["name"]), "regions/{region}/subnetworks", scope),
            **{key: item[key] for key in ("sourceIpRangesToNat", "secondaryIpRangeNames") if item.get(key)},
        }
        for item in (value if isinstance(value, list) else [])
    ]


_TABLE = Table(
    kept=frozenset({"logConfig.enable"}),
    local=frozenset({"deletionPolicy", "project", "region", "router"}),
    unread=frozenset({"initialNatIps"}),
    writers={
        "drainNatIps": _list_of_addresses,
        "initialNatIps": _list_of_addresses,
        "natIps": _list_of_addresses,
        "subnetworks": _list_of_subnetworks,
        "nat64Subnetworks": _list_of_subnetworks,
        "rules": lambda value, _: value if isinstance(value, list) else [],
    },
    names={"sourceSubnetworkIpRangesToNat64": "sourceSubnetworkIpRangesToNat64"},
    readers={
        "autoNetworkTier": lambda body, _: body.get("autoNetworkTier"),
        "logConfig": lambda body, _: _read_log(body.get("logConfig")),
    },
)


def _read_log(log: Value) -> Properties | None:
    return {"enable": bool(log.get("enable")), "filter": log.get("filter", "")} if log else None


class RouterNat(Resource):
    """One NAT of a router. Writers of one router take turns; a change by somebody else meanwhile is retried on Google's 412."""

    def __init__(self) -> None:
        super().__init__("gcp:compute/routerNat:RouterNat")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def plan(self, session: Session, inputs: Properties, prior: Properties | None = None) -> Properties:
        """Plan, with the project and region that the stack's configuration supplies."""
        planned = super().plan(session, inputs, prior)
        if planned["project"] is UNKNOWN:
            planned["project"] = session.project_of({})
        if planned["region"] is UNKNOWN and "region" not in inputs:
            planned["region"] = session.region_of({})
        return planned

    def _place(self, session: Session, properties: Properties) -> tuple[Scope, str, str]:
        scope = Scope(session, session.project_of(properties), session.region_of(properties), properties)
        router = last_segment(str(properties["router"]))
        return scope, router, f"projects/{scope.project}/regions/{scope.region}/routers/{router}"

    async def _change(
        self, session: Session, path: str, within: float, edit: Callable[[list[Body]], list[Body]]
    ) -> None:
        rest = session.rest
        lock = self._locks.setdefault(path, asyncio.Lock())
        async with lock:
            async for _ in rest.polls(within, f"NATs of {path}"):
                router = await rest.request("GET", rest.endpoints.compute_url(path))
                body = {"nats": edit(list(router.get("nats") or []))}
                try:
                    operation = await rest.request("PATCH", rest.endpoints.compute_url(path), body)
                except ApiError as error:
                    if error.status != 412:
                        raise
                    continue
                await rest.wait(operation, within)
                return

    def _body(self, scope: Scope, planned: Properties) -> Body:
        body = expand(self.schema.fields, planned, _TABLE, scope)
        return {name: value for name, value in body.items() if value is not OMIT}

    async def create(self, request: Request) -> tuple[str, Properties]:
        """Add the NAT to its router."""
        scope, router, path = self._place(request.session, request.planned)
        nat = self._body(scope, request.planned)

        def add(nats: list[Body]) -> list[Body]:
            if any(other.get("name") == nat["name"] for other in nats):
                raise ProviderError(
                    f"RouterNat {nat['name']!r} exists already in router {router!r}; choose another name, or import it"
                )
            return [*nats, nat]

        await self._change(request.session, path, self.timeouts.of("create", request.timeout), add)
        resource_id = f"{scope.project}/{scope.region}/{router}/{nat['name']}"
        state = await self.read(request.session, resource_id, request.planned)
        if state is None:
            raise ProviderError(
                f"RouterNat {resource_id} was added but is not there; something else removed it"
            )
        return resource_id, settle(self.schema.fields, state, request.planned)

    async def read(self, session: Session, resource_id: str, state: Properties) -> Properties | None:
        """Read the NAT's entry in its router."""
        project, region, router, name = self._parse(session, resource_id)
        path = f"projects/{project}/regions/{region}/routers/{router}"
        try:
            body = await session.rest.request("GET", session.rest.endpoints.compute_url(path))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        nat = next((nat for nat in body.get("nats") or [] if nat.get("name") == name), None)
        if nat is None:
            return None
        result = flatten(self.schema.fields, nat, _TABLE, Scope(session, project, region, state), state)
        result.update(project=project, region=region, router=router)
        result["deletionPolicy"] = result.get("deletionPolicy") or "DELETE"
        return result

    def _parse(self, session: Session, resource_id: str) -> tuple[str, str, str, str]:
        if (
            match := resource_id.removeprefix("projects/")
            .replace("/regions/", "/")
            .replace("/routers/", "/")
            .split("/")
        ):
            defaults = [session.project, session.region]
            parts = defaults[: 4 - len(match)] + match
            if len(parts) == 4 and all(parts):
                return parts[0], parts[1], parts[2], parts[3]
        raise ProviderError(
            f"id {resource_id!r} of {self.type}: not in the form PROJECT/REGION/ROUTER/NAME; import it by that"
        )

    def full_id(self, session: Session, imported: str, state: Properties) -> str:
        """Return project, region, router and name."""
        return "/".join(self._parse(session, imported))

    async def update(self, request: Request) -> Properties:
        """Replace the NAT's entry."""
        scope, _, path = self._place(request.session, request.planned)
        nat = self._body(scope, request.planned)

        def replace(nats: list[Body]) -> list[Body]:
            return [nat if other.get("name") == nat["name"] else other for other in nats]

        await self._change(request.session, path, self.timeouts.of("update", request.timeout), replace)
        state = await self.read(request.session, request.id, request.planned)
        if state is None:
            raise ProviderError(f"RouterNat {request.id} is gone; run `pulumi refresh`")
        return settle(self.schema.fields, state, request.planned)

    async def delete(self, request: Request) -> None:
        """Take the NAT out of its router; a router that is gone took it along."""
        project, region, router, name = self._parse(request.session, request.id)
        path = f"projects/{project}/regions/{region}/routers/{router}"
        try:
            await self._change(
                request.session,
                path,
                self.timeouts.of("delete", request.timeout),
                lambda nats: [nat for nat in nats if nat.get("name") != name],
            )
        except ApiError as error:
            if error.status != 404:
                raise


ROUTER_NAT = RouterNat()
