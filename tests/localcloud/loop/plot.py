"""Plots as SVG, by hand: the same figures give the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.localcloud.loop.trial import Trial

_WIDTH, _HEIGHT, _EDGE = 720, 320, 48
_COLOURS = {"balancer detection": "#1a73e8", "autohealing detection": "#d93025"}
_STYLE = "text{font:12px sans-serif;fill:#3c4043}.axis{stroke:#9aa0a6;fill:none}.bound{fill:#e8f0fe}"


def detections(found: Sequence[Trial]) -> str:
    """Draw where in its bounds each detection came: 0 is (k-1)I+T, 1 is kI+T; uniform is what theory says."""
    bins = 24
    low, high = -0.25, 1.25
    left, right = _x(0, low, high), _x(1, low, high)
    size = f'width="{right - left:.1f}" height="{_HEIGHT - _EDGE - 20}"'
    parts = [f'<rect class="bound" x="{left:.1f}" y="20" {size}/>']
    series = {name: [0] * bins for name in _COLOURS}
    for trial in found:
        for step in trial.steps:
            if step.name in series:
                place = (step.took - step.least) / (step.most - step.least)
                index = int((place - low) / (high - low) * bins)
                series[step.name][min(max(index, 0), bins - 1)] += 1
    most = max(max(counts) for counts in series.values()) or 1
    for shift, (name, counts) in enumerate(series.items()):
        width = (_WIDTH - 2 * _EDGE) / bins / 2
        for index, count in enumerate(counts):
            height = count / most * (_HEIGHT - _EDGE - 30)
            x = _EDGE + (2 * index + shift) * width
            y = _HEIGHT - _EDGE - height
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width - 0.5:.1f}" height="{height:.1f}" fill="{_COLOURS[name]}"/>'
            )
        parts.append(f'<text x="{_EDGE + 200 * shift}" y="14" style="fill:{_COLOURS[name]}">{name}</text>')
    for mark, words in ((0, "(k-1)I+T"), (1, "kI+T")):
        parts.append(
            f'<text x="{_x(mark, low, high):.1f}" y="{_HEIGHT - 26}" text-anchor="middle">{words}</text>'
        )
    title = f"{len(found)} deaths and hangs: when each was noticed, within its bounds"
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{title}</text>')
    return _svg(parts, title)


def against_theory(points: Sequence[tuple[str, float, float]], title: str) -> str:
    """Draw measured over predicted for named cases; the grey band is 5 % around agreement."""
    parts = []
    low, high = 0.9, 1.1
    band = (_y(1.05, low, high), _y(0.95, low, high))
    parts.append(
        f'<rect class="bound" x="{_EDGE}" y="{band[0]:.1f}" width="{_WIDTH - 2 * _EDGE}" height="{band[1] - band[0]:.1f}"/>'
    )
    marks = (0.9, 0.95, 1.0, 1.05, 1.1)
    parts += [f'<text x="8" y="{_y(mark, low, high) + 4:.1f}">{mark:.2f}</text>' for mark in marks]
    step = (_WIDTH - 2 * _EDGE) / max(1, len(points))
    for index, (name, predicted, measured) in enumerate(points):
        x = _EDGE + (index + 0.5) * step
        y = _y(min(max(measured / predicted, low), high), low, high)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1a73e8"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - 34 + 11 * (index % 2)}" text-anchor="middle" style="font-size:9px">{name}</text>'
        )
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{title}</text>')
    return _svg(parts, title)


def outages(
    bins: Sequence[tuple[float, int, int]], share: float, bounds: tuple[float, float], title: str
) -> str:
    """Draw which share of the requests failed in each bin (start in seconds, requests, failed of them).

    Grey is when the last failure is due, `bounds` seconds after the outage; the line is the `share` of the instances that were lost.
    """
    low, high = bins[0][0], bins[-1][0] + (bins[1][0] - bins[0][0])
    top = 2 * share
    left, right = _x(bounds[0], low, high), _x(bounds[1], low, high)
    size = f'width="{right - left:.1f}" height="{_HEIGHT - _EDGE - 20}"'
    parts = [f'<rect class="bound" x="{left:.1f}" y="20" {size}/>']
    width = (_WIDTH - 2 * _EDGE) / len(bins)
    for start, count, failed in bins:
        y = _y(min(failed / max(1, count), top), 0, top)
        parts.append(
            f'<rect x="{_x(start, low, high):.1f}" y="{y:.1f}" width="{width - 1:.1f}" '
            f'height="{_HEIGHT - _EDGE - y:.1f}" fill="#d93025"/>'
        )
    line = _y(share, 0, top)
    parts.append(f'<path class="axis" d="M{_EDGE} {line:.1f}H{_WIDTH - _EDGE}" stroke-dasharray="4 4"/>')
    parts.append(f'<text x="4" y="{line + 4:.1f}">{share:.0%}</text>')
    parts += [
        f'<text x="{_x(mark, low, high):.1f}" y="{_HEIGHT - 30}" text-anchor="middle">{mark:g} s</text>'
        for mark in (0.0, *bounds)
    ]
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{title}</text>')
    return _svg(parts, title)


def _x(value: float, low: float, high: float) -> float:
    return _EDGE + (value - low) / (high - low) * (_WIDTH - 2 * _EDGE)


def _y(value: float, low: float, high: float) -> float:
    return 20 + (high - value) / (high - low) * (_HEIGHT - _EDGE - 20)


def _svg(parts: Sequence[str], title: str) -> str:
    frame = f'<path class="axis" d="M{_EDGE} 20V{_HEIGHT - _EDGE}H{_WIDTH - _EDGE}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"><title>{title}</title>'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, frame, "</svg>"]) + "\n"
