"""What Google cannot suspend is refused, and local SSDs are not stopped without a word about what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import PROJECT, REGION, Api, global_path
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_coverage import told
from tests.localcloud.api.test_groups import INSTANCE, PATH, ZONE, add_instance, put

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE_PATH = f"/compute/v1/{ZONE}/instances/web-aaaa"
CANNOT: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"machineType": "n2-highmem-32"}, "256 GB of memory"),
    ({"guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 1}]}, "GPUs"),
    ({"confidentialInstanceConfig": {"enableConfidentialCompute": True}}, "Confidential VM"),
)


def made_from(api: Api, properties: Mapping[str, Any]) -> None:
    """Have an instance of a template with these properties."""
    template = resources.template("odd")
    template["properties"].update(properties)
    api.post(global_path("instanceTemplates"), template)
    add_instance(api)
    kind = template["properties"]["machineType"]
    item = {"key": "instance-template", "value": f"projects/{PROJECT}/global/instanceTemplates/odd"}
    change = {"machineType": f"zones/{REGION}-b/machineTypes/{kind}", "metadata": {"items": [item]}}
    put(api, INSTANCE, {**(api.store.get(INSTANCE) or {}), **change})


@pytest.mark.parametrize(("properties", "words"), CANNOT)
def test_an_instance_that_cannot_be_suspended(api: Api, properties: Mapping[str, Any], words: str) -> None:
    build(api)
    made_from(api, properties)
    for path, body in (
        (f"{INSTANCE_PATH}/suspend", None),
        (f"{PATH}/suspendInstances", {"instances": [INSTANCE_PATH.removeprefix("/compute/v1/")]}),
    ):
        code, reason, message = api.refused("POST", path, body)
        assert (code, reason, words in message) == (400, "unsupportedOperation", True)
    assert list(api.store.scan("control/requests/")) == []
    change = {"instanceTemplate": "global/instanceTemplates/odd", "targetSuspendedSize": 1}
    assert words in api.refused("PATCH", PATH, change)[2]
    api.call("PATCH", PATH, {"instanceTemplate": "global/instanceTemplates/odd", "targetStoppedSize": 1})


@pytest.mark.parametrize("kind", ["e2-small", "n1-highmem-32"])
def test_most_instances_can_be_suspended(api: Api, kind: str) -> None:
    build(api)
    made_from(api, {"machineType": kind})
    assert api.post(f"{INSTANCE_PATH}/suspend")["operationType"] == "suspend"


@pytest.mark.parametrize("verb", ["stop", "suspend"])
def test_local_ssds_need_a_word(api: Api, verb: str) -> None:
    build(api)
    add_instance(api)
    disks = [{"type": "PERSISTENT"}, {"type": "SCRATCH"}]
    put(api, INSTANCE, {**(api.store.get(INSTANCE) or {}), "disks": disks})
    code, reason, message = api.refused("POST", f"{INSTANCE_PATH}/{verb}")
    assert (code, reason, "discardLocalSsd" in message) == (400, "required", True)
    api.post(f"{INSTANCE_PATH}/{verb}?discardLocalSsd=false")
    assert told(api) == []
    api.post(f"{INSTANCE_PATH}/{verb}?discardLocalSsd=true")
    assert told(api) == [(INSTANCE.removeprefix("compute/"), "discardLocalSsd")]
