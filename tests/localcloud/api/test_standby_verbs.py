"""Members are put to rest and woken by requests: each verb is for those in one state, and is handed to the controllers as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.localcloud.api.client import PROJECT, REGION, Api
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_every_method import ZONAL, build_all, zonal_member
from tests.localcloud.api.test_groups import INSTANCE, PATH, ZONE, add_instance, put

if TYPE_CHECKING:
    from localcloud.store import Document

MEMBER = f"control/managed/projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web/web-aaaa"
NAMED = {"instances": [f"zones/{REGION}-b/instances/web-aaaa"]}
INSTANCE_PATH = f"/compute/v1/{ZONE}/instances/web-aaaa"


def asked(api: Api) -> list[Document]:
    return [document for _, document in api.store.scan("control/requests/")]


@pytest.mark.parametrize(
    ("verb", "state", "more"),
    [
        ("stopInstances", "RUNNING", {}),
        ("stopInstances", "RUNNING", {"forceStop": True}),
        ("suspendInstances", "RUNNING", {"forceSuspend": True}),
        ("startInstances", "STOPPED", {}),
        ("resumeInstances", "SUSPENDED", {}),
    ],
)
@pytest.mark.parametrize("zonal", [False, True])
def test_a_verb_is_for_members_in_its_state(
    api: Api, verb: str, state: str, more: dict[str, Any], zonal: bool
) -> None:
    build_all(api)
    zonal_member(api)
    path = f"{ZONAL}/zonal" if zonal else PATH
    key = (
        MEMBER.replace(f"regions/{REGION}", f"zones/{REGION}-b").replace("/web/", "/zonal/")
        if zonal
        else MEMBER
    )
    record = api.store.get(key) or {}
    for status in ("RUNNING", "STOPPED", "SUSPENDED", "DELETED"):
        put(api, key, {**record, "targetStatus": status})
        if status != state:
            code, reason, message = api.refused("POST", f"{path}/{verb}", {**NAMED, **more})
            assert (code, reason) == (400, "invalid")
            assert message.endswith(
                f"{verb} is for instances whose target status is {state}; it is {status}."
            )
    put(api, key, {**record, "targetStatus": state})
    operation = api.post(f"{path}/{verb}", {**NAMED, **more})
    assert (operation["operationType"], operation["status"]) == (verb, "DONE")
    (request,) = asked(api)
    assert (request["verb"], request["args"]) == (verb, {"instances": ["web-aaaa"], "force": bool(more)})


def test_who_is_no_member_cannot_be_put_to_rest(api: Api) -> None:
    build(api)
    for verb in ("stopInstances", "startInstances", "suspendInstances", "resumeInstances"):
        assert api.refused("POST", f"{PATH}/{verb}", {})[1] == "required"
        assert "not a member" in api.refused("POST", f"{PATH}/{verb}", {"instances": ["nobody"]})[2]


def test_an_instance_that_does_not_run_is_not_reset(api: Api) -> None:
    build(api)
    add_instance(api)
    instance = api.store.get(INSTANCE) or {}
    for status in ("STOPPING", "SUSPENDING", "TERMINATED", "SUSPENDED"):
        put(api, INSTANCE, {**instance, "status": status})
        code, reason, message = api.refused("POST", f"{INSTANCE_PATH}/reset")
        assert (code, reason, status in message) == (400, "resourceNotReady", True)
    put(api, INSTANCE, {**instance, "status": "RUNNING"})
    assert api.post(f"{INSTANCE_PATH}/reset")["operationType"] == "reset"


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [("suspend", "RUNNING", "SUSPENDED"), ("resume", "SUSPENDED", "RUNNING")],
)
def test_an_instance_is_suspended_and_resumed(api: Api, verb: str, before: str, after: str) -> None:
    build(api)
    add_instance(api)
    instance = api.store.get(INSTANCE) or {}
    for status in ("TERMINATED", "STOPPING", after):
        put(api, INSTANCE, {**instance, "status": status})
        code, reason, message = api.refused("POST", f"{INSTANCE_PATH}/{verb}")
        assert (code, reason, status in message) == (400, "resourceNotReady", True)
    put(api, INSTANCE, {**instance, "status": before})
    operation = api.post(f"{INSTANCE_PATH}/{verb}")
    for key, _ in api.store.scan("control/requests/"):
        put(api, key, None)
    poll = f"/compute/v1/{ZONE}/operations/{operation['name']}"
    assert api.get(poll)["status"] == "RUNNING"  # taken up is not done
    put(api, INSTANCE, {**instance, "status": after})
    assert api.get(poll)["status"] == "DONE"


def test_a_suspended_instance_is_resumed_not_started(api: Api) -> None:
    build(api)
    add_instance(api)
    put(api, INSTANCE, {**(api.store.get(INSTANCE) or {}), "status": "SUSPENDED"})
    assert "resume it" in api.refused("POST", f"{INSTANCE_PATH}/start")[2]
