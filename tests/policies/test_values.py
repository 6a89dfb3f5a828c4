"""What rules read: properties as the SDK hands them out, predictions and declarations combined, and reading that tells what is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from mig_policies.values import (
    UNKNOWN,
    Plain,
    Properties,
    Tree,
    Undetermined,
    contains_unknown,
    goal,
    plain,
    plain_tree,
)
from pulumi_policy.proxy import UnknownValueError


class Hiding(Mapping[str, object]):
    """A mapping as the SDK hands it out: reading some of its keys raises."""

    def __init__(self, known: Mapping[str, object], *unknown: str) -> None:
        self._known, self._unknown = known, unknown

    def __getitem__(self, key: str) -> object:
        if key in self._unknown:
            raise UnknownValueError("04da6b54-80e4-46f7-96ec-b56ff0331ba9", [key])
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._known, *self._unknown])

    def __len__(self) -> int:
        return len(self._known) + len(self._unknown)


class HidingList(Sequence[Any]):
    """A list as the SDK hands it out: reading its last element raises."""

    def __init__(self, *known: object) -> None:
        self._known = known

    def __getitem__(self, position: Any) -> Any:  # noqa: ANN401 - as Sequence has it
        if position == len(self._known):
            raise UnknownValueError("04da6b54-80e4-46f7-96ec-b56ff0331ba9", ["last"])
        return self._known[position]

    def __len__(self) -> int:
        return len(self._known) + 1


def test_what_the_sdk_hands_out_is_copied_with_unknowns_marked() -> None:
    found = plain_tree(
        Hiding(
            {"__defaults": [], "on": True, "count": 3, "deep": Hiding({"a": "b"}, "c"), "none": None}, "id"
        )
    )
    assert found == {
        "on": True,
        "count": 3.0,
        "deep": {"a": "b", "c": UNKNOWN},
        "none": None,
        "id": UNKNOWN,
    }
    assert found["on"] is True
    assert isinstance(found["count"], float)
    assert plain(HidingList("a", 1)) == ["a", 1.0, UNKNOWN]
    assert plain(b"bytes") == "<bytes>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (UNKNOWN, True),
        ("known", False),
        ([1.0, [UNKNOWN]], True),
        ([1.0, [2.0]], False),
        ({"a": {"b": UNKNOWN}}, True),
        ({"a": {"b": None}}, False),
    ],
)
def test_a_part_that_is_unknown_is_found_at_any_depth(value: Plain, expected: bool) -> None:
    assert contains_unknown(value) is expected


@pytest.mark.parametrize(
    ("declared", "predicted", "expected"),
    [
        ("mine", "theirs", "theirs"),
        ("mine", UNKNOWN, "mine"),
        ("mine", None, "mine"),
        (None, UNKNOWN, None),
        (UNKNOWN, UNKNOWN, UNKNOWN),
        ({"a": 1.0}, {"a": UNKNOWN, "b": 2.0}, {"a": 1.0, "b": 2.0}),
        ({"a": 1.0, "c": 3.0}, {"a": 4.0}, {"a": 4.0}),  # all of it is known: the state after the deployment
        (None, {"a": UNKNOWN, "b": 2.0}, {"a": None, "b": 2.0}),
        (UNKNOWN, {"a": UNKNOWN}, {"a": UNKNOWN}),
        ([1.0], [UNKNOWN, 2.0], [1.0]),
        ([UNKNOWN], [1.0], [1.0]),
        (None, [UNKNOWN], [UNKNOWN]),
        ({"a": 1.0}, [UNKNOWN], [UNKNOWN]),
        ([1.0], "theirs", "theirs"),
    ],
)
def test_what_will_be_is_predicted_where_that_is_known_and_declared_elsewhere(
    declared: Plain, predicted: Plain, expected: Plain
) -> None:
    assert goal({"key": declared}, {"key": predicted}) == {"key": expected}


def test_keys_of_either_side_count_and_what_nobody_declared_is_as_predicted() -> None:
    predicted: Tree = {"both": "theirs", "computed": UNKNOWN, "theirs": 1.0}
    assert goal({"both": "mine", "mine": 2.0}, predicted) == {
        "both": "theirs",
        "computed": None,
        "theirs": 1.0,
        "mine": 2.0,
    }
    assert goal(None, predicted) == predicted


def _inner() -> Properties:
    block = PROPERTIES.block("block")
    assert block is not None
    inner = block.block("inner")
    assert inner is not None
    return inner


PROPERTIES = Properties(
    {
        "text": "word",
        "empty": "",
        "digits": "12",
        "whole": 3.0,
        "half": 3.5,
        "yes": True,
        "no": False,
        "TRUE": "TRUE",
        "false": "false",
        "unknown": UNKNOWN,
        "list": [{"a": 1.0}, {"a": 2.0}],
        "partly": [{"a": 1.0}, UNKNOWN],
        "words": ["a", "b"],
        "some": ["a", UNKNOWN],
        "block": {"inner": {"deep": "down", "unknown": UNKNOWN}},
    },
)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda: PROPERTIES.get("block.inner.deep"), "down"),
        (lambda: PROPERTIES.get("block.none.deep"), None),
        (lambda: PROPERTIES.get("text.deep"), None),
        (lambda: PROPERTIES.raw("unknown.deep"), UNKNOWN),
        (lambda: PROPERTIES.integer("whole", 7), 3),
        (lambda: PROPERTIES.integer("digits", 7), 12),
        (lambda: PROPERTIES.integer("none", 7), 7),
        (lambda: PROPERTIES.text("text", None), "word"),
        (lambda: PROPERTIES.text("empty", "default"), "default"),
        (lambda: PROPERTIES.text("none", "default"), "default"),
        (lambda: PROPERTIES.flag("yes", default=False), True),
        (lambda: PROPERTIES.flag("no", default=True), False),
        (lambda: PROPERTIES.flag("TRUE", default=False), True),
        (lambda: PROPERTIES.flag("false", default=True), False),
        (lambda: PROPERTIES.flag("none", default=True), True),
        (lambda: PROPERTIES.block("none"), None),
        (lambda: PROPERTIES.blocks("none"), []),
        (lambda: PROPERTIES.texts("none"), []),
        (lambda: PROPERTIES.texts("words"), ["a", "b"]),
        (lambda: [each.integer("a", 0) for each in PROPERTIES.blocks("list")], [1, 2]),
    ],
)
def test_values_are_read_by_name_as_what_they_are_meant_to_be(
    read: Callable[[], object], expected: object
) -> None:
    found = read()
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: PROPERTIES.get("unknown"), "unknown is not known before the deployment"),
        (lambda: PROPERTIES.get("unknown.deep"), "unknown.deep is not known before the deployment"),
        (lambda: PROPERTIES.integer("half", 0), "half is 3.5, where a whole number belongs"),
        (lambda: PROPERTIES.integer("text", 0), "text is 'word', where a whole number belongs"),
        (lambda: PROPERTIES.text("whole", ""), "whole is 3.0, where a string belongs"),
        (lambda: PROPERTIES.flag("text", default=True), "text is 'word', where true or false belongs"),
        (lambda: PROPERTIES.block("text"), "text is 'word', where an object belongs"),
        (lambda: PROPERTIES.blocks("text"), "text is 'word', where a list belongs"),
        (lambda: PROPERTIES.blocks("partly"), "partly[1] is not known before the deployment"),
        (lambda: PROPERTIES.texts("some"), "some[1] is not known before the deployment"),
        (
            lambda: _inner().get("unknown"),
            "block.inner.unknown is not known before the deployment",
        ),
        (
            lambda: PROPERTIES.blocks("list")[1].text("a", ""),
            "list[1].a is 2.0, where a string belongs",
        ),
    ],
)
def test_what_cannot_be_told_says_where_and_why(read: Callable[[], object], words: str) -> None:
    with pytest.raises(Undetermined) as told:
        read()
    assert str(told.value) == words
