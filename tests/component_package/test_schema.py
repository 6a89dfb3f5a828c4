"""What the package says of itself: every input and output has a type and a description, and nothing changes unnoticed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from component_package import generate
from component_package.provider import COMPONENTS, PackageProvider
from components import __path__ as components_path
from tests.component_package.package_schema import GOLDEN, REGENERATE, normal, text

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return normal(PackageProvider().schema or "")


def described(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every input, output and field with where it stands."""
    for token, resource in schema["resources"].items():
        for kind in ("inputProperties", "properties"):
            for name, item in resource[kind].items():
                yield f"{token}.{kind}.{name}", item
    for token, kind_of in schema["types"].items():
        for name, item in kind_of.get("properties", {}).items():
            yield f"{token}.{name}", item


def leaf(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a list or a map is of."""
    inner: dict[str, Any] | None = item.get("items") or item.get("additionalProperties")
    return leaf(inner) if inner else item


def test_the_schema_is_the_one_committed(schema: dict[str, Any]) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text(schema), "utf-8")
    assert text(schema) == GOLDEN.read_text("utf-8"), f"if that is meant: {REGENERATE}"


@pytest.mark.parametrize("path", generate.texts(), ids=lambda path: str(path.name))
def test_what_is_made_from_the_components_is_current(path: Path) -> None:
    assert path.read_text("utf-8") == generate.texts()[path], "run python -m component_package.generate"


def test_every_input_and_output_is_typed_and_described(schema: dict[str, Any]) -> None:
    found = dict(described(schema))
    assert len(found) > 250
    for place, item in found.items():
        assert item.get("description"), place
        inner = leaf(item)
        assert "$ref" in inner or inner.get("type") in {"string", "integer", "number", "boolean"}, place
        assert inner.get("$ref", "").removeprefix("#/types/") in {"", *schema["types"]}, place
    for token, kind in {**schema["types"], **schema["resources"]}.items():
        assert kind.get("description"), token


def test_every_component_has_a_resource(schema: dict[str, Any]) -> None:
    components = set()
    for path in components_path:
        for file in Path(path).glob("*.py"):
            for line in file.read_text("utf-8").splitlines():
                if line.startswith("class ") and "pulumi.ComponentResource" in line:
                    components.add(line.removeprefix("class ").partition("(")[0])
    assert len(components) >= 8
    assert {token.rpartition(":")[2] for token in schema["resources"]} == components | {"Service"}
    assert {component.__name__ for component in COMPONENTS} == components | {"Service"}


def test_what_decides_is_plain_and_what_others_make_may_be_an_output(schema: dict[str, Any]) -> None:
    balancer = schema["resources"]["mig-nlb:index:NetworkLoadBalancer"]["inputProperties"]
    assert balancer["balancing"]["plain"]
    assert "plain" not in balancer["instanceGroup"]
    service = schema["resources"]["mig-nlb:index:Service"]["inputProperties"]
    assert service["group"]["plain"]
    assert not {
        name for name in ("address", "autohealingCheckId", "balancerCheckId") if "plain" in service[name]
    }


def test_a_service_has_to_be_told_its_script_and_its_zones_only(schema: dict[str, Any]) -> None:
    service = schema["resources"]["mig-nlb:index:Service"]
    assert service["requiredInputs"] == ["group", "startup"]
    assert schema["types"]["mig-nlb:index:GroupShape"]["required"] == ["zones"]
    assert "gcp:project" in service["inputProperties"]["project"]["description"]


def test_words_to_choose_from_are_enumerations(schema: dict[str, Any]) -> None:
    protocols = schema["types"]["mig-nlb:index:HealthProbeProtocol"]
    assert [item["value"] for item in protocols["enum"]] == [
        "TCP", "SSL", "HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC_WITH_TLS",
    ]  # fmt: skip
    disks = schema["types"]["mig-nlb:index:StatefulPolicy"]["properties"]["disks"]
    assert disks["additionalProperties"]["$ref"] == "#/types/mig-nlb:index:DeleteRule"
