"""Geometry of the robustness panel: one small chart per kind of change, its ratio from untouched to hardest step.

Across, places are percent; down, units of a view box 100 high. Up is towards manipulation, as on the timelines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from likeness.apps.web.texts import TEXTS
from likeness.jobs.robustness import FAMILIES, Rescored, Robustness
from likeness.report import LlrScale, wording

_LEAST = 1.5  # log10 that a chart shows on either side at least


@dataclass(frozen=True)
class Point:
    """One copy.

    Attributes:
        at: percent across.
        y: units down; None where no ratio was known.
        step: its name in words.
        label: in words.
        sign: of the label.
        tone: of the label, as the name of a colour.
        ratio: in words.
        same: whether the label is that of the file as it is.
    """

    at: float
    y: float | None
    step: str
    label: str
    sign: str
    tone: str
    ratio: str
    same: bool


@dataclass(frozen=True)
class Chart:
    """One kind of change.

    Attributes:
        family: its name.
        points: the file as it is first.
        line: SVG path through neighbours that have a ratio.
        zones: (y, height, tone) of what the decision table says there.
        zero: y of a ratio of 1.
        flip: the first copy with another label; None where the label stays.
        lost: the first copy without a ratio; None where all have one.
    """

    family: str
    points: tuple[Point, ...]
    line: str
    zones: tuple[tuple[float, float, str], ...]
    zero: float
    flip: Point | None
    lost: Point | None


TONES: Final = {
    "manipulation_likely": "likely",
    "inconclusive": "open",
    "no_manipulation_found": "none",
}
_AMOUNTS: Final = {
    "jpeg": "quality {:g}",
    "resize": "{:.0%} of the size",
    "blur": "sigma {:g} px",
    "h264": "CRF {:g}",
}


def charts(result: Robustness, scale: LlrScale) -> tuple[Chart, ...]:
    """A chart per family, all on one scale."""
    if result.clean is None:
        return ()
    known = [abs(r.llr) for r in (result.clean, *result.steps) if r.llr is not None]
    marks = [abs(v) for v in (scale.likely_from, scale.none_below) if v is not None]
    reach = max([_LEAST, *known, *marks]) * 1.08
    families = result.families()
    return tuple(
        _chart(family, (result.clean, *families[family]), scale, reach)
        for family in FAMILIES
        if family in families
    )


def step_words(step: Rescored) -> str:
    """A step as a person says it.

    >>> step_words(Rescored("resize_050", "resize", 3, 0.5, "inconclusive", None, 1))
    '50% of the size'
    """
    if step.severity == 0:
        return "as it is"
    return _AMOUNTS.get(step.family, "{:g}").format(step.amount)


def full_step_words(step: Rescored) -> str:
    """A step with the name of its family: 'JPEG compression, quality 50'."""
    family = TEXTS["robustness"]["families"].get(step.family, "")
    return (
        f"{family}, {step_words(step)}"
        if family
        else step_words(step)[:1].upper() + step_words(step)[1:]
    )


def _chart(family: str, steps: tuple[Rescored, ...], scale: LlrScale, reach: float) -> Chart:
    def y(llr: float) -> float:
        return round(50 - 50 * max(-1.0, min(1.0, llr / reach)), 2)

    gap = 100 / len(steps)
    points = tuple(
        Point(
            at=round(gap * (i + 0.5), 2),
            y=None if s.llr is None else y(s.llr),
            step=step_words(s),
            label=wording.LABEL_WORDS[s.label],
            sign=wording.LABEL_SIGNS[s.label],
            tone=TONES[s.label],
            ratio="no ratio" if s.llr is None else wording.ratio_number(s.llr),
            same=s.label == steps[0].label,
        )
        for i, s in enumerate(steps)
    )
    low = scale.none_below if scale.none_below is not None else -reach
    high = scale.likely_from if scale.likely_from is not None else reach
    edges = (0.0, y(high), y(low), 100.0)
    zones = tuple(
        (a, round(b - a, 2), tone)
        for a, b, tone in zip(edges, edges[1:], ("likely", "open", "none"), strict=False)
        if b > a
    )
    return Chart(
        family,
        points,
        _line(points),
        zones,
        y(0.0),
        next((p for p in points if not p.same), None),
        next((p for p in points if p.y is None), None),
    )


def _line(points: tuple[Point, ...]) -> str:
    """The pen is lifted where there is no ratio."""
    path, pen = "", False
    for point in points:
        if point.y is not None:
            path += f"{'L' if pen else 'M'}{10 * point.at:g} {point.y:g}"
        pen = point.y is not None
    return path
