"""What is checked quickly is checked as well: the same comes of it as where every place has its name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.api.compute.draft import pruned, tidy
from localcloud.api.compute.table import COLLECTIONS
from localcloud.api.effective import EFFECTIVE, told, unheeded
from localcloud.api.effects import NO_EFFECT
from localcloud.discovery.document import load
from localcloud.discovery.invalid import InvalidRequestError
from localcloud.discovery.swift import DROPPED, SwiftChecks, Unsure
from localcloud.discovery.validator import Mode
from tests.localcloud.api.resources import STACK
from tests.localcloud.api.test_bad_requests import COUNT, plausible_bodies

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.discovery.swift import SwiftCheck

_API = load("compute.beta")
_OF_SEGMENT = {segment: collection.schema for (_, segment), collection in COLLECTIONS.items()}
_SCHEMAS = sorted(EFFECTIVE)
_ENTRIES = [
    (schema, entry.path.replace("[]", "")) for schema in _SCHEMAS for entry in NO_EFFECT.get(schema, ())
]


@cache
def checks(mode: Mode, schema: str) -> SwiftCheck:
    """Return a schema's quick check."""
    schemas = {name: _API.schema(name) for name in _API.schemas()}
    return SwiftChecks(schemas, dropping=mode is Mode.REQUEST, meant_empty=frozenset()).named(schema)


@pytest.mark.parametrize(("path", "body"), STACK)
def test_usual_requests_need_no_more_than_the_quick_check(path: str, body: dict[str, Any]) -> None:
    schema = _OF_SEGMENT[path.rpartition("/")[2]]
    assert checks(Mode.REQUEST, schema)(body, 0) == body


@settings(max_examples=COUNT // 10, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_the_quick_check_passes_is_what_the_validator_makes_of_it(data: st.DataObject) -> None:
    schema = data.draw(st.sampled_from(_SCHEMAS))
    mode = data.draw(st.sampled_from([Mode.REQUEST, Mode.PATCH, Mode.MESSAGE]))
    body = data.draw(plausible_bodies(_API, schema))
    validator = _API.validator(schema, mode)
    assert outcome(validator, body) == outcome(validator.checked, body)


def outcome(check: Callable[[Any], Any], body: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what a check makes of a body, or why it refuses it."""
    try:
        return check(body)
    except InvalidRequestError as refusal:
        return refusal.message, refusal.field, refusal.reason


@pytest.mark.parametrize(
    ("body", "is_it"),
    [
        ({"labels": {"a": "b"}}, {"labels": {"a": "b"}}),
        ({"labels": {}}, DROPPED),
        ({"name": "é"}, Unsure),
        ({"name": None}, Unsure),
        ({"id": "1"}, Unsure),  # filled by the server
        ({"nothing": 1}, Unsure),
        ({"labels": {"a.b": "c"}}, Unsure),
        ({"prefixLength": True}, Unsure),
        ({"prefixLength": 2**31}, Unsure),
        ({"prefixLength": 8.0}, Unsure),
        ({"addressType": "INSIDE"}, Unsure),
        ([], Unsure),
    ],
)
def test_whatever_is_unusual_is_left_to_the_validator(body: Any, is_it: Any) -> None:  # noqa: ANN401 - JSON
    check = checks(Mode.REQUEST, "Address")
    if is_it is Unsure:
        with pytest.raises(Unsure):
            check(body, 0)
    else:
        assert check(body, 0) == is_it


def test_what_is_nested_too_deep_is_left_to_the_validator() -> None:
    body: dict[str, Any] = {}
    for _ in range(20):
        body = {"mostDisruptiveAllowedAction": "NONE", "group": body}
    schemas = {
        "Nest": {"type": "object", "properties": {"group": {"$ref": "Nest"}}, "additionalProperties": {}}
    }
    with pytest.raises(Unsure):
        SwiftChecks(schemas, dropping=True, meant_empty=frozenset()).named("Nest")(body, 0)


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=2), below, max_size=3),
    max_leaves=12,
)


@settings(max_examples=COUNT // 10, deadline=None, derandomize=True)
@given(document=st.dictionaries(st.text(max_size=2), _JSON_VALUES, max_size=3))
def test_a_document_is_tidy_if_nothing_would_be_taken_out_of_it(document: dict[str, Any]) -> None:
    assert tidy(document) == (pruned(document) == document)


def _nested(path: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a body with one value, at a dotted path."""
    for name in reversed(path.split(".")):
        # instance selections are by name
        value = {"instanceSelections": {"mine": value}} if name == "instanceSelections" else {name: value}
    result: dict[str, Any] = value
    return result


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_every_field_that_nothing_acts_on_is_told_wherever_it_is(schema: str) -> None:
    for path in told(schema, _API):
        assert unheeded(schema, _nested(path, "x")) == [path]
        assert unheeded(schema, _nested(path, {"below": 1})) == [path]
        assert unheeded(schema, _nested(path, "")) == []


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_no_field_that_something_acts_on_is_told(schema: str) -> None:
    for path in EFFECTIVE[schema]:
        assert unheeded(schema, _nested(path, {"below": ["x"]})) == []


@pytest.mark.parametrize(("schema", "path"), _ENTRIES)
def test_no_field_without_effect_is_below_another(schema: str, path: str) -> None:
    others = [other for name, other in _ENTRIES if name == schema and other != path]
    assert not any(path.startswith(f"{other}.") for other in others)
