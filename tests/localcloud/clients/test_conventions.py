"""What Google's APIs have in common, by each client that has words for it: pages, filters, masks, request ids, fingerprints, waiting."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from localcloud.api.latencies import Latencies
from tests.localcloud.clients import asking
from tests.localcloud.clients.asking import can, those_who_can
from tests.localcloud.clients.client import PROJECT, REGION, ZONES, RefusedError
from tests.localcloud.clients.conftest import EVERYONE
from tests.localcloud.clients.raw_http import RawHttp
from tests.localcloud.clients.test_life import build

if TYPE_CHECKING:
    from tests.localcloud.clients.client import Client

NAMES = ["a", "b", "c", "d", "e"]
HERE = f"compute/projects/{PROJECT}/regions/{REGION}"
SUBNETWORK = f"{HERE}/subnetworks/sub"


def pages(client: Client) -> int:
    """Return how many pages of addresses the cloud was asked for."""
    return sum(asked.startswith("GET ") and asked.endswith("/addresses") for asked in client.cloud.requests)


@pytest.mark.parametrize("client", those_who_can("pages"), indirect=True)
def test_lists_are_read_in_pages(client: Client, request: pytest.FixtureRequest) -> None:
    for name in NAMES:
        client.create_address(name)
    for size, expected in ((2, 3), (500, 1)):
        before = pages(client)
        assert sorted(asking.listed(client, "addresses", size)) == NAMES
        assert pages(client) - before == expected
    assert sorted(asking.listed(client, "addresses", 2, "name!=c")) == ["a", "b", "d", "e"]
    assert asking.listed(client, "addresses", 2, "name=none") == []
    if can(client, "pages that are too large", request):
        with pytest.raises(RefusedError, match=r"Values must be within the range: \[0, 500\]"):
            asking.listed(client, "addresses", 501)
    if can(client, "page tokens", request):
        names, token = asking.page(client, "addresses", maxResults=2)
        assert names == ["a", "b"]
        assert asking.page(client, "addresses", maxResults=2, pageToken=token)[0] == ["c", "d"]
        with pytest.raises(RefusedError, match="The page token is of another request") as refused:
            asking.page(client, "addresses", maxResults=2, pageToken=token, filter="name!=c")
        assert refused.value.status == 400
        with pytest.raises(RefusedError, match="Invalid value for field 'pageToken'"):
            asking.page(client, "addresses", pageToken="nonsense")
    if can(client, "order", request):
        newest_first, _ = asking.page(client, "addresses", orderBy="creationTimestamp desc")
        assert newest_first == NAMES[::-1]
        with pytest.raises(RefusedError, match="Must be 'name' or 'creationTimestamp desc'"):
            asking.page(client, "addresses", orderBy="address")


@pytest.mark.parametrize("client", those_who_can("masks", "permissions"), indirect=True)
def test_one_may_ask_for_parts_and_for_permissions(client: Client) -> None:
    client.create_address("a")
    found = asking.masked(client, "addresses", "a", "name,addressType")
    assert found == {"name": "a", "addressType": "EXTERNAL"}
    with pytest.raises(RefusedError, match="Invalid field selection"):
        asking.masked(client, "addresses", "a", "name(")
    wanted = ["compute.addresses.get", "compute.addresses.delete"]
    assert asking.permitted(client, "a", wanted) == wanted


@pytest.mark.parametrize("client", those_who_can("request ids"), indirect=True)
def test_a_request_with_an_id_is_carried_out_once(client: Client) -> None:
    name = str(uuid.UUID(int=7))
    first = asking.reserve(client, "a", name)
    assert asking.reserve(client, "a", name) == first
    with pytest.raises(RefusedError, match="The request ID was used for another request") as refused:
        asking.reserve(client, "b", name)
    assert refused.value.status == 400
    with pytest.raises(RefusedError, match="already exists"):
        asking.reserve(client, "a", str(uuid.UUID(int=8)))
    assert len(client.cloud.keys(f"{HERE}/addresses/")) == 1


@pytest.mark.parametrize("client", those_who_can("fingerprints"), indirect=True)
def test_a_change_of_what_has_changed_meanwhile_is_refused(client: Client) -> None:
    client.create_network("net", "sub", "10.128.0.0/20")
    fingerprint = client.describe("subnetworks", "sub")["fingerprint"]
    asking.open_to_google(client, "sub", fingerprint, enabled=True)
    with pytest.raises(RefusedError, match=r"Invalid fingerprint\.") as refused:
        asking.open_to_google(client, "sub", fingerprint, enabled=False)
    assert refused.value.status == 412
    assert (client.cloud.store.get(SUBNETWORK) or {})["privateIpGoogleAccess"] is True


@pytest.mark.parametrize("cloud", [{"latencies": Latencies(otherwise=20.0)}], indirect=True)
@pytest.mark.parametrize("client", EVERYONE, indirect=True)
def test_a_change_returns_when_it_is_done_and_what_is_in_use_stays(client: Client) -> None:
    client.create_network("net", "sub", "10.128.0.0/20")
    operations = [
        operation
        for prefix in (HERE, f"compute/projects/{PROJECT}/global")
        for _, operation in client.cloud.store.scan(f"{prefix}/operations/")
    ]
    assert len(operations) >= 2
    for operation in operations:
        assert operation["status"] == "DONE"
        assert [asked for asked in client.cloud.requests if operation["name"] in asked], (
            "nobody waited for it"
        )
    with pytest.raises(RefusedError, match=r"network resource .*/net' is already being used by .*/sub'"):
        client.delete("networks", "net")
    assert client.cloud.store.get(SUBNETWORK) is not None


@pytest.mark.parametrize("client", those_who_can("lists of all zones"), indirect=True)
def test_lists_over_all_zones_tell_of_the_one_that_is_out(
    client: Client, request: pytest.FixtureRequest
) -> None:
    with closing(RawHttp(client.cloud)) as maker:  # gcloud takes a while for what it shows elsewhere
        build(maker, size=3)
    partial = can(client, "partial success", request)
    if partial:
        assert len(asking.everywhere(client, "instances", partial=True)[0]) == 3
    client.cloud.lose_zone(ZONES[0])
    if partial:
        names, said = asking.everywhere(client, "instances", partial=True)
        assert len(names) == 2
        assert f"The scope 'zones/{ZONES[0]}' is currently unreachable." in said
    if can(client, "all or nothing", request):
        with pytest.raises(RefusedError, match=f"zones/{ZONES[0]} cannot be reached") as refused:
            asking.everywhere(client, "instances", partial=False)
        assert refused.value.status == 503
