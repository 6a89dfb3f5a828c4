"""What a benchmark reports."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Row:
    """One measured thing.

    Args:
        name: what was measured.
        value: the figure, in `unit`; several measurements are summed up by `Row.median`.
        unit: "s", "ms", "Gbit/s", "" for a ratio, ...
        spread: lowest and highest of the measurements.
        target: what it should be, in words, or "".
        met: whether it is, or None without a target.
    """

    name: str
    value: float
    unit: str = ""
    spread: tuple[float, float] | None = None
    target: str = ""
    met: bool | None = None

    @classmethod
    def median(cls, name: str, values: Sequence[float], unit: str, *, at_most: float | None = None) -> Row:
        """Return the median of `values`, which should be `at_most` that, with their spread."""
        value = statistics.median(values)
        target = "" if at_most is None else f"at most {at_most:g} {unit}".rstrip()
        return cls(
            name,
            value,
            unit,
            (min(values), max(values)),
            target,
            None if at_most is None else value <= at_most,
        )

    @classmethod
    def ratio(
        cls,
        name: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        spread: tuple[float, float] | None = None,
    ) -> Row:
        """Return a ratio, which should be `at_least` or `at_most` that."""
        if at_least is not None:
            return cls(name, value, "", spread, f"at least {at_least:g}", value >= at_least)
        if at_most is not None:
            return cls(name, value, "", spread, f"at most {at_most:g}", value <= at_most)
        return cls(name, value, "", spread)

    @classmethod
    def ratios(
        cls, name: str, over: Sequence[float], under: Sequence[float], *, at_least: float | None = None
    ) -> Row:
        """Return the median of what each round's first is of its second, which should be `at_least` that, with the spread."""
        found = [a / b for a, b in zip(over, under, strict=True)]
        return cls.ratio(name, statistics.median(found), at_least=at_least, spread=(min(found), max(found)))

    def markdown(self) -> str:
        """Return the row of a table: name, figure, spread, target and whether it is met."""
        figure = f"{self.value:.3g} {self.unit}".rstrip()
        spread = f"{self.spread[0]:.3g} to {self.spread[1]:.3g}" if self.spread else ""
        met = "" if self.met is None else (" (met)" if self.met else " (**missed**)")
        return f"| {self.name} | {figure} | {spread} | {self.target}{met} |"


@dataclass(frozen=True)
class BenchmarkSection:
    """One benchmark's chapter of docs/benchmarks.md.

    Args:
        title: its heading.
        method: how it was measured and what with, so that somebody else can do it again.
        rows: the figures, in the order of reading.
    """

    title: str
    method: str
    rows: list[Row] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the chapter."""
        table = [
            "| | median | spread | target |",
            "| --- | --- | --- | --- |",
            *(row.markdown() for row in self.rows),
        ]
        return "\n".join([f"## {self.title}", "", self.method.strip(), "", *table])
