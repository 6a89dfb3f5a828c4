"""The group: its size, its versions, and what it refuses before anything is made."""

from __future__ import annotations

import pytest

from components.balancing import Balancing
from components.group_shape import GroupShape
from components.health_check_pair import HealthCheckPair
from components.health_probe import BALANCER_DEFAULT, HealthProbe
from components.instance_flexibility import InstanceSelection
from components.invalid_argument import InvalidArgumentError
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy
from tests.components.parts import (
    ZONES,
    make_balancer,
    make_group,
)


def test_a_group_that_an_autoscaler_sizes_begins_with_the_fewest_and_is_left_alone_from_then_on() -> None:
    group = make_group(smallest_size=4).one("RegionInstanceGroupManager")
    assert (group.inputs["targetSize"], group.ignore_changes) == (4, ("targetSize",))
    fixed = make_group(shape=GroupShape(zones=ZONES, target_size=5)).one("RegionInstanceGroupManager")
    assert (fixed.inputs["targetSize"], fixed.ignore_changes) == (5, ())


def test_a_canary_leaves_the_version_of_all_the_others_as_it_is() -> None:
    usual = make_group().one("RegionInstanceGroupManager").inputs["versions"]
    tried = make_group(canary_template="template-2", canary_size={"fixed": 1})
    stable, canary = tried.one("RegionInstanceGroupManager").inputs["versions"]
    assert [stable] == usual, "another name alone would replace every instance"
    assert canary == {"name": "canary", "instanceTemplate": "template-2", "targetSize": {"fixed": 1}}


def test_a_weak_pair_with_the_guard_off_is_made_with_a_warning() -> None:
    weak = HealthCheckPair(autohealing=BALANCER_DEFAULT, guard="off")
    (warning,) = make_group(health_checks=weak).warnings
    assert "health_check_guard is off" in warning
    assert "ratio 10 s / 10 s = 1, required 3 or more" in warning
    assert make_group().warnings == []


def test_combinations_of_arguments_that_the_api_refuses_are_refused_before_anything_is_made() -> None:
    with pytest.raises(InvalidArgumentError, match="max_surge = 2"):
        make_group(update=UpdatePolicy(max_surge=2))
    with pytest.raises(InvalidArgumentError, match="redistribution off"):
        make_group(shape=GroupShape(zones=ZONES, target_shape="BALANCED"))
    with pytest.raises(InvalidArgumentError, match="not a zone of the region europe-west1"):
        make_group(shape=GroupShape(zones=("us-east1-b",)))
    some = {"x": InstanceSelection(machine_types=("e2-small",))}
    with pytest.raises(
        InvalidArgumentError, match="flexibility = 'x': only a regional group that need not be even"
    ):
        make_group(flexibility=some)
    with pytest.raises(
        InvalidArgumentError, match=r"no autoscaler may choose whose state goes. Fix: set group.target_size"
    ):
        make_group(stateful=StatefulPolicy(disks={"persistent-disk-0": "NEVER"}))
    with pytest.raises(
        InvalidArgumentError, match=r"deleted to even out zones.* Fix: set update instance_redist"
    ):
        make_group(
            shape=GroupShape(zones=ZONES, target_size=3),
            update=UpdatePolicy(replacement_method="RECREATE", max_surge=0, max_unavailable=3),
            stateful=StatefulPolicy(disks={"persistent-disk-0": "NEVER"}),
        )
    with pytest.raises(InvalidArgumentError, match="one version without a size only"):
        make_group(canary_template="template-2")
    with pytest.raises(InvalidArgumentError, match="weights come in the answers of an HTTP check"):
        make_balancer(
            Balancing(weighted=True),
            health_checks=HealthCheckPair(balancer=HealthProbe(protocol="TCP")),
        )
