"""False alarms by person, always beside the share of fakes that the same threshold catches.

A threshold that never cries wolf because it never cries is worthless, so the two figures travel together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.scoring.inputs import binary_labels, finite_vector, group_codes
from likeness.scoring.intervals import clopper_pearson

__all__ = ["FalseAlarms", "PersonAlarms", "Rate", "count_false_alarms"]


@dataclass(frozen=True)
class Rate:
    """`count` of `total` with its exact 95 % interval; `share` is None where `total` is 0."""

    count: int
    total: int
    share: float | None
    low: float
    high: float


@dataclass(frozen=True)
class PersonAlarms:
    """One person's real items: how many there are, how many raised an alarm, and the highest score."""

    person: str
    items: Rate
    highest_score: float


@dataclass(frozen=True)
class FalseAlarms:
    """What one threshold costs and what it brings.

    Attributes:
        threshold: an item raises an alarm when its score is at or above it.
        people: people with at least one false alarm among the people examined; people are the independent trials.
        items: false alarms among all real items; the interval takes items as independent and is therefore too narrow
            where one person has many.
        detected: fakes that raise an alarm at the same threshold.
        by_person: everyone, most alarms first.
    """

    threshold: float
    people: Rate
    items: Rate
    detected: Rate
    by_person: tuple[PersonAlarms, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def _rate(count: int, total: int) -> Rate:
    low, high = clopper_pearson(count, total)
    return Rate(count, total, count / total if total else None, low, high)


def count_false_alarms(
    scores: npt.ArrayLike, labels: npt.ArrayLike, people: npt.ArrayLike, threshold: float
) -> FalseAlarms:
    """False alarms by person and the detection rate at one threshold, with Clopper-Pearson intervals.

    Args:
        scores: (N,) llrs or scores, higher = more likely manipulated.
        labels: (N,) 0 = real, 1 = fake; fakes may be absent, real items may not.
        people: (N,) person in each item; that of a fake is not used.
        threshold: fixed beforehand, not chosen on these items.

    Raises:
        DataError: no real item, lengths differ, or a value is not finite.
    """
    values = finite_vector("scores", scores)
    fake = binary_labels(labels, len(values))
    if fake.all():
        raise DataError("labels: expected at least one real item (0), got none")
    codes, names = group_codes(people, len(values))
    alarm = values >= threshold
    lines = []
    for code in np.unique(codes[~fake]):
        own = (codes == code) & ~fake
        rate = _rate(int(alarm[own].sum()), int(own.sum()))
        lines.append(PersonAlarms(names[code], rate, float(values[own].max())))
    lines.sort(key=lambda line: (-line.items.count, -line.highest_score, line.person))
    return FalseAlarms(
        float(threshold),
        _rate(sum(line.items.count > 0 for line in lines), len(lines)),
        _rate(int(alarm[~fake].sum()), int((~fake).sum())),
        _rate(int(alarm[fake].sum()), int(fake.sum())),
        tuple(lines),
    )
