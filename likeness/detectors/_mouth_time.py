"""The mouth over time: does the lower face flicker more than the upper, and do the lips go with the sound?

Shown beside the score of `mouth`, never part of it: there are no lip-sync fakes here to weigh them on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.detectors._cue import stretches
from likeness.detectors._mouth_sharpness import Mask
from likeness.detectors._mouth_sound import Sync, compare, mouth_opening
from likeness.detectors._runs import Run, aligned_runs
from likeness.errors import LikenessError
from likeness.types import Clip, Curve, DoubleArray, FaceTrack, FloatArray, IndexArray, Reading

LEAST_SYNC_S = 6.0
LEAST_TALK = (
    0.08  # spread of the opening over the eye distance: a mouth that stays shut says nothing
)
NEAR_S = 0.15  # sound may come that much before or after the lips: microphones, cuts, broadcast
IN_STEP, OUT_OF_STEP = 0.3, 0.1
AGREEMENT_USUAL = (0.18, 0.52)  # six pieces of seven to eight seconds, three people: see the card
# 5th and 95th percentile over 30 real clips of nine people, each clip counted alike
OPENING_USUAL = (0.0, 0.47)
FLICKER_USUAL = (-0.14, 0.62)
_FLICKER_FRAMES = 72
_SIZE_PX = 96
_MARGIN = 0.06
_LEAST_RUN = 8
_COARSE = 4.0  # standard deviation in pixels: what is coarser is light and movement


@dataclass(frozen=True)
class Moving:
    """What was seen of one mouth over time; all empty for a picture.

    Attributes:
        readings: flicker, and agreement and lag of lips and sound.
        curves: opening of the mouth, loudness of the sound.
        words: half a sentence about lips and sound; empty where they could not be compared.
    """

    readings: tuple[Reading, ...] = ()
    curves: tuple[Curve, ...] = ()
    words: str = ""


def watch(clip: Clip, track: FaceTrack, rows: IndexArray) -> Moving:
    """Look at one face over its stretches of neighbouring frames.

    Args:
        clip: the clip, with or without sound.
        track: the face.
        rows: of the track that can be judged: towards the camera and large enough.
    """
    runs = readable_runs(track, rows)
    if not runs:
        return Moving()
    readings = []
    flicker = flicker_of(
        aligned_runs(clip, track, (_SIZE_PX, _MARGIN), _LEAST_RUN, _FLICKER_FRAMES)
    )
    if flicker is not None:
        name = "flicker of the chin against cheeks and forehead"
        readings.append(Reading(name, flicker, "", FLICKER_USUAL, track.track_id))
    sync = in_step(clip, track, runs)
    curves = [_opening(track, runs)]
    if sync is None:
        return Moving(tuple(readings), tuple(curves))
    near = agreement(sync)
    readings += [
        Reading("lips in step with the sound", near, "", AGREEMENT_USUAL, track.track_id),
        Reading("sound after the lips", 1000.0 * sync.peak[1], "ms", None, track.track_id),
    ]
    times, loud = _gapped(sync.times_s, sync.loudness, sync.runs)
    curves.append(Curve("loudness of the voice band", times, loud, "dB", None, track.track_id))
    return Moving(tuple(readings), tuple(curves), _words(near))


def readable_runs(track: FaceTrack, rows: IndexArray) -> list[IndexArray]:
    """Stretches of neighbouring rows, as far as they are among `rows`."""
    found: list[IndexArray] = []
    for run in stretches(track):
        kept = run[np.isin(run, rows)]
        found += np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
    return [run for run in found if len(run) >= _LEAST_RUN]


def in_step(clip: Clip, track: FaceTrack, runs: list[IndexArray]) -> Sync | None:
    """Lips against sound; None without sound, without enough time, or where the mouth hardly moves."""
    if clip.audio is None:
        return None
    watched = sum(float(track.times_s[run[-1]] - track.times_s[run[0]]) for run in runs)
    opening = mouth_opening(track.landmarks_px[np.concatenate(runs)])
    low, high = np.percentile(opening, [5, 95])
    if watched < LEAST_SYNC_S or high - low < LEAST_TALK:
        return None
    try:
        return compare(track, runs, clip.audio)
    except LikenessError:  # damaged or endless sound: the pictures can be judged without it
        return None


def agreement(sync: Sync) -> float:
    """Highest correlation of lips and sound within what a real recording may be off."""
    return float(sync.correlation[np.abs(sync.lags_s) <= NEAR_S + 1e-9].max())


def flicker_of(runs: list[Run]) -> float | None:
    """Natural logarithm of the flicker of chin and jaw over that of cheeks and forehead; None without enough frames.

    Flicker is what a pixel's fine detail has that the mean of its neighbours in time has not.
    """
    ratios = [r for run in runs for r in _flicker_ratios(run)]
    return float(np.float32(np.median(ratios))) if ratios else None


def _flicker_ratios(run: Run) -> list[float]:
    import cv2

    fine = []
    for crop in run.crops:
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine.append(grey - cv2.GaussianBlur(grey, (0, 0), _COARSE))
    lower, upper = _halves(run)
    if min(int(lower.sum()), int(upper.sum())) < 60:
        return []
    ratios = []
    for before, now, after in zip(fine[:-2], fine[1:-1], fine[2:], strict=True):
        jump = np.abs(now - 0.5 * (before + after))
        ratios.append(float(np.log((jump[lower].mean() + 0.05) / (jump[upper].mean() + 0.05))))
    return ratios


def _halves(run: Run) -> tuple[Mask, Mask]:
    """(S, S) bool of chin and jaw without the lips, and of forehead and cheeks without the eyes, in the middle frame."""
    from likeness.faces import regions
    from likeness.faces.geometry import hull_mask

    points = run.landmarks_px[len(run) // 2]

    def hull(group: tuple[int, ...], grow: float = 1.0) -> Mask:
        picked = points[list(group)]
        middle = picked.mean(axis=0)
        filled: FloatArray = hull_mask(middle + grow * (picked - middle), (_SIZE_PX, _SIZE_PX))
        return np.asarray(filled > 0.5)

    inside = run.inside > 0.5
    lower = hull((*regions.JAW[1:-1], 2, 98, 327), 0.92) & ~hull(regions.LIPS_OUTER, 1.35)
    upper = hull(regions.FOREHEAD, 0.95) | hull(regions.RIGHT_CHEEK) | hull(regions.LEFT_CHEEK)
    return lower & inside, upper & inside


def _opening(track: FaceTrack, runs: list[IndexArray]) -> Curve:
    rows = np.concatenate(runs)
    ends = np.cumsum([len(run) for run in runs])
    places = tuple(np.split(np.arange(ends[-1]), ends[:-1]))
    values = mouth_opening(track.landmarks_px[rows]).astype(np.float32)
    times, values = _gapped(track.times_s[rows], values, places)
    name = "opening of the mouth over the eye distance"
    return Curve(name, times, values, "", OPENING_USUAL, track.track_id)


def _gapped(
    times_s: DoubleArray, values: FloatArray, runs: tuple[IndexArray, ...]
) -> tuple[DoubleArray, FloatArray]:
    """The same with a NaN between two runs, so that no line joins them."""
    starts = [int(run[0]) for run in runs[1:]]
    middles = [0.5 * (times_s[k - 1] + times_s[k]) for k in starts]
    gaps = np.full(len(starts), np.nan, np.float32)
    return np.insert(times_s, starts, middles), np.insert(values, starts, gaps)


def _words(near: float) -> str:
    if near >= IN_STEP:
        return "the lips move with the sound"
    if near < OUT_OF_STEP:
        return (
            "the lips do not move with the sound: dubbing, music, another speaker or another sound"
        )
    return "whether the lips move with the sound is not clear"
