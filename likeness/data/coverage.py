"""Which poses and expressions a face set covers, and in words which are missing.

A model that never saw a face look down cannot draw it looking down. Counted are the kept faces per turn (yaw), tilt
(pitch), mouth and eyes, and per turn x mouth; a cell with fewer than `ENOUGH` faces is called missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from likeness.types import FactValue

ENOUGH = 5
"""Fewer faces than this in a cell teach little."""

_INF = float("inf")
Cells = Mapping[str, tuple[float, float]]

YAW: Cells = {
    "turned far to the left of the picture": (-60.0, -35.0),
    "turned to the left of the picture": (-35.0, -12.0),
    "facing the camera": (-12.0, 12.0),
    "turned to the right of the picture": (12.0, 35.0),
    "turned far to the right of the picture": (35.0, 60.0),
}
PITCH: Cells = {
    "looking down": (-40.0, -10.0),
    "level": (-10.0, 10.0),
    "looking up": (10.0, 40.0),
}
MOUTH: Cells = {
    "mouth closed": (-_INF, 0.08),
    "mouth slightly open": (0.08, 0.45),
    "mouth wide open": (0.45, _INF),
}
EYES: Cells = {"eyes closed": (-_INF, 0.15), "eyes open": (0.15, _INF)}
_AXES: Mapping[str, tuple[str, Cells]] = {
    "yaw": ("yaw_deg", YAW),
    "pitch": ("pitch_deg", PITCH),
    "mouth": ("mouth_opening", MOUTH),
    "eyes": ("eye_opening", EYES),
}


@dataclass(frozen=True)
class Coverage:
    """How many faces show what.

    Attributes:
        faces: kept faces.
        counts: axis (yaw, pitch, mouth, eyes) -> cell in words -> faces.
        together: (yaw cell, mouth cell) -> faces.
        missing: what is not covered, in words, the plainest first.
        spread: 5th and 95th percentile of yaw and pitch in degrees.
    """

    faces: int
    counts: Mapping[str, Mapping[str, int]]
    together: Mapping[tuple[str, str], int]
    missing: tuple[str, ...]
    spread: Mapping[str, tuple[float, float]]

    def lines(self) -> list[str]:
        """The report in plain words, one line per axis and one for what is missing."""
        out = [
            f"{axis}: " + ", ".join(f"{name} {n}" for name, n in cells.items())
            for axis, cells in self.counts.items()
        ]
        lacks = "; ".join(self.missing) if self.missing else "nothing"
        return [*out, f"missing (fewer than {ENOUGH} faces): {lacks}"]


def coverage(rows: Sequence[Mapping[str, FactValue]]) -> Coverage:
    """Count the kept rows of a manifest."""
    kept = [r for r in rows if r.get("kept")]
    values = {axis: _column(kept, column) for axis, (column, _) in _AXES.items()}
    counts = {
        axis: {name: _inside(values[axis], span) for name, span in cells.items()}
        for axis, (_, cells) in _AXES.items()
    }
    together = {
        (yaw, mouth): int((_flags(values["yaw"], a) & _flags(values["mouth"], b)).sum())
        for yaw, a in YAW.items()
        for mouth, b in MOUTH.items()
    }
    spread = {
        axis: _spread(values[axis]) for axis in ("yaw", "pitch") if np.isfinite(values[axis]).any()
    }
    return Coverage(len(kept), counts, together, _missing(counts, together), spread)


def overlap(a: Sequence[Mapping[str, FactValue]], b: Sequence[Mapping[str, FactValue]]) -> float:
    """Share of the kept faces of `b` whose pose `a` covers too (a kept face within 8 degrees of yaw and pitch), 0-1."""
    poses_a, poses_b = _poses(a), _poses(b)
    if not len(poses_a) or not len(poses_b):
        return 0.0
    covered = [
        bool((np.linalg.norm(poses_a - pose, axis=1) <= POSE_REACH_DEG).any()) for pose in poses_b
    ]
    return float(np.mean(covered))


POSE_REACH_DEG = 8.0
"""A pose counts as covered if a face of the set lies within so many degrees of it."""


def _poses(rows: Sequence[Mapping[str, FactValue]]) -> npt.NDArray[np.float64]:
    kept = [r for r in rows if r.get("kept")]
    poses = np.stack([_column(kept, "yaw_deg"), _column(kept, "pitch_deg")], axis=1)
    return poses[np.isfinite(poses).all(axis=1)]


def _missing(
    counts: Mapping[str, Mapping[str, int]], together: Mapping[tuple[str, str], int]
) -> tuple[str, ...]:
    lacks = [name for axis in _AXES for name, count in counts[axis].items() if count < ENOUGH]
    # A pose with a mouth that it never shows: said only where both occur, or it would be said twice.
    both = [
        f"{mouth} while {yaw}"
        for (yaw, mouth), count in together.items()
        if count < ENOUGH and counts["yaw"][yaw] >= 2 * ENOUGH and counts["mouth"][mouth] >= ENOUGH
    ]
    return (*lacks, *both)


def _spread(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanpercentile(values, (5, 95))
    return float(low), float(high)


def _inside(values: npt.NDArray[np.float64], span: tuple[float, float]) -> int:
    return int(_flags(values, span).sum())


def _flags(values: npt.NDArray[np.float64], span: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return np.asarray((values >= span[0]) & (values < span[1]))


def _column(rows: Sequence[Mapping[str, FactValue]], name: str) -> npt.NDArray[np.float64]:
    found = [row.get(name) for row in rows]
    return np.array(
        [float(v) if isinstance(v, (int, float)) else float("nan") for v in found], np.float64
    )


def cells_edges(cells: Cells) -> list[float]:
    """Edges of the cells of one axis, ascending, for plots."""
    spans = list(cells.values())
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    return [spans[0][0], *(high for _, high in spans)]
