"""Curves over the steps of a run, as a drawing of lines that needs nothing but the page it stands in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 240
LEFT, BOTTOM, TOP, RIGHT = 64, 28, 10, 10
COLOURS = ("#0b6e69", "#c2571a", "#5b5bd6", "#b0309a", "#7a7a1f", "#3a7dc2")
TICKS = 4
NAME_WIDTH = 80

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over one axis of steps.

    Parameters
    ----------
    title, unit
        Of the drawing and of what it shows upwards.
    lines
        ``(step, value)`` by name. Values that are no finite numbers, or not above 0 on a logarithmic axis, are left
        out.
    levels
        Horizontal lines by name, to compare with.
    logarithmic
        Whether equal factors are equally far apart upwards.
    """

    title: str
    lines: Mapping[str, Points]
    unit: str = ""
    levels: Mapping[str, float] | None = None
    logarithmic: bool = False

    def svg(self) -> str:
        """Return the drawing as an SVG element with a legend below it; "" where there is nothing to draw."""
        lines = {name: self._usable(points) for name, points in self.lines.items()}
        lines = {name: points for name, points in lines.items() if points}
        if not lines:
            return ""
        levels = {name: self._up(value) for name, value in (self.levels or {}).items() if math.isfinite(value)}
        steps = [x for points in lines.values() for x, _ in points]
        values = [y for points in lines.values() for _, y in points] + list(levels.values())
        frame = _Frame(_widened(min(steps), max(steps)), _widened(min(values), max(values)))
        drawn = [*self._axes(frame), *_lines(frame, lines), *_levels(frame, levels)]
        label = escape(f"{self.title}, {self.unit}" if self.unit else self.title)
        return (
            f'<figure class="curves"><figcaption><strong>{label}</strong></figcaption>'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'
            f"{_legend(lines)}</figure>"
        )

    def _up(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def _usable(self, points: Points) -> list[tuple[float, float]]:
        return [(x, self._up(y)) for x, y in points if math.isfinite(y) and (y > 0 or not self.logarithmic)]

    def _axes(self, frame: _Frame) -> Iterator[str]:
        for value in frame.ticks(frame.values):
            text = f"{10**value:.3g}" if self.logarithmic else f"{value:.4g}"
            y = frame.y(value)
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        for step in frame.ticks(frame.steps):
            yield f'<text x="{frame.x(step):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{step:.0f}</text>'


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where steps and values lie on the drawing."""

    steps: tuple[float, float]
    values: tuple[float, float]

    def x(self, step: float) -> float:
        low, high = self.steps
        return LEFT + (step - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.values
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    @staticmethod
    def ticks(span: tuple[float, float]) -> list[float]:
        low, high = span
        return [low + (high - low) * i / TICKS for i in range(TICKS + 1)]


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _lines(frame: _Frame, lines: Mapping[str, Points]) -> Iterator[str]:
    for number, points in enumerate(lines.values()):
        path = "L".join(f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in points)
        colour = COLOURS[number % len(COLOURS)]
        yield f'<path fill="none" stroke="{colour}" stroke-width="1.8" d="M{path}"/>'
        x, y = points[-1]
        yield f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.6" fill="{colour}"/>'


def _levels(frame: _Frame, levels: Mapping[str, float]) -> Iterator[str]:
    """Draw levels with their names above them, each further from the edge than the one before: they may lie close."""
    for number, (name, value) in enumerate(levels.items()):
        y, x = frame.y(value), WIDTH - RIGHT - number * NAME_WIDTH
        yield f'<path class="level" stroke-dasharray="{2 + 4 * number} 4" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{x}" y="{y - 4:.1f}" text-anchor="end">{escape(name)}</text>'


def _legend(lines: Mapping[str, Points]) -> str:
    names = [
        f'<span><i style="background:{COLOURS[i % len(COLOURS)]}"></i>{escape(name)}</span>'
        for i, name in enumerate(lines)
    ]
    return f'<p class="legend">{"".join(names)}</p>'
