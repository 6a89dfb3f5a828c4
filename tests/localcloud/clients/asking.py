"""What a scenario asks beyond making and deleting: lists in pages, masks, ids of requests, stale fingerprints, permissions.

Not every client has words for all of it. `CANNOT` says which has none and why: a scenario that is about nothing else is skipped with that
reason, and one that goes on without it notes it, for the end of the test run to name. Nothing is passed over in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.localcloud.clients.client import PROJECT, REGION
from tests.localcloud.clients.conftest import EVERYONE
from tests.localcloud.clients.gcloud import Gcloud
from tests.localcloud.clients.google_python import GooglePython
from tests.localcloud.clients.pulumi_plugin import PulumiPlugin
from tests.localcloud.clients.rest import RestClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.localcloud.clients.client import Client, Json

_ONE_BY_ONE = "it reads resources one by one, and lists none"
CANNOT: Mapping[str, Mapping[str, str]] = {
    GooglePython.name: {"partial success": "its requests for lists have no such field"},
    Gcloud.name: {
        "pages that are too large": "it asks for Google's limit instead",
        "page tokens": "it follows them itself",
        "order": "--sort-by orders what it has read by itself",
        "masks": "--format cuts what it has read by itself",
        "request ids": "its commands take none",
        "fingerprints": "it reads the present one itself before it writes",
        "permissions": "it has no command that asks for one's permissions on Compute's resources",
        "all or nothing": "it always asks for partial success",
    },
    PulumiPlugin.name: {
        "pages": _ONE_BY_ONE,
        "lists of all zones": _ONE_BY_ONE,
        "masks": "it reads resources whole",
        "permissions": "nothing in a program asks for them",
        "request ids": "it sends none, as the official provider sends none",
        "fingerprints": "it sends those that it has just read",
    },
}


def those_who_can(*features: str) -> list[Any]:
    """Return the clients that have words for these, to be parametrized with; the others are skipped, each with its reason."""
    found: list[Any] = []
    for name in EVERYONE:
        missing = [
            (feature, CANNOT[name][feature]) for feature in features if feature in CANNOT.get(name, {})
        ]
        said = "; ".join(f"{name} cannot say {feature}: {why}" for feature, why in missing)
        found.append(pytest.param(name, marks=pytest.mark.skip(reason=said)) if missing else name)
    return found


def can(client: Client, feature: str, request: pytest.FixtureRequest) -> bool:
    """Tell whether a client has words for something; that it has none is noted with the test."""
    why = CANNOT.get(client.name, {}).get(feature)
    if why is not None:
        request.node.user_properties.append(("cannot", f"{client.name} cannot say {feature}: {why}"))
    return why is None


def listed(client: Client, kind: str, size: int, condition: str = "") -> list[str]:
    """Return the names of a kind's resources, read by the client's own pager with pages of a size."""
    if isinstance(client, Gcloud):
        filters = (f"--filter={condition}",) if condition else ()
        found = client.compute(f"{kind} list", f"--page-size={size}", *filters)
        return [item["name"] for item in found]
    assert isinstance(client, RestClient)
    query: dict[str, Any] = {"filter": condition} if condition else {}
    return [
        item["name"] for item in client.walked(f"compute.{kind}.list", size, **client.place(kind), **query)
    ]


def page(client: Client, kind: str, **query: Any) -> tuple[list[str], str]:  # noqa: ANN401 - of many types
    """Return the names on one page of a list, and the token of the next."""
    assert isinstance(client, RestClient)
    answer = client.call(f"compute.{kind}.list", **client.place(kind), **query, one_page=True)
    return [item["name"] for item in answer.get("items", [])], answer.get("nextPageToken", "")


def masked(client: Client, kind: str, name: str, mask: str) -> Json:
    """Return what a mask leaves of a resource."""
    assert isinstance(client, RestClient)
    return client.call(f"compute.{kind}.get", **client.place(kind), **client.one(kind, name), mask=mask)


def everywhere(client: Client, kind: str, *, partial: bool) -> tuple[list[str], str]:
    """Return a kind's resources in all locations, of those that are reachable if that is enough, and what is said of the others."""
    if isinstance(client, Gcloud):
        found = client.compute(f"{kind} list")
        return [item["name"] for item in found], client.said
    assert isinstance(client, RestClient)
    query: dict[str, Any] = {"returnPartialSuccess": True} if partial else {}
    answer = client.call(f"compute.{kind}.aggregatedList", project=PROJECT, **query)
    places = answer["items"].values()
    said = [
        place["warning"]["message"]
        for place in places
        if place.get("warning", {}).get("code") == "UNREACHABLE"
    ]
    return [item["name"] for place in places for item in place.get(kind, [])], " ".join(said)


def reserve(client: Client, name: str, request_id: str, **more: str) -> str:
    """Reserve an address by a request with an id of its own; return its operation's name."""
    assert isinstance(client, RestClient)
    body = {"name": name, **more}
    answer = client.call("compute.addresses.insert", body, **client.place("addresses"), requestId=request_id)
    return str(answer["name"])


def open_to_google(client: Client, subnetwork: str, fingerprint: str, *, enabled: bool) -> None:
    """Change a subnetwork that is said to have this fingerprint."""
    assert isinstance(client, RestClient)
    body = {"privateIpGoogleAccess": enabled, "fingerprint": fingerprint}
    where = {**client.place("subnetworks"), "subnetwork": subnetwork}
    client.call("compute.subnetworks.patch", body, **where)


def permitted(client: Client, address: str, permissions: list[str]) -> list[str]:
    """Return which of these permissions the caller has on an address."""
    assert isinstance(client, RestClient)
    where = {"project": PROJECT, "region": REGION, "resource": address}
    answer = client.call("compute.addresses.testIamPermissions", {"permissions": permissions}, **where)
    found: list[str] = answer.get("permissions", [])
    return found
