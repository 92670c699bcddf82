"""What the cue detectors share: measure a few numbers on every face, make one score of them, say it.

A cue is a handful of numbers that a person could check by eye. They are measured per frame (or once per face), averaged
over the frames, and put into a logistic regression that was fitted on real faces and pseudo-fakes of them. Beside the
weights stands what nine in ten real faces give, so that a report can say how unusual a number is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.errors import ConfigError, WeightsError
from likeness.scoring.models import LinearModel
from likeness.types import (
    Clip,
    DoubleArray,
    Evidence,
    FaceTrack,
    Frame,
    IndexArray,
    Reading,
    Span,
    TrackScore,
)

Measure = Callable[[Frame, FaceTrack, int], npt.NDArray[np.floating] | None]
"""Called as measure(frame, track, row of the track) -> (K,) numbers; None where that face cannot be judged in that frame."""
REACH = 4.0
"""Standard deviations of the training set beyond which a number counts as that far: a linear model must not extrapolate."""


@dataclass(frozen=True)
class CueConfig:
    """Options of a cue.

    Attributes:
        frames: at most this many frames of a face are measured, evenly spread over those that it can judge.
        weights: path of a safetensors file of the same recipe; empty = the shipped one.
    """

    frames: int = 32
    weights: str = ""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ConfigError(f"frames: expected 1 or more, got {self.frames}")


@dataclass(frozen=True)
class Seen:
    """What was measured on one face.

    Attributes:
        track: the face.
        rows: (F,) rows of the track that could be judged.
        values: (F, K) float64 what was measured there.
    """

    track: FaceTrack
    rows: IndexArray
    values: DoubleArray


@dataclass(frozen=True)
class CueModel:
    """From K measured numbers to a score.

    Attributes:
        names: what each number is called in a report.
        linear: logistic regression on them; its logit is the score.
        usual: (K, 2) 5th and 95th percentile of real faces.
        tag: what reports call the weights.
    """

    names: tuple[str, ...]
    linear: LinearModel
    usual: DoubleArray
    tag: str

    @classmethod
    def load(cls, path: Path, names: Sequence[str], version: str) -> CueModel:
        """Read what `save` wrote; raises `WeightsError` for other numbers or another version of measuring them."""
        arrays, metadata = weights.load_arrays(path)
        if metadata.get("features") != version or json.loads(metadata.get("names", "[]")) != [
            *names
        ]:
            raise WeightsError(
                f"{path.name}: expected measurements {version} ({', '.join(names)}), got "
                f"{metadata.get('features')!r}; train it again with its recipe"
            )
        linear = LinearModel.from_arrays(arrays, "linear.")
        usual = np.asarray(arrays.get("usual"), np.float64)
        if usual.shape != (len(names), 2) or len(linear.weights) != len(names):
            raise WeightsError(
                f"{path.name}: expected {len(names)} numbers, the arrays hold others"
            )
        return cls(tuple(names), linear, usual, metadata.get("tag", path.stem))

    def save(self, path: Path, version: str, metadata: Mapping[str, str]) -> None:
        """Write atomically as safetensors."""
        arrays = {**self.linear.to_arrays("linear."), "usual": self.usual}
        words = {"features": version, "names": json.dumps([*self.names]), "tag": self.tag}
        weights.save_arrays(path, arrays, {**metadata, **words})

    def logit(self, values: npt.ArrayLike) -> DoubleArray:
        """(N, K) numbers to (N,) logits; rounded, so that where a buffer lies in memory moves no score."""
        linear = self.linear
        far = REACH * linear.scale
        held = np.clip(np.asarray(values, np.float64), linear.mean - far, linear.mean + far)
        return np.asarray(np.round(linear.logit(held), 9))

    def track_score(self, seen: Seen) -> TrackScore:
        """Mean logit over the frames that could be judged."""
        logits = self.logit(seen.values)
        return TrackScore(
            seen.track.track_id,
            float(np.mean(logits)),
            seen.track.frame_indices[seen.rows],
            logits.astype(np.float32),
        )

    def readings(self, seen: Seen, units: Sequence[str] = ()) -> tuple[Reading, ...]:
        """The median of each number over the frames, beside what is usual."""
        middle = np.median(seen.values, axis=0)
        return tuple(
            Reading(
                name,
                float(np.float32(middle[k])),
                units[k] if units else "",
                (float(self.usual[k, 0]), float(self.usual[k, 1])),
                seen.track.track_id,
            )
            for k, name in enumerate(self.names)
        )


def weights_path(part: str, table: Mapping[str, str], config: CueConfig) -> Path:
    """The weights that a configuration asks for, else the shipped ones of the part's table; raises `WeightsError`."""
    return (
        Path(config.weights)
        if config.weights
        else weights.path_of(part, next(iter(table.values())))
    )


def evidence(part: str, info: Mapping[str, Any], tag: str = "", **values: Any) -> Evidence:
    """What a cue found; cue and question are those of its `INFO`."""
    return Evidence(
        detector=part, cue=str(info["cue"]), question=info["question"], weights=tag, **values
    )


def look(
    clip: Clip,
    tracks: Sequence[FaceTrack],
    frames: int,
    measure: Measure,
    rows_of: Callable[[FaceTrack], IndexArray] | None = None,
) -> list[Seen]:
    """Measure every face on at most `frames` frames, evenly spread over those in which it was seen.

    Args:
        clip: the clip; its decode cache is shared by all detectors.
        tracks: the faces.
        frames: at most this many of each face.
        measure: see `Measure`.
        rows_of: which rows of a track to choose from, such as those of a frontal pose; None = all that were seen.

    Returns:
        One entry per face that could be judged in at least one frame.
    """
    found = []
    for track in tracks:
        rows = np.flatnonzero(~track.bridged) if rows_of is None else rows_of(track)
        chosen = rows[spread(len(rows), frames)]
        row_of = {int(track.frame_indices[row]): int(row) for row in chosen}
        kept, values = [], []
        for frame in clip.frames.at(row_of):  # a damaged frame is left out
            measured = measure(frame, track, row_of[frame.index])
            if measured is not None and np.isfinite(measured).all():
                kept.append(row_of[frame.index])
                values.append(np.asarray(measured, np.float64))
        if kept:
            found.append(Seen(track, np.array(kept, np.int64), np.stack(values)))
    return found


def spread(count: int, most: int) -> IndexArray:
    """(K,) int64 at most `most` of 0 .. count-1, evenly spread, first and last among them."""
    if count == 0:
        return np.zeros(0, np.int64)
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


def spans_of(
    score: TrackScore, times_s: npt.ArrayLike, above: float, gap_s: float = 1.0
) -> tuple[Span, ...]:
    """Stretches of at least two scored frames that lie above a score, neighbours no more than `gap_s` apart.

    Args:
        score: frames and their scores.
        times_s: (F,) presentation times of the scored frames.
        above: raw score.
        gap_s: a longer gap between examined frames ends a stretch: nobody looked in between.
    """
    times = np.asarray(times_s, np.float64)
    high = np.flatnonzero(score.frame_scores > above)
    if not len(high):
        return ()
    breaks = (np.diff(high) > 1) | (np.diff(times[high]) > gap_s)
    return tuple(
        Span(
            float(times[run[0]]),
            float(times[run[-1]]),
            float(score.frame_scores[run].mean()),
            score.track_id,
        )
        for run in np.split(high, np.flatnonzero(breaks) + 1)
        if len(run) > 1
    )


def stretches(track: FaceTrack, longest_step_s: float = 0.13) -> list[IndexArray]:
    """Rows of a track in runs of neighbouring frames: what cues over time may compare.

    Args:
        track: the face; bridged rows end a run.
        longest_step_s: a longer step between two examined frames ends a run.

    Returns:
        (R,) int64 rows of each run of at least two frames, in order of time.
    """
    rows = np.flatnonzero(~track.bridged)
    if len(rows) < 2:
        return []
    ends = (np.diff(track.times_s[rows]) > longest_step_s) | (np.diff(rows) > 1)
    return [run for run in np.split(rows, np.flatnonzero(ends) + 1) if len(run) > 1]
