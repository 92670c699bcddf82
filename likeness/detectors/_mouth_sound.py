"""Does the mouth open when there is speech? Opening of the lips against the loudness of the sound, at every lag within half a second.

Lips that belong to the sound open and close with its syllables, within about a tenth of a second (a microphone further off, a
careless cut). The measure is the normalised cross-correlation; it needs no training and knows no words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces.geometry import eye_distance_px
from likeness.types import AudioSource, DoubleArray, FaceTrack, FloatArray, IndexArray

BAND_HZ = (200.0, 3400.0)  # the voice; rumble and hiss say nothing about lips
MOST_LAG_S = 0.5
LAG_STEP_S = 0.02
_GRID_HZ = 100.0
_WINDOW_S = 0.05
_PAD_S = 1.0
_RANGE_DB = 40.0  # below the loudest passages counts as silence
_SILENT_RMS = 3e-4  # of full scale
LEAST_LOUD_DB = 3.5  # standard deviation of the loudness: a steady sound has nothing to follow


@dataclass(frozen=True, eq=False)
class Sync:
    """How mouth and sound go together.

    Attributes:
        times_s: (N,) of the frames.
        opening: (N,) float32 distance of the inner lips over the eye distance.
        loudness: (N,) float32 dB below the loudest passages, -40 to 0.
        lags_s: (L,) by how much the sound comes later than the mouth.
        correlation: (L,) -1 to 1.
        runs: positions of each stretch of neighbouring frames.
    """

    times_s: DoubleArray
    opening: FloatArray
    loudness: FloatArray
    lags_s: DoubleArray
    correlation: DoubleArray
    runs: tuple[IndexArray, ...]

    @property
    def peak(self) -> tuple[float, float]:
        """Highest correlation and its lag in seconds."""
        best = int(np.argmax(self.correlation))
        return float(self.correlation[best]), float(self.lags_s[best])


def mouth_opening(landmarks_px: npt.NDArray[np.floating]) -> DoubleArray:
    """(N,) distance of the inner lips over the eye distance of (N, 478, 2) landmarks; 0 = shut."""
    points = np.asarray(landmarks_px, np.float64)
    gaps = [np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in _LIPS]
    return np.mean(gaps, axis=0) / np.maximum(eye_distance_px(points), 1e-6)


_LIPS = ((13, 14), (82, 87), (312, 317))  # middle, and half way to the corners: upper, lower


def loudness_of(
    samples: FloatArray, rate_hz: int, start_s: float, end_s: float
) -> tuple[DoubleArray, DoubleArray]:
    """Loudness of the voice's band between two times: (G,) grid in seconds, (G,) root mean square; empty without sound there."""
    from scipy.signal import butter, sosfiltfilt

    first = max(0, int((start_s - _PAD_S) * rate_hz))
    last = min(len(samples), int((end_s + _PAD_S) * rate_hz))
    if last - first < rate_hz // 4:
        return np.zeros(0), np.zeros(0)
    high = min(BAND_HZ[1], 0.45 * rate_hz)
    band = butter(2, (BAND_HZ[0], high), "bandpass", fs=rate_hz, output="sos")
    voice = sosfiltfilt(band, samples[first:last].astype(np.float64))
    total = np.concatenate([[0.0], np.cumsum(np.square(voice))])
    half = int(0.5 * _WINDOW_S * rate_hz)
    grid = np.arange(half, len(voice) - half, max(1, int(rate_hz / _GRID_HZ)))
    power = (total[grid + half] - total[grid - half]) / (2 * half)
    return (first + grid) / rate_hz, np.sqrt(np.maximum(power, 0.0))


def compare(track: FaceTrack, runs: Sequence[IndexArray], audio: AudioSource) -> Sync | None:
    """Mouth against sound over stretches of neighbouring rows; None where the sound is silent, steady or too short."""
    samples = audio.samples()
    opening, loud, kept = [], [], []
    steps = round(MOST_LAG_S / LAG_STEP_S)
    lags: DoubleArray = LAG_STEP_S * np.arange(-steps, steps + 1, dtype=np.float64)
    for run in runs:
        times = track.times_s[run]
        grid, rms = loudness_of(samples, audio.sample_rate_hz, float(times[0]), float(times[-1]))
        heard = (times >= grid[0]) & (times <= grid[-1]) if len(grid) else np.zeros(len(run), bool)
        if heard.sum() > 1:
            run, times = run[heard], times[heard]
            opening.append(mouth_opening(track.landmarks_px[run]))
            loud.append(np.interp(times[None] + lags[:, None], grid, rms))  # (L, n)
            kept.append(run)
    if not kept:
        return None
    level = float(np.percentile(np.concatenate([x.ravel() for x in loud]), 95))
    if level < _SILENT_RMS:
        return None
    floor = level * 10.0 ** (-_RANGE_DB / 20.0)
    decibels = [20.0 * np.log10(np.maximum(x, floor) / level) for x in loud]
    middle = len(lags) // 2
    flat = np.concatenate([d[middle] for d in decibels])
    if flat.std() < LEAST_LOUD_DB:
        return None
    ends = np.cumsum([len(run) for run in kept])
    return Sync(
        track.times_s[np.concatenate(kept)],
        np.concatenate(opening).astype(np.float32),
        flat.astype(np.float32),
        lags,
        _correlation(opening, decibels),
        tuple(np.split(np.arange(ends[-1]), ends[:-1])),
    )


def _correlation(opening: Sequence[DoubleArray], loud: Sequence[DoubleArray]) -> DoubleArray:
    """(L,) over all stretches together, each with its own mean taken off."""
    mouth = [x - x.mean() for x in opening]
    sound = [x - x.mean(axis=1, keepdims=True) for x in loud]
    product = sum(s @ m for s, m in zip(sound, mouth, strict=True))
    power = sum(np.square(s).sum(axis=1) for s in sound) * sum(float(m @ m) for m in mouth)
    return np.asarray(product / np.sqrt(np.maximum(power, 1e-12)))
