"""The committed discovery data: made by the generator from the pinned package, and complete enough to name every method."""

from __future__ import annotations

import pytest

from localcloud.api.app import handlers
from localcloud.discovery import generate
from localcloud.discovery.document import load


@pytest.mark.parametrize("name", sorted(generate.KEPT))
def test_the_data_is_what_the_generator_makes(name: str) -> None:
    committed = (generate.DATA / f"{name}.json").read_text()
    assert committed == generate.render(generate.strip(name, generate._bundled(name))), (
        "run: python -m localcloud.discovery.generate"
    )


def test_every_served_method_has_its_schemas() -> None:
    known = {method.id: method for name in generate.KEPT for method in load(name).methods.values()}
    served = [known[method_id] for method_id in handlers() if method_id in known]
    assert len(served) > 150
    assert [method.id for method in served if not method.kept] == []


def test_methods_that_are_not_served_are_known_by_name() -> None:
    names = set(load("compute.v1").methods)
    assert {"compute.disks.insert", "compute.urlMaps.list", "compute.targetPools.get"} <= names
    assert len(names) > 1000


def test_read_only_fields_are_those_google_fills() -> None:
    properties = load("compute.v1").schema("InstanceGroupManager")["properties"]
    read_only = {name for name, child in properties.items() if child.get("readOnly")}
    assert {"id", "status", "currentActions", "selfLink", "instanceGroup", "region"} <= read_only
    assert not read_only & {"name", "targetSize", "versions", "namedPorts", "fingerprint", "updatePolicy"}
