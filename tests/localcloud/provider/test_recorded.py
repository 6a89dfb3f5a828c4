"""The plugin against the official provider's recorded traffic: the same requests, the same answers, step by step.

One test replays preview, create, unchanged preview, refresh, update and destroy of a 16-resource program through the plugin's gRPC
service, and reports every call whose answer differs and every HTTP request too few or too many. What may differ is stated below.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from localcloud.provider.families.instance_template import INSTANCE_TEMPLATE
from tests.localcloud.provider import recording
from tests.localcloud.provider.driver import Driver, connected, plugin, served
from tests.localcloud.provider.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.provider.values import Value
    from tests.localcloud.provider.recording import Call

STEPS = ("0-preview", "1-create", "2-unchanged", "3-refresh", "4-update", "5-destroy")

# One request is different on purpose: the official provider forgets the etag when it takes the last binding out of a bucket's policy,
# and with it anybody else's change of the same moment.
_WITHOUT_ETAG = 'PUT /storage/v1/b/p-scripts/iam?alt=json {"version": 3}'
_WITH_ETAG = 'PUT /storage/v1/b/p-scripts/iam?alt=json {"etag": "ACAC", "version": 3}'

# Reads that only wait for something to become visible: the official provider reads policies four times over, for one.
_POLLED = (
    "GET /v1/projects/p/serviceAccounts/",
    "GET /storage/v1/b/p-scripts",
    "POST /crm/v1/projects/p:getIamPolicy",
)


@pytest.fixture
def recorded_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make rotating names the recorded ones."""
    moments = iter(
        [datetime(2026, 11, 23, 4, 15, 44, 993600, UTC), datetime(2026, 11, 23, 4, 16, 10, 667800, UTC)]
    )
    monkeypatch.setattr(INSTANCE_TEMPLATE, "_now", lambda: next(moments))
    monkeypatch.setattr(INSTANCE_TEMPLATE, "_count", itertools.count(4))


def _recorded_numbers() -> dict[str, str]:
    """Return the numeric ids that the recording's server gave, by path."""
    numbers = {}
    for step in ("1-create", "4-update"):
        for call in recording.calls(step):
            properties = call.response.get("properties", {}) if call.method == "Create" else {}
            link = str(properties.get("selfLink", ""))
            ids = [properties[name] for name in _ID_NAMES if properties.get(name)]
            if "/compute/v1/" in link and ids:
                numbers[link.partition("/compute/v1/")[2]] = str(ids[0])
    return numbers


_ID_NAMES = (
    "numericId",
    "networkId",
    "subnetworkId",
    "healthCheckId",
    "addressId",
    "instanceGroupManagerId",
    "generatedId",
    "forwardingRuleId",
)


@pytest.mark.usefixtures("recorded_names")
def test_every_step_makes_the_recorded_requests_and_gives_the_recorded_answers() -> None:
    stand_in = StandIn()
    stand_in.known_numbers = _recorded_numbers()
    differences = asyncio.run(_replay(stand_in))
    assert not differences, "\n".join(differences)


async def _replay(stand_in: StandIn) -> list[str]:
    differences = []
    async with served(stand_in.app) as cloud, plugin() as address:
        stand_in.address = cloud
        for step in STEPS:
            stand_in.requests.clear()
            async with connected(address) as driver:
                for call in recording.calls(step):
                    differences += [
                        f"{step}: {call.label}: {text}" for text in await _compare(driver, call, cloud)
                    ]
            differences += [
                f"{step}: {text}" for text in _compare_requests(recording.exchanges(step), stand_in.requests)
            ]
    return differences


async def _compare(driver: Driver, call: Call, cloud: str) -> list[str]:
    request = json.loads(json.dumps(call.request).replace(recording.HOST, cloud))
    answer = json.loads(json.dumps(await driver.call(call.method, request)).replace(cloud, recording.HOST))
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
    expected: list[tuple[str, str, Value]], actual: list[tuple[str, str, Value]]
) -> Iterator[str]:
    wanted, got = _counted(expected, recording.HOST), _counted(actual, "")
    wanted = Counter({_WITH_ETAG if key == _WITHOUT_ETAG else key: count for key, count in wanted.items()})
    for key in wanted.keys() | got.keys():
        polled = key.startswith(_POLLED) or ("GET" in key and "/instanceGroupManagers/" in key)
        if (
            (wanted[key] and not got[key])
            or (got[key] and not wanted[key])
            or (wanted[key] != got[key] and not polled)
        ):
            yield f"{got[key]} requests instead of {wanted[key]}: {key}"


def _counted(requests: list[tuple[str, str, Value]], host: str) -> Counter[str]:
    def strip(value: Value) -> Value:
        text = json.dumps(value)
        start = text.find("http://127.0.0.1:")
        while not host and start >= 0:
            end = text.index("/", start + len("http://"))
            text = text[:start] + recording.HOST + text[end:]
            start = text.find("http://127.0.0.1:", start + len(recording.HOST) + 1)
        return json.loads(text)

    return Counter(recording.request_key(method, path, strip(body)) for method, path, body in requests)
