"""What repairs are decided on, where stories would take long to lead there."""

from __future__ import annotations

import pytest

from localcloud.control.group import Group, WantedVersion
from localcloud.control.member import Member, Version
from localcloud.control.mig import Seen
from localcloud.control.repair import decide

STABLE = Version(name="stable", template="projects/p/global/instanceTemplates/t0")
GROUP = Group(
    key="compute/projects/p/zones/europe-west1-b/instanceGroupManagers/web",
    name="web",
    base_name="web",
    zones=("europe-west1-b",),
    regional=False,
    size=3,
    versions=(WantedVersion(version=STABLE),),
    check="projects/p/global/healthChecks/heal",
)


def _seen(name: str, action: str, health: str, *, repairs: int = 0) -> Seen:
    member = Member(
        name=name,
        zone="europe-west1-b",
        instance=f"compute/projects/p/zones/europe-west1-b/instances/{name}",
        instance_id=name,
        action=action,
        version=STABLE,
        created_at=0.0,
        instance_status="RUNNING",
        running_at=1.0,
        health=health,
        repairs=repairs,
    )
    return Seen(member=member, status="RUNNING", id=name)


@pytest.mark.parametrize("action", ["RECREATING", "VERIFYING", "REFRESHING", "RESTARTING"])
def test_the_last_one_is_not_healed_before_it_is_known_what_became_of_the_others(action: str) -> None:
    others = [_seen(name, action, "UNKNOWN", repairs=1) for name in ("a", "b")]
    sick = _seen("c", "NONE", "TIMEOUT")
    assert decide(GROUP, [*others, sick], now=1000.0).actions == ()


@pytest.mark.parametrize("action", ["NONE", "VERIFYING"])
def test_those_that_were_healed_in_vain_hold_nobody_up(action: str) -> None:
    others = [_seen(name, action, "TIMEOUT", repairs=9) for name in ("a", "b")]
    found = decide(GROUP, [*others, _seen("c", "NONE", "TIMEOUT")], now=1000.0).actions
    assert "c" in [each.name for each in found]
