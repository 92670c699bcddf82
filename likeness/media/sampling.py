"""Which frames of a clip to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from likeness.errors import UsageError
from likeness.media.frames import SharedFrames
from likeness.types import Clip, DoubleArray, IndexArray

_THUMBNAIL_WH = (64, 36)
_BINS = 32
_LOOKS = 600  # at most so many thumbnails are compared, whatever the length
_LOOKS_PER_S = 4.0
_LEAST_RATE_HZ = (
    23.9  # what is left after thinning: cinema's 24 stays whole, 50, 60 and 120 become 25 to 30
)


@dataclass(frozen=True)
class Sampling:
    """A sampling policy.

    Attributes:
        kind: `all` frames; `every` n-th frame from the first; n frames spread `evenly`; n frames spread over the
            `scenes`, each scene getting its share and at least one where n allows; at most n frames in `stretches` of
            neighbours, evenly spread, for what has to be compared from frame to frame.
        n: step of `every`, number of frames of the others; ignored by `all`.
        stretch_s: about how long one of the `stretches` is, in seconds; ignored by the others. Clips of more than about
            48 Hz are thinned to 24 or more, so that a step in time means the same everywhere.
    """

    kind: Literal["all", "every", "evenly", "scenes", "stretches"] = "evenly"
    n: int = 32
    stretch_s: float = 2.0

    def __post_init__(self) -> None:
        if self.kind not in ("all", "every", "evenly", "scenes", "stretches"):
            raise UsageError(
                f"expected sampling all, every, evenly, scenes or stretches, got {self.kind!r}"
            )
        if self.kind != "all" and self.n < 1:
            raise UsageError(f"expected n of at least 1 for sampling {self.kind}, got {self.n}")
        if not 0.0 < self.stretch_s <= 3600.0:
            raise UsageError(f"expected stretches of more than 0 s, got {self.stretch_s}")


def sample(clip: Clip, sampling: Sampling) -> IndexArray:
    """(K,) int64 ascending frame indices of `clip`; all of them where it has no more than asked for."""
    total = len(clip.frames)
    if sampling.kind == "every":
        return np.arange(0, total, sampling.n, dtype=np.int64)
    if sampling.kind == "stretches":
        return _stretches(total, _rate_hz(clip), sampling)
    if sampling.kind == "all" or total <= sampling.n:
        return np.arange(total, dtype=np.int64)
    if sampling.kind == "evenly":
        return _spread(0, total, sampling.n)
    edges = [0, *scene_cuts(clip), total]
    shares = _shares(np.diff(edges), sampling.n)
    parts = [_spread(edges[i], edges[i + 1], share) for i, share in enumerate(shares) if share]
    return np.concatenate(parts)


def scene_cuts(clip: Clip, threshold: float = 0.35) -> tuple[int, ...]:
    """Frame indices at which a new scene starts, found on small grey thumbnails.

    Neighbouring thumbnails (about four per second, at most 600 in all) are compared by half the summed difference of
    their 32-bin brightness histograms, from 0 (same) to 1 (nothing in common), as in Zhang, Kankanhalli and Smoliar 1993.
    A cut lies somewhere between two thumbnails; its place is their middle. Fades and cuts between equally bright scenes
    are missed: good enough to spread samples, not evidence.

    Args:
        clip: any clip.
        threshold: difference above which it is a cut.
    """
    total = len(clip.frames)
    frames = clip.frames
    if total < 3 or not isinstance(frames, SharedFrames):
        return ()
    step = max(1, round(clip.fps / _LOOKS_PER_S), -(-total // _LOOKS))
    found = frames.cuts(step) if threshold == 0.35 else None
    if found is None:
        found = _find_cuts(frames, step, total, threshold)
        if threshold == 0.35:
            frames.remember_cuts(step, found)
    return found


def _find_cuts(frames: SharedFrames, step: int, total: int, threshold: float) -> tuple[int, ...]:
    cuts: list[int] = []
    before: tuple[int, DoubleArray] | None = None
    for index, small in frames.luma(range(0, total, step), _THUMBNAIL_WH):
        histogram = np.bincount(small.ravel() >> 3, minlength=_BINS) / small.size
        if before is not None and 0.5 * np.abs(histogram - before[1]).sum() > threshold:
            cuts.append((before[0] + index + 1) // 2)
        before = (index, histogram)
    return tuple(cuts)


def _spread(start: int, end: int, n: int) -> IndexArray:
    """At most n indices at the middles of n equal parts of [start, end)."""
    n = min(n, end - start)
    return (start + ((np.arange(n) + 0.5) * (end - start) / n)).astype(np.int64)


def _rate_hz(clip: Clip) -> float:
    """The usual rate from frame to frame: pictures picked out of a clip have its times and not its rate."""
    steps = np.diff(clip.timestamps_s)
    usual = float(np.median(steps)) if len(steps) else 0.0
    return 1.0 / usual if usual > 0.0 else clip.fps


def _stretches(total: int, fps: float, sampling: Sampling) -> IndexArray:
    """All frames where they are few; else equal stretches, each in the middle of its part of the clip."""
    step = max(1, int(fps / _LEAST_RATE_HZ))
    left = -(-total // step)  # after thinning
    if left <= sampling.n:
        return np.arange(0, total, step, dtype=np.int64)
    count = max(1, round(sampling.n / max(1.0, sampling.stretch_s * fps / step)))
    length = max(1, sampling.n // count)
    middles = (np.arange(count) + 0.5) * left / count
    starts = np.clip(np.rint(middles - length / 2), 0, left - length).astype(np.int64)
    return np.unique(starts[:, None] + np.arange(length)) * step


def _shares(lengths: IndexArray, n: int) -> list[int]:
    """Distribute n samples over scenes: one each (the longest first if n is short), the rest by length."""
    shares = np.zeros(len(lengths), np.int64)
    longest_first = np.argsort(-lengths, kind="stable")
    shares[longest_first[:n]] = 1
    while shares.sum() < n and (shares < lengths).any():
        need = np.where(shares < lengths, lengths / (shares + 1.0), -1.0)
        shares[int(need.argmax())] += 1
    return [int(share) for share in shares]
