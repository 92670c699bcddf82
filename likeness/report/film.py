"""Frames of a face beside its timeline: which are shown, and which one belongs to which place of the axis.

The axis is divided into equal slots. `jobs` cuts one picture per slot, the report lays them out by the same rule. Slots
are equally wide because the page's policy allows no styles of single elements; that is also why at most `SLOTS` exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from likeness.report.axis import TimeAxis, time_axis
from likeness.report.items import Picture
from likeness.scoring.claims import measurements
from likeness.types import Evidence, FaceTrack, Verdict

SLOTS: Final = 24
DRAWN_FACES: Final = 6
_STRIPS: Final = (("wide", 12), ("narrow", 8))


@dataclass(frozen=True)
class Slot:
    """One place of the axis that can be pointed at.

    Attributes:
        ref: id of the picture on the page; None where the face was not seen or nothing was examined.
        view: width and height of the picture in frame pixels.
        time_s: when.
        words: which cues show there.
        side: "left", "middle" or "right": how the large picture stands to the slot.
        chosen: whether it is shown before anybody points.
    """

    ref: str | None
    view: tuple[float, float]
    time_s: float
    words: str
    side: str
    chosen: bool = False


@dataclass(frozen=True)
class Film:
    """Frames over the axis: slots to point at, and strips of fewer, larger pictures for screen, phone and paper."""

    slots: tuple[Slot, ...]
    strips: tuple[tuple[str, tuple[Slot, ...]], ...]


def drawn_faces(verdict: Verdict) -> tuple[FaceTrack, ...]:
    """Faces that a report draws in full: those with the strongest evidence of manipulation, then the longest seen."""

    def weight(track: FaceTrack) -> tuple[float, int]:
        found = [
            t.llr
            for e in measurements(verdict.evidence)
            for t in e.tracks
            if t.track_id == track.track_id and t.llr is not None and t.llr == t.llr
        ]
        return max(found, default=-np.inf), int((~track.bridged).sum())

    return tuple(sorted(verdict.tracks, key=weight, reverse=True)[:DRAWN_FACES])


def film_frames(verdict: Verdict) -> dict[int, tuple[int, ...]]:
    """Frames to show of every face that is drawn in full, at most `SLOTS` each; empty for a still picture.

    Returns:
        Rows of the track by track id, ascending.
    """
    axis = time_axis(verdict.tracks)
    count = slot_count(verdict.tracks)
    if count < 2:
        return {}
    wanted = {}
    for track in drawn_faces(verdict):
        rows = np.flatnonzero(~track.bridged)
        chosen = _nearest(axis.x(track.times_s[rows]), count)
        wanted[track.track_id] = tuple(int(rows[i]) for i in chosen if i is not None)
    return wanted


def slot_count(tracks: Sequence[FaceTrack]) -> int:
    """How many slots the axis has: one per examined frame as long as there are few."""
    frames = {int(i) for t in tracks for i in t.frame_indices}
    return min(SLOTS, len(frames))


def film(
    pictures: Sequence[tuple[str, Picture]],
    times: dict[int, float],
    evidence: Sequence[Evidence],
    axis: TimeAxis,
    count: int,
) -> Film | None:
    """Lay the pictures of one face out over the axis; None if there are none.

    Args:
        pictures: (id on the page, picture), all of one face.
        times: seconds by frame index.
        evidence: findings, the weightiest first.
        axis: of the clip.
        count: see `slot_count`.
    """
    known = [(ref, p) for ref, p in pictures if p.frame_index in times]
    if not known:
        return None
    track_id = known[0][1].track_id
    goal = _strongest_time(evidence, times, track_id)
    made: list[Slot] = []
    at = axis.x([times[p.frame_index] for _, p in known])
    for i, index in enumerate(_nearest(at, count)):
        side = ("left", "middle", "right")[3 * i // count]
        if index is None:
            middle_s = axis.time(100 * (i + 0.5) / count)
            made.append(Slot(None, (1.0, 1.0), middle_s, "not seen or not examined", side))
        else:
            ref, picture = known[index]
            time_s = times[picture.frame_index]
            x0, y0, x1, y1 = picture.box_px
            words = _shows(evidence, track_id, time_s)
            made.append(Slot(ref, (x1 - x0, y1 - y0), time_s, words, side))
    shown = [s for s in made if s.ref is not None]
    nearest = min(shown, key=lambda s: abs(s.time_s - goal) if goal is not None else 0.0)
    slots = tuple(replace(s, chosen=s is nearest) for s in made)
    return Film(slots, tuple((name, _cells(shown, axis, cells)) for name, cells in _STRIPS))


def _cells(shown: Sequence[Slot], axis: TimeAxis, count: int) -> tuple[Slot, ...]:
    blank = Slot(None, (1.0, 1.0), 0.0, "", "left")
    row = _nearest(axis.x([s.time_s for s in shown]), min(count, max(1, len(shown))))
    return tuple(blank if i is None else shown[i] for i in row)


def _nearest(at: npt.NDArray[np.float64], count: int) -> list[int | None]:
    """For each of `count` equal slots which of the places (percent) inside it lies nearest to its middle."""
    slot = np.clip((np.asarray(at) * count / 100).astype(np.int64), 0, count - 1)
    found: list[int | None] = []
    for i in range(count):
        inside = np.flatnonzero(slot == i)
        middle = 100 * (i + 0.5) / count
        found.append(int(inside[np.abs(at[inside] - middle).argmin()]) if len(inside) else None)
    return found


def _shows(evidence: Sequence[Evidence], track_id: int | None, time_s: float) -> str:
    names = [
        e.detector
        for e in evidence
        if any(s.track_id == track_id and s.start_s <= time_s <= s.end_s for s in e.spans)
    ]
    return "shows: " + ", ".join(names) if names else "no cue stands out"


def _strongest_time(
    evidence: Sequence[Evidence], times: dict[int, float], track_id: int | None
) -> float | None:
    """When the weightiest cue that scored frames scored highest; None if none did."""
    for finding in evidence:
        for score in finding.tracks:
            finite = np.isfinite(score.frame_scores)
            if score.track_id == track_id and len(finite) > 1 and finite.any():
                best = np.where(finite, score.frame_scores, -np.inf).argmax()
                return times.get(int(score.frame_indices[best]))
    return None
