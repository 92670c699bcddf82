"""Sound to WAV: plain PCM of 16 bits, by the standard library."""

from __future__ import annotations

import wave
from typing import BinaryIO

import numpy as np

from likeness.errors import OutputError, ShapeError
from likeness.types import FloatArray

_MOST_BYTES = (
    2**32 - 1 - 4096
)  # RIFF counts in 32 bits; credentials need some room beside the sound
_BLOCK = 1 << 20


def write_wav(file: BinaryIO, samples: FloatArray, sample_rate_hz: int) -> None:
    """Write a WAV file.

    Args:
        file: seekable, open for writing; it stays open.
        samples: (N,) mono or (N, C) float32 in [-1, 1]; what lies beyond is clipped.
        sample_rate_hz: 1,000 to 384,000.

    Raises:
        OutputError: nothing to write, a rate out of range, or more than a WAV file holds (4 GiB).
        ShapeError: `samples` are no float32 array of one or two dimensions, or hold a NaN.
    """
    if samples.dtype != np.float32 or samples.ndim not in (1, 2):
        raise ShapeError(
            "samples", "(N,) or (N, C) float32", f"{samples.dtype} array of shape {samples.shape}"
        )
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    if len(samples) == 0 or not 1 <= channels <= 32 or not 1_000 <= sample_rate_hz <= 384_000:
        raise OutputError(
            "sound: expected samples in 1 to 32 channels at 1,000 to 384,000 Hz, got "
            f"{samples.shape} at {sample_rate_hz} Hz"
        )
    if samples.size * 2 > _MOST_BYTES:
        raise OutputError("sound: a WAV file holds at most 4 GiB; write it in parts")
    # `wave` would close the file on its own if it were handed a name; a file object is left open.
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(int(sample_rate_hz))
        out.setnframes(len(samples))
        for start in range(0, len(samples), _BLOCK):
            block = samples[start : start + _BLOCK]
            if np.isnan(block).any():
                raise ShapeError("samples", "numbers", "NaN")
            whole = np.rint(np.clip(block, -1.0, 1.0) * 32767.0)
            out.writeframesraw(whole.astype("<i2").tobytes())
