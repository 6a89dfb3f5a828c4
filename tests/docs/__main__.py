"""`python -m tests.docs`: write the parts of the documentation that are made from the code."""

from __future__ import annotations

from tests.docs import (
    closed_loop_results,
    commands_reference,
    component_tables,
    crash_results,
    health_check_defaults,
    make_targets,
    package_resources,
)

for module in (
    closed_loop_results,
    commands_reference,
    component_tables,
    crash_results,
    health_check_defaults,
    make_targets,
    package_resources,
):
    module.PART.write()
