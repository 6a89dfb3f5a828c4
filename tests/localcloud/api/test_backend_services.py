"""Backend services: which ways of tracking connections go together, as Google's table has it."""

from __future__ import annotations

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import Api, region_path
from tests.localcloud.api.resources import build_until
from tests.persistence import CELLS

SERVICES = region_path("backendServices")


def test_every_cell_of_the_table_is_taken_or_refused(api: Api) -> None:
    build_until(api, "backendServices")
    for number, (persistence, tracking, affinity, stays) in enumerate(CELLS):
        policy = {"connectionPersistenceOnUnhealthyBackends": persistence, "trackingMode": tracking}
        body = resources.backend_service(
            name=f"web-{number}", connectionTrackingPolicy=policy, sessionAffinity=affinity
        )
        if stays is None:
            status, reason, message = api.refused("POST", SERVICES, body)
            assert (status, reason) == (400, "invalid")
            assert "use PER_CONNECTION" in message
        else:
            api.post(SERVICES, body)
            assert api.get(f"{SERVICES}/web-{number}")["connectionTrackingPolicy"] == policy


def test_a_change_may_not_lead_to_what_cannot_be_made(api: Api) -> None:
    build_until(api, "forwardingRules")
    path = f"{SERVICES}/web"
    fingerprint = api.get(path)["fingerprint"]
    sessions = {"connectionTrackingPolicy": {"trackingMode": "PER_SESSION"}, "fingerprint": fingerprint}
    api.call("PATCH", path, sessions)
    before = api.get(path)
    always = {"connectionPersistenceOnUnhealthyBackends": "ALWAYS_PERSIST"}
    change = {"connectionTrackingPolicy": always, "fingerprint": before["fingerprint"]}
    assert "Cannot be combined" in api.refused("PATCH", path, change)[2]
    assert api.get(path) == before


@pytest.mark.parametrize(
    ("field", "taken", "refused"), [("idleTimeoutSec", 60, 600), ("enableStrongAffinity", False, True)]
)
def test_what_is_not_available_publicly_is_refused(api: Api, field: str, taken: object, refused: int) -> None:
    build_until(api, "backendServices")
    wrong = resources.backend_service(connectionTrackingPolicy={field: refused})
    assert field in api.refused("POST", SERVICES, wrong)[2]
    right = resources.backend_service(connectionTrackingPolicy={field: taken})
    api.post(SERVICES, right)
