"""The tables that are made from the code are what the code makes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from components.update_policy import UpdatePolicy
from tests.docs import (
    closed_loop_results,
    commands_reference,
    component_tables,
    crash_results,
    health_check_defaults,
    make_targets,
    package_resources,
)
from tests.docs.written_part import WrittenPart

if TYPE_CHECKING:
    from pathlib import Path


PARTS = [
    module.PART
    for module in (
        closed_loop_results,
        commands_reference,
        component_tables,
        crash_results,
        health_check_defaults,
        make_targets,
        package_resources,
    )
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.page.name)
def test_the_page_has_what_the_code_makes(part: WrittenPart) -> None:
    assert part.there() == part.made(), "write it anew: .venv/bin/python -m tests.docs"


def test_every_command_and_option_is_listed_and_says_what_it_does() -> None:
    listed = commands_reference.rows()
    assert [typed for typed, text in listed if not text] == []
    assert ("hang --seconds N", "for how long, in cloud seconds") in listed
    assert {"localcloud ssh INSTANCE [-- COMMAND]", "localcloud hang INSTANCE --seconds N"} <= dict(
        listed
    ).keys()


def test_every_field_and_output_of_a_component_says_what_it_means() -> None:
    silent = [
        f"{one.__name__}: {row[0]}"
        for one in component_tables.public_classes()
        for row in (
            *(component_tables.fields(one) if dataclasses.is_dataclass(one) else ()),
            *(component_tables.outputs(one) if component_tables.is_component(one) else ()),
        )
        if not row[-1]
    ]
    assert silent == [], "say it under Attributes: in the class's docstring"


def test_environments_are_shown_where_they_differ() -> None:
    assert component_tables.by_environment(UpdatePolicy, "min_ready_sec") == "local: `1`; staging, prod: `60`"
    assert component_tables.by_environment(UpdatePolicy, "type") == ""


def test_every_target_is_listed() -> None:
    listed = dict(make_targets.rows())
    assert {"make up", "make down", "make test", "make preview", "make check"} <= listed.keys()
    assert all(listed.values())


def test_a_page_without_the_part_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no part between"):
        WrittenPart(page, lambda: "").there()
