"""Names of instances, as Compute Engine's internal DNS has them: what a query is answered, and that programs on instances see it."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import pytest

from localcloud.guest.disk import METADATA_ADDRESS
from localcloud.guest.resolver import Names, answer
from localcloud.plans.network import GOOGLE_ADDRESS
from localcloud.store import Store
from tests.localcloud.guest.cloud import COMPUTE, ZONE, Cloud, in_cloud, instance_document, machine_spec

A, PTR, AAAA = 1, 12, 28
WEB, API, ALIEN = (f"{name}.europe-west1-b.c.local.internal" for name in ("web", "api", "alien"))


def _names() -> Names:
    store = Store()
    elsewhere = [{"network": f"{COMPUTE}/projects/local/global/networks/other", "networkIP": "10.0.0.9"}]
    dual = {
        "network": f"{COMPUTE}/projects/local/global/networks/n",
        "networkIP": "10.0.0.3",
        "ipv6AccessConfigs": [{"externalIpv6": "2001:db8::3"}],
    }
    fields_of: dict[str, dict[str, Any]] = {
        "web": {},
        "api": {"networkInterfaces": [dual]},
        "alien": {"networkInterfaces": elsewhere},
    }
    with store.transaction() as change:
        for number, (name, fields) in enumerate(fields_of.items(), 1):
            change.put(f"compute/{ZONE}/instances/{name}", instance_document(number, name, {}, fields))
    return Names(store, machine_spec(1, "web"))


def _query(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 77, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def _asked(name: str, kind: int) -> tuple[int, bytes]:
    """Return the answer's code and its record's data."""
    query = _query(name, kind)
    reply = answer(query, _names())
    assert reply is not None
    number, flags, questions, answers, *_ = struct.unpack_from("!6H", reply)
    assert (number, flags & 0x8000, questions) == (77, 0x8000, 1)
    assert reply[12 : len(query)] == query[12:]
    rest = reply[len(query) :]
    if not answers:
        assert rest == b""
        return flags & 15, b""
    _, said_kind, _, _, length = struct.unpack_from("!HHHIH", rest)
    assert said_kind == kind
    assert len(rest) == 12 + length
    return flags & 15, rest[12:]


@pytest.mark.parametrize(
    ("name", "kind", "code", "data"),
    [
        (WEB, A, 0, bytes([10, 0, 0, 2])),
        (API.upper(), A, 0, bytes([10, 0, 0, 3])),
        (API, AAAA, 0, b""),
        (ALIEN, A, 3, b""),
        ("nobody.europe-west1-b.c.local.internal", A, 3, b""),
        ("web.europe-west1-c.c.local.internal", A, 3, b""),
        ("example.com", A, 3, b""),
        ("metadata.google.internal", A, 0, bytes(map(int, METADATA_ADDRESS.split(".")))),
        ("pubsub.googleapis.com", A, 0, bytes(map(int, GOOGLE_ADDRESS.split(".")))),
        ("3.0.0.10.in-addr.arpa", PTR, 0, b"\3api\x0eeurope-west1-b\1c\5local\x08internal\0"),
        ("9.0.0.10.in-addr.arpa", PTR, 3, b""),
        ("8.8.8.8.in-addr.arpa", PTR, 3, b""),
        (ip_address("2001:db8::3").reverse_pointer, PTR, 3, b""),
    ],
)
def test_what_a_name_is_answered(name: str, kind: int, code: int, data: bytes) -> None:
    assert _asked(name, kind) == (code, data)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"", None),
        (b"short", None),
        (struct.pack("!6H", 1, 0x8000, 1, 0, 0, 0), None),
        (struct.pack("!6H", 1, 0, 0, 0, 0, 0), 4),
        (struct.pack("!6H", 1, 0x2800, 1, 0, 0, 0), 4),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0), 1),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", 1),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\x3fshort", 1),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\1\xff\0\0\1\0\1", 1),
    ],
)
def test_what_is_no_query_is_refused_or_not_answered(query: bytes, code: int | None) -> None:
    reply = answer(query, _names())
    assert (None if reply is None else struct.unpack_from("!2H", reply)[1] & 15) == code


@pytest.mark.kernel
@in_cloud
async def test_instances_look_each_other_up_and_find_nobody_else(cloud: Cloud) -> None:
    first = await cloud.boot(name="web")
    await cloud.boot(name="api")
    asked = f"for name in {API} api 10.0.0.3 example.com; do getent hosts $name || echo unknown; done"
    named, searched, reverse, outside = (await cloud.said(first, asked)).splitlines()
    assert named.split() == ["10.0.0.3", API]
    assert searched.split()[:2] == ["10.0.0.3", API]  # by the search list
    assert reverse.split()[:2] == ["10.0.0.3", API]
    assert outside == "unknown"
