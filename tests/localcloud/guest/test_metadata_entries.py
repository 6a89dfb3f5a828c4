"""Every entry that Google documents is served as docs/metadata.md says, in the shapes that Google's have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.localcloud.guest.cloud import COMPUTE, EMAIL, READ_ONLY
from tests.localcloud.guest.metadata_server import IMAGE, KEY, ROOT, Server

NIC = "instance/network-interfaces/0/"
ACCOUNT = "instance/service-accounts/default/"
_ROW = re.compile(
    r"^\| `/((?:project|instance|oslogin|universe)/[^`]*)` \| (served|not served) \|", re.MULTILINE
)
DOCUMENTED = dict(_ROW.findall((Path(__file__).parents[3] / "docs/metadata.md").read_text(encoding="utf-8")))

# What each entry answers, as text: a directory's is the list of its names.
ENTRIES = {
    "": "instance/\noslogin/\nproject/\nuniverse/\n",
    "project/": "attributes/\nnumeric-project-id\nproject-id\n",
    "project/project-id": "local",
    "project/numeric-project-id": "42",
    "project/attributes/": "everybodys\n",
    "project/attributes/everybodys": "value",
    "instance/": (
        "attributes/\ncpu-platform\ndescription\ndisks/\nguest-attributes/\nhostname\nid\nimage\nlicenses/\nmachine-type\n"
        "maintenance-event\nname\nnetwork-interfaces/\npartner-attributes/\npreempted\nremaining-cpu-time\nscheduling/\n"
        "service-accounts/\ntags\nvirtual-clock/\nzone\n"
    ),
    "instance/attributes/": "enable-guest-attributes\nkebab-case-key\n",
    "instance/attributes/kebab-case-key": "v",
    "instance/cpu-platform": "Unknown CPU Platform",
    "instance/description": "of the tests",
    "instance/disks/": "0/\n",
    "instance/disks/0/": "device-name\nindex\ninterface\nmode\ntype\n",
    "instance/disks/0/device-name": "boot",
    "instance/disks/0/index": "0",
    "instance/disks/0/interface": "SCSI",
    "instance/disks/0/mode": "READ_WRITE",
    "instance/disks/0/type": "PERSISTENT-BALANCED",
    "instance/guest-attributes/": "space/\n",
    "instance/guest-attributes/space/": "key\n",
    "instance/guest-attributes/space/key": "value",
    "instance/hostname": "web-x7k2.europe-west1-b.c.local.internal",
    "instance/id": "1001",
    "instance/image": IMAGE,
    "instance/licenses/": "",
    "instance/machine-type": "projects/42/machineTypes/e2-small",
    "instance/maintenance-event": "NONE",
    "instance/name": "web-x7k2",
    "instance/network-interfaces/": "0/\n",
    NIC: (
        "access-configs/\ndns-servers\nforwarded-ips/\nforwarded-ipv6s/\ngateway\nip\nip-aliases/\nipv6s\nmac\nmtu\nnetwork\n"
        "subnetmask\ntarget-instance-ips/\n"
    ),
    NIC + "access-configs/": "0/\n",
    NIC + "access-configs/0/": "external-ip\ntype\n",
    NIC + "access-configs/0/external-ip": "127.7.7.9",
    NIC + "access-configs/0/type": "ONE_TO_ONE_NAT",
    NIC + "dns-servers": "169.254.169.254\n",
    NIC + "forwarded-ips/": "0\n1\n",
    NIC + "forwarded-ips/0": "127.7.7.1",
    NIC + "forwarded-ips/1": "127.7.7.2",
    NIC + "forwarded-ipv6s/": "0\n",
    NIC + "forwarded-ipv6s/0": "2001:db8:0:7:8000::/96",
    NIC + "gateway": "10.0.0.1",
    NIC + "ip": "10.0.0.2",
    NIC + "ip-aliases/": "0\n",
    NIC + "ip-aliases/0": "10.9.0.0/24",
    NIC + "ipv6s": "2001:db8:0:7:a00:2::",
    NIC + "mac": "42:01:0a:00:00:02",
    NIC + "mtu": "1460",
    NIC + "network": "projects/42/networks/n",
    NIC + "subnetmask": "255.255.255.0",
    NIC + "target-instance-ips/": "",
    "instance/partner-attributes/": "",
    "instance/preempted": "FALSE",
    "instance/remaining-cpu-time": "-1",
    "instance/scheduling/": "automatic-restart\non-host-maintenance\npreemptible\n",
    "instance/scheduling/automatic-restart": "FALSE",
    "instance/scheduling/on-host-maintenance": "TERMINATE",
    "instance/scheduling/preemptible": "TRUE",
    "instance/service-accounts/": f"default/\n{EMAIL}/\n",
    ACCOUNT: "aliases\nemail\nidentity\nscopes\ntoken\n",
    f"instance/service-accounts/{EMAIL}/": "aliases\nemail\nidentity\nscopes\ntoken\n",
    ACCOUNT + "aliases": "default\n",
    ACCOUNT + "email": EMAIL,
    ACCOUNT + "scopes": f"{READ_ONLY}\n",
    "instance/tags?alt=text": "web\nblue\n",
    "instance/upcoming-maintenance": "NONE",
    "instance/virtual-clock/": "drift-token\n",
    "instance/virtual-clock/drift-token": "0",
    "instance/zone": "projects/42/zones/europe-west1-b",
    "oslogin/": "authenticate/\n",
    "universe/": "universe-domain\n",
    "universe/universe-domain": "googleapis.com",
    "project//project-id": "local",
    "project/numeric-project-id?recursive=true": "42",
    "instance/network-interfaces/?recursive=xyz": "0/\n",
}
IN_JSON = {
    "instance/tags": ["web", "blue"],
    "instance/tags?alt=json": ["web", "blue"],
    "instance/name?alt=json": "web-x7k2",
    "instance/id?alt=json": 1001,
    "instance/upcoming-maintenance?alt=json": "NONE",
    ACCOUNT + "scopes?alt=json": [READ_ONLY],
    "project/numeric-project-id?recursive=true&alt=json": 42,
    "instance/attributes/?recursive=true": {"enable-guest-attributes": "TRUE", "kebab-case-key": "v"},
    "instance/disks?recursive=true": [
        {
            "deviceName": "boot",
            "index": 0,
            "interface": "SCSI",
            "mode": "READ_WRITE",
            "type": "PERSISTENT-BALANCED",
        }
    ],
    NIC + "forwarded-ips/?recursive=true": ["127.7.7.1", "127.7.7.2"],
    NIC + "?recursive=true&alt=json": {
        "accessConfigs": [{"externalIp": "127.7.7.9", "type": "ONE_TO_ONE_NAT"}],
        "dnsServers": ["169.254.169.254"],
        "forwardedIps": ["127.7.7.1", "127.7.7.2"],
        "forwardedIpv6s": ["2001:db8:0:7:8000::/96"],
        "gateway": "10.0.0.1",
        "ip": "10.0.0.2",
        "ipAliases": ["10.9.0.0/24"],
        "ipv6s": "2001:db8:0:7:a00:2::",
        "mac": "42:01:0a:00:00:02",
        "mtu": 1460,
        "network": "projects/42/networks/n",
        "subnetmask": "255.255.255.0",
        "targetInstanceIps": [],
    },
    "instance/scheduling/?recursive=true": {
        "automaticRestart": "FALSE",
        "onHostMaintenance": "TERMINATE",
        "preemptible": "TRUE",
    },
    "instance/service-accounts/?recursive=true": {
        name: {"aliases": ["default"], "email": EMAIL, "scopes": [READ_ONLY]} for name in ("default", EMAIL)
    },
    "instance/guest-attributes/?recursive=true": {"space": {"key": "value"}},
    "project/?recursive=true": {
        "attributes": {"everybodys": "value"},
        "numericProjectId": 42,
        "projectId": "local",
    },
}
LINES = {
    "instance/virtual-clock/?recursive=true&alt=text": "drift-token 0\n",
    ACCOUNT + "?recursive=true&alt=text": f"aliases default\nemail {EMAIL}\nscopes {READ_ONLY}\n",
    NIC + "forwarded-ips/?recursive=true&alt=text": "0 127.7.7.1\n1 127.7.7.2\n",
}
REFUSED = {
    "foo": 404,
    "project/bar": 404,
    "instance/disks/x": 404,
    "instance/disks/99": 404,
    "instance/attributes/none": 404,
    "instance/virtual-clock/drift-token/": 404,
    ACCOUNT + "token/": 404,
    ACCOUNT + "scopes/0": 404,
    "instance/service-accounts/other@x/token": 404,
    ACCOUNT + "identity": 400,
    ACCOUNT + "identity?audience=": 400,
    "project/?alt=json": 400,
    "project/?alt=text": 400,
    "project/?wait_for_change=true": 400,
}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """Return the server of an instance that has all that an instance can have."""
    server = Server(tmp_path)
    interface = {
        "network": f"{COMPUTE}/projects/local/global/networks/n",
        "networkIP": "10.0.0.2",
        "accessConfigs": [{"natIP": "127.7.7.9", "type": "ONE_TO_ONE_NAT"}],
        "aliasIpRanges": [{"ipCidrRange": "10.9.0.0/24"}],
        "ipv6AccessConfigs": [{"externalIpv6": "2001:db8:0:7:a00:2::", "externalIpv6PrefixLength": 96}],
    }
    server.put(
        {"enable-guest-attributes": "TRUE", "kebab-case-key": "v"},
        description="of the tests",
        networkInterfaces=[interface],
        scheduling={"automaticRestart": False, "onHostMaintenance": "TERMINATE", "preemptible": True},
    )
    with server.store.transaction() as change:
        everybodys = {"items": [{"key": "everybodys", "value": "value"}]}
        change.put("compute/projects/local", {"commonInstanceMetadata": everybodys})
    server.source.set_guest_attribute("space", "key", "value")
    server.source.set_forwarded(("127.7.7.1", "127.7.7.2", "2001:db8:0:7:8000::/96"))
    return server


def test_every_entry_answers_in_text(server: Server) -> None:
    answers = {path: server.get(ROOT + path) for path in {**ENTRIES, **LINES}}
    assert {path: answer.text for path, answer in answers.items()} == {**ENTRIES, **LINES}
    assert {answer.headers["Content-Type"] for answer in answers.values()} == {"application/text"}
    assert all(re.fullmatch("[0-9a-f]{16}", answer.headers["ETag"]) for answer in answers.values())


def test_every_entry_answers_in_json(server: Server) -> None:
    answers = {path: server.get(ROOT + path) for path in IN_JSON}
    assert {path: json.loads(answer.text) for path, answer in answers.items()} == IN_JSON
    assert {answer.headers["Content-Type"] for answer in answers.values()} == {"application/json"}
    assert all(answer.headers["ETag"] for answer in answers.values())


def test_what_is_not_there_or_not_to_be_asked_for_is_refused(server: Server) -> None:
    answers = {path: server.get(ROOT + path) for path in REFUSED}
    assert {path: answer.status_code for path, answer in answers.items()} == REFUSED
    for answer in answers.values():
        assert answer.headers["Metadata-Flavor"] == "Google"
        assert answer.headers["Content-Type"].startswith("text/html")


def test_recursive_and_single_answers_agree(server: Server) -> None:
    """What is listed is there, and a recursive answer has nothing that is not listed."""

    def visit(path: str) -> list[str]:
        listed = server.text(path).splitlines()
        found = []
        for name in listed:
            found += visit(path + name) if name.endswith("/") else [path + name]
        return found

    leaves = visit("")
    lines = server.text("?recursive=true&alt=text").splitlines()
    minted = {leaf for leaf in leaves if leaf.endswith(("/identity", "/token"))}
    assert len(minted) == 4
    assert {line.split(" ")[0] for line in lines} == set(leaves) - minted
    single = server.text("instance/attributes/kebab-case-key")
    assert f"instance/attributes/kebab-case-key {single}" in lines


@pytest.mark.parametrize("entry", DOCUMENTED)
def test_the_documented_list_is_true(server: Server, entry: str) -> None:
    query = "?audience=x" if entry.endswith("/identity") else ""
    answer = server.get(ROOT + entry + query)
    assert answer.status_code == (200 if DOCUMENTED[entry] == "served" else 404)
    if entry in ENTRIES:
        assert DOCUMENTED[entry] == "served"


def test_the_documented_list_is_whole(server: Server) -> None:
    """Every entry at the first two levels, and all of an interface, has its row."""
    for directory in ("project/", "instance/", NIC):
        for name in server.text(directory).splitlines():
            entry = directory + name
            assert any(row.startswith(entry) for row in DOCUMENTED), (
                f"docs/metadata.md has no row for {entry}"
            )
    assert {"served", "not served"} == set(DOCUMENTED.values())


def test_what_only_dual_stack_instances_have_is_missing_otherwise(server: Server) -> None:
    server.put({})
    for name in ("ipv6s", "forwarded-ipv6s/"):
        assert server.get(ROOT + NIC + name).status_code == 404, (
            "by its absence clients tell that there is no IPv6"
        )
    assert server.text(NIC + "forwarded-ips/") == "0\n1\n"
    assert server.store.get(KEY) is not None
