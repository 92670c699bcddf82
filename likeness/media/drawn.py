"""Clips of pictures that are in memory already: drawn, degraded or generated ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from likeness.errors import MediaError, ShapeError
from likeness.media.frames import DrawnFrames, SharedFrames
from likeness.media.limits import Limits
from likeness.types import AudioSource, Clip, DoubleArray, ImageArray, MediaKind


def clip_from_frames(
    images: Sequence[ImageArray],
    fps: float = 25.0,
    name: str = "drawn",
    times_s: npt.ArrayLike | None = None,
    audio: AudioSource | None = None,
) -> Clip:
    """A clip of pictures in memory; its `sha256` is empty because it came from no file.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size; they are copied.
        fps: frame rate in Hz; ignored for one picture, which makes a clip of kind image.
        name: what to call it.
        times_s: (T,) presentation times in seconds, never falling; None = one frame after the other at `fps`. Stretches
            taken out of a longer clip keep their own times and so their gaps.
        audio: sound that goes with them.

    Raises:
        MediaError: no picture, pictures of different sizes, or times that are not one per picture, finite and in order.
        ShapeError: a picture that is not (H, W, 3) uint8.
    """
    copies = [np.array(image) for image in images]
    if not copies:
        raise MediaError(f"{name}: expected at least one picture, got none")
    for image in copies:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ShapeError(
                "images", "(H, W, 3) uint8 RGB", f"{image.dtype} array of shape {image.shape}"
            )
        if image.shape != copies[0].shape:
            raise MediaError(
                f"{name}: expected pictures of one size, got {image.shape} after {copies[0].shape}"
            )
    moving = len(copies) > 1
    times = np.arange(len(copies), dtype=np.float64) / (fps if moving else 1.0)
    if times_s is not None:
        times = _given_times(times_s, len(copies), name)
    for image in copies:
        image.flags.writeable = False
    # The pictures are in memory already: the cache need not hold them a second time.
    frames = SharedFrames(DrawnFrames(copies), times, "", Limits(cache_bytes=0, spill_bytes=0), {})
    height, width = copies[0].shape[:2]
    kind: MediaKind = "video" if moving else "image"
    return Clip(name, kind, frames, fps if moving else 0.0, times, (width, height), audio)


def _given_times(times_s: npt.ArrayLike, count: int, name: str) -> DoubleArray:
    times = np.array(times_s, np.float64)
    if times.shape != (count,) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise MediaError(
            f"{name}: expected {count} finite times in order, got {times.tolist()[:5]}"
        )
    return times
