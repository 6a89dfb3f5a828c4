"""The metadata server answers as Google's does."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from localcloud.guest.metadata_rendering import camel
from localcloud.guest.metadata_source import GUEST_ATTRIBUTES
from tests.localcloud.guest.cloud import EMAIL, READ_ONLY
from tests.localcloud.guest.metadata_server import BOOT_DISK, KEY, Server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_header_is_required_and_forwarded_requests_are_refused(server: Server) -> None:
    name = "/computeMetadata/v1/instance/name"
    wrong: tuple[dict[str, str], ...] = ({}, {"Metadata-Flavor": "Something-Else"})
    for headers in wrong:
        for path in (name, "/computeMetadata/v1/", "/computeMetadata/"):
            refused = server.get(path, headers)
            assert refused.status_code == 403
            assert "Missing Metadata-Flavor:Google header" in refused.text
    refused = server.get(name, {"Metadata-Flavor": "Google", "X-Forwarded-For": "1.2.3.4"})
    assert refused.status_code == 403
    assert "web-x7k2" not in refused.text
    answer = server.get(name)
    assert (answer.status_code, answer.text) == (200, "web-x7k2")
    assert answer.headers["Content-Type"] == "application/text"
    assert answer.headers["ETag"]
    for each in (answer, refused):
        assert each.headers["Server"] == "Metadata Server for VM"
        assert each.headers["Metadata-Flavor"] == "Google"


def test_clients_find_out_where_they_are_without_the_header(server: Server) -> None:
    answer = server.get("/", {})
    assert (answer.status_code, answer.text) == (200, "computeMetadata/\n")
    assert answer.headers["Metadata-Flavor"] == "Google"
    assert server.get("/computeMetadata/").text == "v1/\n"


def test_versions_that_google_has_ended_are_refused(server: Server) -> None:
    for path in ("/0.1/meta-data/", "/0.1", "/computeMetadata/v1beta1/instance/name"):
        for headers in (dict[str, str](), None):
            refused = server.get(path, headers)
            assert refused.status_code == 403
            assert "Legacy metadata endpoints are disabled. Please use the /v1/ endpoint." in refused.text
    assert server.get("/computeMetadata/v2/instance/name").status_code == 404


def test_what_a_client_asked_for_is_no_markup_in_the_answer(server: Server) -> None:
    answer = server.get("/computeMetadata/v1/instance/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_directory_without_slash_redirects_with_its_query(server: Server) -> None:
    for query in ("", "?last_etag=abc"):
        moved = server.get(f"/computeMetadata/v1/instance/attributes{query}")
        assert moved.status_code == 301
        place = f"/computeMetadata/v1/instance/attributes/{query}"
        assert moved.headers["Location"] == f"http://metadata.google.internal{place}"
        assert moved.text == place + "\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_guest_attributes_can_be_written(server: Server, method: str) -> None:
    for path in ("instance/name", "instance/attributes/kebab-case-key", "instance/guest-attributes/space"):
        assert asyncio.run(server.request(method, f"/computeMetadata/v1/{path}")).status_code == 405
    assert server.text("instance/attributes/kebab-case-key") == "v"


def test_token_is_the_service_accounts_and_of_its_scopes(server: Server) -> None:
    token = json.loads(server.text("instance/service-accounts/default/token"))
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3600
    principal = server.identities.whois(token["access_token"])
    assert principal is not None
    assert (principal.email, principal.scopes, principal.instance_key) == (EMAIL, frozenset({READ_ONLY}), KEY)
    wide = json.loads(
        server.text(
            "instance/service-accounts/default/token?scopes=https://www.googleapis.com/auth/cloud-platform"
        )
    )
    widened = server.identities.whois(wide["access_token"])
    assert widened is not None
    assert widened.scopes == frozenset(), "an instance cannot widen what it was given"
    lines = server.text("instance/service-accounts/default/token?alt=text").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["access_token", "expires_in", "token_type"]


def test_identity_token_is_signed_for_its_audience(server: Server) -> None:
    path = "instance/service-accounts/default/identity"
    assert server.get(f"/computeMetadata/v1/{path}").status_code == 400
    signed, _, signature = server.text(f"{path}?audience=https://here&format=full").rpartition(".")

    def decode(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    server.signer.public_key.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(decode(signed.split(".")[1]))
    assert (claims["aud"], claims["email"], claims["exp"] - claims["iat"]) == ("https://here", EMAIL, 3600)
    assert claims["google"]["compute_engine"] == {
        "instance_creation_timestamp": 1795431906,
        "instance_id": "1001",
        "instance_name": "web-x7k2",
        "project_id": "local",
        "project_number": 42,
        "zone": "europe-west1-b",
    }

    def claimed(query: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(decode(server.text(f"{path}?audience=x{query}").split(".")[1]))
        return found

    assert "google" not in claimed("")
    assert "google" not in claimed("&format=standard&licenses=TRUE")
    full = claimed("&format=full&licenses=TRUE")["google"]
    assert isinstance(full, dict)
    assert full["compute_engine"]["license_id"] == []


def test_licenses_of_an_instances_disks_are_in_its_metadata_and_identity(server: Server) -> None:
    with server.store.transaction() as change:
        disk = server.store.get("compute/" + BOOT_DISK) or {}
        change.put("compute/" + BOOT_DISK, {**disk, "licenseCodes": ["1001010", "1000205"]})
    assert server.text("instance/licenses/") == "0/\n1/\n"
    assert server.text("instance/licenses/1/id") == "1000205"
    assert json.loads(server.text("instance/licenses/?recursive=true")) == [
        {"id": "1001010"},
        {"id": "1000205"},
    ]
    token = server.text("instance/service-accounts/default/identity?audience=x&format=full&licenses=true")
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert claims["google"]["compute_engine"]["license_id"] == ["1001010", "1000205"]


def test_guest_attributes_are_off_until_the_metadata_allows_them(server: Server) -> None:
    path = "/computeMetadata/v1/instance/guest-attributes/space/key"
    assert asyncio.run(server.request("PUT", path, content="v")).status_code == 403
    for name in ("", "/", "/?recursive=true", "/space/key"):
        refused = server.get(f"/computeMetadata/v1/instance/guest-attributes{name}")
        assert (refused.status_code, refused.text) == (403, "Guest attributes endpoint access is disabled.")
    assert json.loads(server.text("instance/?recursive=true"))["guestAttributes"] == {}
    server.put({"enable-guest-attributes": "TRUE"})
    assert asyncio.run(server.request("PUT", path, content="v")).status_code == 200
    assert server.text("instance/guest-attributes/space/key") == "v"
    assert server.store.get(GUEST_ATTRIBUTES + "1001") == {"space": {"key": "v"}}
    assert asyncio.run(server.request("DELETE", path)).status_code == 200
    assert server.get(path).status_code == 404
    assert asyncio.run(server.request("DELETE", path)).status_code == 404
    assert asyncio.run(server.request("PUT", path, content="v" * (256 << 10))).status_code == 200
    assert asyncio.run(server.request("PUT", path, content="v" * ((256 << 10) + 1))).status_code == 413
    for number, status in enumerate((200, 200, 413), start=1):
        put = asyncio.run(server.request("PUT", f"{path}-{number}", content="v" * (256 << 10)))
        assert put.status_code == status, "beyond 1 MiB in all nothing more is kept"
    assert asyncio.run(server.request("PUT", path, content="v")).status_code == 200, "what is smaller fits"


def test_waiting_for_a_change_ends_with_the_change_and_not_before(server: Server) -> None:
    async def story() -> None:
        path = "/computeMetadata/v1/instance/attributes/kebab-case-key"
        first = await server.request("GET", f"{path}?wait_for_change=true&last_etag=NONE")
        assert first.text == "v", "who has seen nothing is answered at once"
        etag = first.headers["ETag"]
        waiting = asyncio.ensure_future(
            server.request("GET", f"{path}?wait_for_change=true&last_etag={etag}")
        )
        for _ in range(20):
            await asyncio.sleep(0)
        server.put({"kebab-case-key": "v", "another": "key"})  # a change elsewhere
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        server.put({"kebab-case-key": "new"})
        answer = await waiting
        assert (answer.text, answer.headers["ETag"] != etag) == ("new", True)
        ended = await server.request("GET", f"{path}?wait_for_change=true&timeout_sec=0.01")
        assert ended.text == "new"

    asyncio.run(story())


def test_forwarding_rules_addresses_appear_when_they_are_set(server: Server) -> None:
    server.source.set_forwarded(("127.7.7.1",))
    assert server.text("instance/network-interfaces/0/forwarded-ips/") == "0\n"
    assert json.loads(server.text("instance/?recursive=true"))["networkInterfaces"][0]["forwardedIps"] == [
        "127.7.7.1"
    ]


def test_keys_are_camelled_but_emails_are_not() -> None:
    assert (camel("network-interfaces"), camel("a-b@c-d.e"), camel("ip")) == (
        "networkInterfaces",
        "a-b@c-d.e",
        "ip",
    )
