"""Readings for people: how far a number lies from what nine in ten real faces give, as a bar and in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from likeness.report.wording import amount
from likeness.types import Evidence, Reading

_ROOM = 1.5  # widths of the usual range that a bar shows on either side


@dataclass(frozen=True)
class ReadingView:
    """One reading; positions are percent of the bar.

    Attributes:
        detector: whose.
        track_id: of which face; None for the whole picture.
        name: what was measured.
        value: with its unit.
        usual: the range in words; empty where it is not known.
        excess: distance from the range in widths of it, with its sign; 0 inside, None where the range is not known.
        place: "inside", "above" or "below" the range; empty where it is not known.
        band: (start, width) of the usual range on the bar; None where it is not known.
        mark: where the value stands on the bar; at its end where it lies beyond.
    """

    detector: str
    track_id: int | None
    name: str
    value: str
    usual: str
    excess: float | None
    place: str
    band: tuple[float, float] | None
    mark: float

    @property
    def words(self) -> str:
        """Where the value lies, as words stand beside it."""
        if not self.place:
            return "usual range not known"
        if self.place == "inside":
            return f"usual {self.usual}"
        return f"{self.place} the usual {self.usual}"


def reading_view(detector: str, reading: Reading) -> ReadingView:
    """Lay one reading out."""
    unit = f" {reading.unit}" if reading.unit else ""
    value = amount(reading.value) + unit
    usual = reading.usual
    if usual is None or not all(math.isfinite(v) for v in usual):
        return ReadingView(
            detector, reading.track_id, reading.name, value, "", None, "", None, 50.0
        )
    low, high = sorted(usual)
    width = max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-12)
    excess = max(0.0, reading.value - high) / width - max(0.0, low - reading.value) / width
    span = width * (1 + 2 * _ROOM)
    start = low - _ROOM * width
    mark = min(max(100 * (reading.value - start) / span, 1.5), 98.5)
    return ReadingView(
        detector,
        reading.track_id,
        reading.name,
        value,
        f"{amount(low)} to {amount(high)}{unit}",
        excess,
        "above" if excess > 0 else "below" if excess < 0 else "inside",
        (round(100 * _ROOM / (1 + 2 * _ROOM), 3), round(100 / (1 + 2 * _ROOM), 3)),
        round(mark, 3),
    )


def reading_views(evidence: Iterable[Evidence]) -> list[ReadingView]:
    """Every reading of every finding, in their order."""
    return [reading_view(e.detector, r) for e in evidence for r in e.readings]


def most_unusual(views: Sequence[ReadingView], most: int) -> list[ReadingView]:
    """Those outside their usual range, the farthest first."""
    outside = [v for v in views if v.excess]
    return sorted(outside, key=lambda v: -abs(v.excess or 0.0))[:most]


def tally(views: Sequence[ReadingView]) -> str:
    """How many lie outside, and what that is worth."""
    known = [v for v in views if v.excess is not None]
    outside = sum(bool(v.excess) for v in known)
    verb = "lies" if outside == 1 else "lie"
    return (
        f"{outside} of {len(known)} readings {verb} outside what nine in ten real faces give. About one in ten does so "
        "on any real face, so that a single one is no sign of anything."
    )
