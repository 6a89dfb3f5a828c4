"""The metadata server answers as Google's does."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from localcloud.clock import VirtualClock
from localcloud.guest.identity_token import IdentitySigner
from localcloud.guest.metadata import MetadataServer, camel
from localcloud.guest.metadata_source import GUEST_ATTRIBUTES, MetadataSource
from localcloud.identity import Identities
from localcloud.plans.machine import MachineSpec
from localcloud.plans.network import NetworkInterface
from localcloud.store import Store
from tests.localcloud.guest.cloud import EMAIL, OWNER, READ_ONLY, SUBNETWORK, ZONE, instance_document

if TYPE_CHECKING:
    from pathlib import Path

KEY = f"compute/{ZONE}/instances/web-x7k2"


class Server:
    """One instance's metadata server and what it draws from."""

    def __init__(self, folder: Path) -> None:
        self.store, clock = Store(), VirtualClock()
        self.identities = Identities(self.store, clock, OWNER)
        self.signer = IdentitySigner(folder / "key")
        interface = NetworkInterface(
            instance="web-x7k2", network="n", subnetwork=SUBNETWORK.key, address="10.0.0.2"
        )
        spec = MachineSpec(
            key=KEY,
            name="web-x7k2",
            id="1001",
            zone="europe-west1-b",
            interface=interface,
            gateway="10.0.0.1",
            forwarded_addresses=(),
            memory_mib=1024,
            vcpus=1,
        )
        self.source = MetadataSource(
            spec, self.store, clock, self.identities, signer=self.signer, project_number="42"
        )
        self.put({"startup-script": "echo", "kebab-case-key": "v"})

    def put(self, metadata: dict[str, str]) -> None:
        with self.store.transaction() as change:
            change.put(KEY, instance_document(1, "web-x7k2", metadata, {}))

    async def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, content: str = ""
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=MetadataServer(self.source))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://metadata.google.internal"
        ) as client:
            flavor = {"Metadata-Flavor": "Google"} if headers is None else headers
            return await client.request(method, path, headers=flavor, content=content)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self.request("GET", path, headers))

    def text(self, path: str) -> str:
        response = self.get(f"/computeMetadata/v1/{path}")
        assert response.status_code == 200, response.text
        return response.text


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_header_is_required_and_forwarded_requests_are_refused(server: Server) -> None:
    assert server.get("/computeMetadata/v1/instance/name", {}).status_code == 403
    assert "Missing Metadata-Flavor:Google header" in server.get("/computeMetadata/v1/instance/name", {}).text
    refused = server.get(
        "/computeMetadata/v1/instance/name", {"Metadata-Flavor": "Google", "X-Forwarded-For": "1.2.3.4"}
    )
    assert refused.status_code == 403
    answer = server.get("/computeMetadata/v1/instance/name")
    assert (answer.status_code, answer.text) == (200, "web-x7k2")
    assert answer.headers["Server"] == "Metadata Server for VM"
    assert answer.headers["Metadata-Flavor"] == "Google"
    assert answer.headers["Content-Type"] == "application/text"
    assert answer.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("instance/id", "1001"),
        ("instance/zone", "projects/42/zones/europe-west1-b"),
        ("instance/machine-type", "projects/42/machineTypes/e2-small"),
        ("instance/hostname", "web-x7k2.europe-west1-b.c.local.internal"),
        ("instance/attributes/kebab-case-key", "v"),
        ("instance/attributes/", "kebab-case-key\nstartup-script\n"),
        ("instance/tags", '["web","blue"]'),
        ("instance/network-interfaces/0/ip", "10.0.0.2"),
        ("instance/network-interfaces/0/mac", "42:01:0a:00:00:02"),
        ("instance/network-interfaces/0/network", "projects/42/networks/n"),
        ("instance/service-accounts/", f"default/\n{EMAIL}/\n"),
        ("instance/service-accounts/default/scopes", f"{READ_ONLY}\n"),
        ("instance/service-accounts/default/email", EMAIL),
        ("project/project-id", "local"),
        ("project/numeric-project-id", "42"),
        ("", "instance/\noslogin/\nproject/\nuniverse/\n"),
    ],
)
def test_tree_is_googles(server: Server, path: str, value: str) -> None:
    assert server.text(path) == value


def test_recursive_answer_is_camel_case_json_with_lists(server: Server) -> None:
    found = json.loads(server.text("instance/?recursive=true"))
    assert found["attributes"] == {"startup-script": "echo", "kebab-case-key": "v"}
    assert found["networkInterfaces"][0]["ip"] == "10.0.0.2"
    assert found["networkInterfaces"][0]["forwardedIps"] == []
    assert found["networkInterfaces"][0]["dnsServers"] == ["169.254.169.254"]
    assert found["serviceAccounts"]["default"]["scopes"] == [READ_ONLY]
    assert found["id"] == 1001
    assert "token" not in found["serviceAccounts"]["default"], "a token is only given when asked for by name"
    assert json.loads(server.text("instance/attributes/?recursive=true")) == {
        "startup-script": "echo",
        "kebab-case-key": "v",
    }
    assert "0/ip 10.0.0.2\n" in server.text("instance/network-interfaces/?recursive=true&alt=text")
    assert server.text("instance/name?alt=json") == '"web-x7k2"'


def test_missing_is_404_and_directory_without_slash_redirects(server: Server) -> None:
    assert server.get("/computeMetadata/v1/instance/attributes/none").status_code == 404
    moved = server.get("/computeMetadata/v1/instance/attributes")
    assert moved.status_code == 301
    assert (
        moved.headers["Location"] == "http://metadata.google.internal/computeMetadata/v1/instance/attributes/"
    )
    assert asyncio.run(server.request("POST", "/computeMetadata/v1/instance/name")).status_code == 405


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
    assert server.get("/computeMetadata/v1/instance/service-accounts/other@x/token").status_code == 404


def test_identity_token_is_signed_for_its_audience(server: Server) -> None:
    path = "instance/service-accounts/default/identity"
    assert server.get(f"/computeMetadata/v1/{path}").status_code == 400
    signed, _, signature = server.text(f"{path}?audience=https://here&format=full").rpartition(".")

    def decode(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    server.signer.public_key.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(decode(signed.split(".")[1]))
    assert (claims["aud"], claims["email"], claims["exp"] - claims["iat"]) == ("https://here", EMAIL, 3600)
    assert claims["google"]["compute_engine"]["instance_name"] == "web-x7k2"


def test_guest_attributes_are_off_until_the_metadata_allows_them(server: Server) -> None:
    path = "/computeMetadata/v1/instance/guest-attributes/space/key"
    assert asyncio.run(server.request("PUT", path, content="v")).status_code == 403
    server.put({"enable-guest-attributes": "TRUE"})
    assert asyncio.run(server.request("PUT", path, content="v")).status_code == 200
    assert server.text("instance/guest-attributes/space/key") == "v"
    assert server.store.get(GUEST_ATTRIBUTES + "1001") == {"space": {"key": "v"}}
    assert asyncio.run(server.request("DELETE", path)).status_code == 200
    assert server.get(path).status_code == 404


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


def test_a_dual_stack_instance_learns_its_ipv6_address_and_the_rules_ranges(server: Server) -> None:
    server.source.set_forwarded(("127.7.7.1", "2001:db8:0:7:8000::/96"))
    missing = server.get("/computeMetadata/v1/instance/network-interfaces/0/ipv6s")
    assert missing.status_code == 404, "by its absence clients tell that there is no IPv6"
    document = dict(server.store.get(KEY) or {})
    config = {"externalIpv6": "2001:db8:0:7:a00:2::", "externalIpv6PrefixLength": 96}
    (interface,) = document["networkInterfaces"]
    document["networkInterfaces"] = [{**interface, "ipv6AccessConfigs": [config]}]
    with server.store.transaction() as change:
        change.put(KEY, document)
    assert server.text("instance/network-interfaces/0/ipv6s") == "2001:db8:0:7:a00:2::"
    assert server.text("instance/network-interfaces/0/forwarded-ipv6s/0") == "2001:db8:0:7:8000::/96"
    assert server.text("instance/network-interfaces/0/forwarded-ips/") == "0\n"


def test_keys_are_camelled_but_emails_are_not() -> None:
    assert (camel("network-interfaces"), camel("a-b@c-d.e"), camel("ip")) == (
        "networkInterfaces",
        "a-b@c-d.e",
        "ip",
    )
