"""The schema of the stacks' files: it is as committed, accepts what the program accepts, and refuses what it refuses."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from stack_file import committed_stacks, read_document
from stack_schema import PATH, schema, text
from tests.test_settings import LEAST

VALIDATOR = jsonschema.Draft7Validator(schema())


def errors(**changes: object) -> list[str]:
    config = LEAST | {f"mig-nlb:{key}": value for key, value in changes.items()}
    return [error.message for error in VALIDATOR.iter_errors({"config": config})]


def test_the_committed_schema_is_what_the_settings_make() -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    assert PATH.read_text("utf-8") == text(), "write it anew: python -m stack_schema"


@pytest.mark.parametrize("stack", committed_stacks())
def test_every_committed_stack_is_valid_and_says_where_its_schema_is(stack: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read_document(stack))] == []
    first = (PATH.parents[1] / f"Pulumi.{stack}.yaml").read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={PATH.relative_to(PATH.parents[1])}"


@pytest.mark.parametrize(
    "changes",
    [
        {"autoscaler": {"min_replicas": 4, "cpu_target": 1}},
        {"balancer_check": {"check_interval_sec": 4}},
        {"autoscaler": {"cpu_target": "0.4", "max_replicas": "12"}, "machine": {"spot": "true"}},
        {"update": {"max_surge": "20%"}},
        {"machine": {"image": "projects/p/global/images/i"}},
        {"machine": {"image": {"family": "f", "project": "p"}}},
        {"network": {"network": "n", "subnetwork": "s"}},
        {"identity": {"email": "a@p.iam.gserviceaccount.com"}},
        {"startup": {"url": "gs://bucket/o"}},
        {"iam": {"service_account": {"roles/iam.serviceAccountUser": {"members": ["group:a@x.org"]}}}},
        {"address": "203.0.113.9"},
    ],
)
def test_what_the_program_takes_is_valid(changes: dict[str, Any]) -> None:
    assert errors(**changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"servise": "web"},
        {"group": {"zones": ["b"], "zone": "b"}},
        {"group": {}},
        {"group": {"zones": ["b"], "targetSize": 3}},
        {"environment": "production"},
        {"machine": {"disk_size_gb": "020"}},
        {"machine": {"spot": "yes"}},
        {"startup": {"script": "x", "url": "y"}},
        {"load_balancer": {"frontends": {"main": {"port": 8080}}}},
        {"iam": {"bucket": {"roles/a.b": {"members": []}}}},
        {"autoscaler": {"load_balancing_utilization": 0.8}},
        {"update": {"type": "FAST"}},
    ],
)
def test_what_the_program_refuses_by_key_or_type_is_invalid(changes: dict[str, Any]) -> None:
    assert errors(**changes) != []


def test_the_settings_without_a_default_are_required_and_every_key_is_explained() -> None:
    config = schema()["properties"]["config"]
    assert set(config["required"]) == set(LEAST)
    assert [key for key, item in config["properties"].items() if "description" not in item] == []


def test_other_namespaces_are_the_providers_business() -> None:
    document = {"config": LEAST | {"gcp:skipRegionValidation": "true"}, "encryptionsalt": "v1:x"}
    assert list(VALIDATOR.iter_errors(document)) == []


def test_the_schema_is_json_that_editors_read() -> None:
    assert json.loads(text())["$schema"].startswith("http://json-schema.org/draft-07/")
