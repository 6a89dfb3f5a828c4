"""How the pack's work grows with the stack, in calls of its own functions: what no clock can blur."""

from __future__ import annotations

import sys
import threading
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.policies.engine import analyze
from tests.policies.stacks import sound

if TYPE_CHECKING:
    from types import FrameType

    from tests.policies.engine import Declared


def _stacks(count: int) -> list[Declared]:
    """Return the resources of `count` sound stacks as one."""
    made: list[Declared] = []
    for number in range(count):
        for resource in sound().resources:
            inputs = deepcopy(resource.inputs)
            if "name" in inputs:
                inputs["name"] += str(number)
            sources = {key: [f"{name}{number}" for name in names] for key, names in resource.sources.items()}
            made.append(replace(resource, name=f"{resource.name}{number}", inputs=inputs, sources=sources))
    return made


def _calls(count: int) -> int:
    """Return how often functions of the pack are called to judge `count` stacks."""
    lock, calls = threading.Lock(), 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        if event == "call" and "/mig_policies/" in frame.f_code.co_filename:
            with lock:
                calls += 1

    previous = sys.getprofile()
    # The service judges in threads of its own.
    threading.setprofile(note)
    try:
        report = analyze(_stacks(count))
    finally:
        threading.setprofile(previous)
    assert report.violated == set()
    assert len(report.account) == 45 * count, "every stack was judged"
    return calls


def test_the_work_is_linear_in_the_resources() -> None:
    few, more, many = _calls(2), _calls(8), _calls(32)
    each, later = (more - few) / 6, (many - more) / 24
    assert each > 1000, "the calls were seen"
    assert later < 1.05 * each
