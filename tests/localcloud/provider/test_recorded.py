"""The plugin against the official provider's recorded traffic: the same requests, the same answers, step by step.

One test replays preview, create, unchanged preview, refresh, update and destroy of two programs (16 and 46 resources) through the
plugin's gRPC service, and reports every call whose answer differs and every HTTP request too few or too many. What may differ is
stated below.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import pytest

from localcloud.provider.families.instance_template import INSTANCE_TEMPLATE
from localcloud.provider.families.region_instance_template import REGION_INSTANCE_TEMPLATE
from tests.localcloud.provider import recording
from tests.localcloud.provider.driver import Driver, connected, plugin, served
from tests.localcloud.provider.recording import Recording
from tests.localcloud.provider.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.provider.values import Value
    from tests.localcloud.provider.recording import Call

# One request is different on purpose: the official provider forgets the etag when it takes the last binding out of a bucket's policy,
# and with it anybody else's change of the same moment.
_WITHOUT_ETAG = re.compile(r"^(PUT /storage/v1/b/[a-z-]+/iam\?alt=json) \{\"version\": 3\}$")
_WITH_ETAG = r'\1 {"etag": "ACAC", "version": 3}'

# Reads that only wait for something to become visible: the official provider reads policies four times over, for one.
_POLLED = (
    "GET /v1/projects/p/serviceAccounts/",
    "GET /storage/v1/b/p-",
    "GET /secretmanager/v1/projects/p/secrets/app-token:getIamPolicy",
    "POST /v1/projects/p/serviceAccounts/app-sa@p.iam.gserviceaccount.com:getIamPolicy",
    "POST /crm/v1/projects/p:getIamPolicy",
)

_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+(?=/)")


@pytest.fixture(params=recording.PROGRAMS)
def recorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Return each recording, with rotating names made the recorded ones."""
    chosen = Recording(request.param)
    for template, place in (
        (INSTANCE_TEMPLATE, "global"),
        (REGION_INSTANCE_TEMPLATE, "regions/europe-west1"),
    ):
        rotations = chosen.rotations(f"{place}/instanceTemplates")
        moments = iter([moment for moment, _ in rotations])
        monkeypatch.setattr(template, "_now", lambda moments=moments: next(moments))
        monkeypatch.setattr(template, "_count", iter([count for _, count in rotations]))
    return chosen


def test_every_step_makes_the_recorded_requests_and_gives_the_recorded_answers(recorded: Recording) -> None:
    stand_in = StandIn()
    stand_in.recorded = recorded.created()
    differences = asyncio.run(_replay(recorded, stand_in))
    assert not differences, "\n".join(differences)


async def _replay(recorded: Recording, stand_in: StandIn) -> list[str]:
    differences = []
    async with served(stand_in.app) as cloud, plugin() as address:
        stand_in.address = cloud
        for step in recording.STEPS:
            stand_in.requests.clear()
            async with connected(address) as driver:
                for call in recorded.calls(step):
                    differences += [
                        f"{step}: {call.label}: {text}"
                        for text in await _compare(driver, call, (recorded.host, cloud))
                    ]
            differences += [
                f"{step}: {text}"
                for text in _compare_requests(recorded.exchanges(step), stand_in.requests, recorded.host)
            ]
    return differences


async def _compare(driver: Driver, call: Call, hosts: tuple[str, str]) -> list[str]:
    recorded, cloud = hosts
    request = json.loads(json.dumps(call.request).replace(recorded, cloud))
    try:
        answer = await driver.call(call.method, request)
    except grpc.aio.AioRpcError as error:
        return [str(error.details())]
    answer = json.loads(json.dumps(answer).replace(cloud, recorded))
    return list(_differences(_expected(call), _comparable(answer), ""))


def _expected(call: Call) -> Value:
    return _comparable(json.loads(json.dumps(call.response)))


def _comparable(answer: Value) -> Value:
    """Read bookkeeping as JSON, without the shim that only the bridge's own next call reads."""
    meta = answer.get("properties", {}).get("__meta")
    if meta:
        content = json.loads(meta)
        content.pop("_new_extra_shim", None)
        answer["properties"]["__meta"] = content
    return answer


def _differences(expected: Value, actual: Value, path: str) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            if key not in expected:
                yield f"{path}.{key}: {actual[key]!r} is not in the recording"
            elif key not in actual:
                yield f"{path}.{key}: recorded {expected[key]!r} is missing"
            else:
                yield from _differences(expected[key], actual[key], f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif expected != actual:
        yield f"{path}: recorded {expected!r}, got {actual!r}"


def _compare_requests(
    expected: list[tuple[str, str, Value]], actual: list[tuple[str, str, Value]], host: str
) -> Iterator[str]:
    wanted, got = _counted(expected, host), _counted(actual, host)
    wanted = Counter({_WITHOUT_ETAG.sub(_WITH_ETAG, key): count for key, count in wanted.items()})
    for key in wanted.keys() | got.keys():
        polled = key.startswith(_POLLED) or ("GET" in key and "/instanceGroupManagers/" in key)
        if (
            (wanted[key] and not got[key])
            or (got[key] and not wanted[key])
            or (wanted[key] != got[key] and not polled)
        ):
            yield f"{got[key]} requests instead of {wanted[key]}: {key}"


def _counted(requests: list[tuple[str, str, Value]], host: str) -> Counter[str]:
    def at_host(body: Value) -> Value:
        return json.loads(_LOOPBACK.sub(host, json.dumps(body)))

    return Counter(recording.request_key(method, path, at_host(body)) for method, path, body in requests)
