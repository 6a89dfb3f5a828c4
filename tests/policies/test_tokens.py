"""The type tokens that rules go by are the provider's: a misspelt one would match nothing, and its rules never say a word."""

from __future__ import annotations

import re

import pytest
from mig_policies import tokens

from tests.policies.real_engine import PROGRAM_VIRTUALENV

TOKENS = {
    name: value
    for name, value in vars(tokens).items()
    if name.isupper() and isinstance(value, str) and value.startswith("gcp:")
}
(SDK,) = PROGRAM_VIRTUALENV.glob("lib/python3*/site-packages/pulumi_gcp")


def test_there_are_tokens_to_be_looked_at() -> None:
    assert len(TOKENS) >= 24
    assert len(set(TOKENS.values())) == len(TOKENS)


@pytest.mark.parametrize("name", TOKENS)
def test_the_providers_sdk_has_a_resource_of_this_type(name: str) -> None:
    module, _, resource = re.fullmatch(r"gcp:(\w+)/(\w+):(\w+)", TOKENS[name]).groups()  # type: ignore[union-attr]
    file = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", resource).lower() + ".py"
    text = (SDK / module / file).read_text("utf-8")
    assert f"'{TOKENS[name]}'" in text
    assert f"class {resource}(" in text


@pytest.mark.parametrize("name", [name for name in TOKENS if name.startswith("REGION_")])
def test_regional_twins_are_where_their_global_ones_are_and_live_elsewhere(name: str) -> None:
    twin, regional = TOKENS[name.removeprefix("REGION_")], TOKENS[name]
    assert tokens.KINDS[regional] == tokens.KINDS[twin]
    assert tokens.COLLECTIONS.get(regional) == tokens.COLLECTIONS.get(twin)
    assert regional not in tokens.GLOBAL_TYPES
    for kind in (tokens.HEALTH_CHECKS, tokens.GROUP_MANAGERS, tokens.BACKEND_SERVICES, tokens.AUTOSCALERS):
        assert (regional in kind) == (twin in kind)


def test_every_type_has_a_name_for_people_and_every_linked_one_a_place() -> None:
    assert set(tokens.KINDS) == set(TOKENS.values())
    assert set(tokens.COLLECTIONS) <= set(TOKENS.values())
    assert set(tokens.COLLECTIONS) >= tokens.GLOBAL_TYPES
    for type_, collection in tokens.COLLECTIONS.items():
        resource = type_.rpartition(":")[2].removeprefix("Region")
        assert collection == resource[0].lower() + resource[1:] + "s"
