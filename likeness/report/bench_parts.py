"""What the page of a benchmark is made of: tables whose cells may be figures with intervals, line plots, and faces.

The room draws what it is given. Positions are units of a drawing's view box, so that it fits a phone and a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BAR_WIDTH = 100.0
PLOT_WH = (340.0, 220.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 18.0, 8.0, 34.0


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, drawn as a point and a line on a scale.

    Attributes:
        value: None is shown as a dash.
        low, high: of the interval; None where there is none.
        limits: ends of the scale.
        middle: where the scale is marked, such as chance; None = nowhere.
        percent: show as a share.
        note: a few words behind it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    middle: float | None = 0.5
    percent: bool = False
    note: str = ""

    @property
    def text(self) -> str:
        """The number."""
        return _number(self.value, self.percent)

    @property
    def interval(self) -> str:
        """Its interval in words; empty if none."""
        if self.low is None or self.high is None:
            return ""
        return f"{_number(self.low, self.percent)} to {_number(self.high, self.percent)}"

    def at(self, value: float | None) -> float | None:
        """Place of a value on the scale, 0 to `BAR_WIDTH`."""
        if value is None:
            return None
        low, high = self.limits
        return round(BAR_WIDTH * min(1.0, max(0.0, (value - low) / (high - low))), 2)


@dataclass(frozen=True)
class Heat:
    """An AUC as a coloured cell: the further from chance, the stronger; below chance it is marked."""

    value: float | None
    note: str = ""

    @property
    def text(self) -> str:
        """The number."""
        return _number(self.value, False)

    @property
    def shade(self) -> str:
        """CSS class."""
        if self.value is None:
            return "h-none"
        if self.value < 0.45:
            return "h-below"
        return f"h-{min(5, max(0, int((self.value - 0.5) * 10 + 1e-9)))}"


Cell = str | Figure | Heat


@dataclass(frozen=True)
class BenchTable:
    """A table; the first column heads its rows.

    Attributes:
        columns: names.
        rows: cells, as many as columns.
        title: above it; may be empty.
        note: one or two sentences below the title.
        warning: what must be read before any figure of it.
        open: False = folded away until asked for.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    note: str = ""
    warning: str = ""
    open: bool = True


@dataclass(frozen=True)
class BenchPlot:
    """Lines over two axes.

    Attributes:
        title: above it.
        axes: names of x and y.
        x_range, y_range: ends of the axes.
        lines: name, xs, ys.
        level: a horizontal line of reference; None = none.
        x_percent, y_percent: how ticks are written.
    """

    title: str
    axes: tuple[str, str]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    lines: Sequence[tuple[str, Sequence[float], Sequence[float]]]
    level: float | None = None
    x_percent: bool = False
    y_percent: bool = False

    def paths(self) -> list[tuple[str, str]]:
        """(name, points of an SVG polyline) of each line."""
        return [
            (name, " ".join(f"{self._x(x):g},{self._y(y):g}" for x, y in zip(xs, ys, strict=True)))
            for name, xs, ys in self.lines
        ]

    def dots(self) -> list[list[tuple[float, float]]]:
        """Points of each line, where there are few enough to be seen one by one."""
        return [
            [(self._x(x), self._y(y)) for x, y in zip(xs, ys, strict=True)] if len(xs) <= 8 else []
            for _, xs, ys in self.lines
        ]

    def x_ticks(self) -> list[tuple[float, str]]:
        """(place, text) along the horizontal axis."""
        return [(self._x(v), _tick(v, self.x_percent)) for v in _ticks(self.x_range)]

    def y_ticks(self) -> list[tuple[float, str]]:
        """(place, text) along the vertical axis."""
        return [(self._y(v), _tick(v, self.y_percent)) for v in _ticks(self.y_range)]

    def level_at(self) -> float | None:
        """Place of the line of reference."""
        return None if self.level is None else self._y(self.level)

    def _x(self, value: float) -> float:
        low, high = self.x_range
        return round(_LEFT + (PLOT_WH[0] - _LEFT - _RIGHT) * (value - low) / (high - low), 2)

    def _y(self, value: float) -> float:
        low, high = self.y_range
        kept = min(high, max(low, value))
        span = PLOT_WH[1] - _TOP - _BOTTOM
        return round(PLOT_WH[1] - _BOTTOM - span * (kept - low) / (high - low), 2)


@dataclass(frozen=True)
class BenchFace:
    """One picture of the gallery: bytes of `media.encode_original`, or empty; a line of words, and where it is from."""

    jpeg: bytes
    words: str
    detail: str
    origin: str


@dataclass(frozen=True)
class FaceRow:
    """Faces under one heading."""

    title: str
    faces: Sequence[BenchFace]


@dataclass(frozen=True)
class BenchSection:
    """One part of the page."""

    title: str
    text: str = ""
    tables: Sequence[BenchTable] = ()
    plots: Sequence[BenchPlot] = ()
    faces: Sequence[FaceRow] = ()
    warnings: Sequence[str] = ()


def _number(value: float | None, percent: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if percent else f"{value:.3f}"


def _ticks(ends: tuple[float, float]) -> list[float]:
    low, high = ends
    span = high - low
    step = next(s for s in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0) if span / s <= 5.01)
    return [round(low + i * step, 6) for i in range(int(span / step + 1e-9) + 1)]


def _tick(value: float, percent: bool) -> str:
    return f"{100 * value:.0f} %" if percent else f"{value:g}"
