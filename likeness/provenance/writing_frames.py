"""Generated frames on their way to the encoder: label, then watermark, a few at a time on several threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from likeness.errors import OutputError, ShapeError
from likeness.provenance import watermark
from likeness.provenance.visible_label import VisibleLabel
from likeness.types import FloatArray, Frame, ImageArray, check_array

_MOST_THREADS = 4


@dataclass(frozen=True, eq=False)
class GeneratedFrame:
    """A generated picture.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        time_s: when it is shown, in seconds from the clip's start; 0 for a still.
        emphasis: (H, W) float32 in [0, 1], 1 where the watermark shall be stronger, such as on the generated face.
    """

    image: ImageArray
    time_s: float = 0.0
    emphasis: FloatArray | None = None

    def __post_init__(self) -> None:
        check_array("GeneratedFrame.image", self.image, (None, None, 3), np.uint8)
        if self.emphasis is not None:
            check_array("GeneratedFrame.emphasis", self.emphasis, self.image.shape[:2], np.float32)
            if not (self.emphasis.min() >= 0 and self.emphasis.max() <= 1):
                raise ShapeError("GeneratedFrame.emphasis", "values in [0, 1]", "others")


class Marker:
    """Puts label and watermark on frames of one size.

    Args:
        size_wh: of every frame that comes.
        payload: the watermark's number.
        label: words to burn in; None for none.
        even: repeat the last column or row where a side is odd.
    """

    def __init__(
        self, size_wh: tuple[int, int], payload: int, label: str | None, even: bool
    ) -> None:
        grown = (size_wh[0] + size_wh[0] % 2, size_wh[1] + size_wh[1] % 2) if even else size_wh
        self.size_wh, self.given_wh = grown, size_wh
        self._embedder = watermark.Embedder(grown, payload)
        self._label = VisibleLabel(label, grown) if label else None

    def mark(self, frame: GeneratedFrame | Frame) -> ImageArray:
        """The marked picture, of `size_wh`. Raises `OutputError` for a frame of another size than the first."""
        height, width = frame.image.shape[:2]
        if (width, height) != self.given_wh:
            raise OutputError(
                f"expected frames of {self.given_wh[0]}x{self.given_wh[1]} px like the first, got {width}x{height}"
            )
        image = self._grown(frame.image)
        if self._label is not None:
            image = self._label.burn(
                image
            )  # before the watermark, which lies over all of the picture
        emphasis = getattr(frame, "emphasis", None)
        return self._embedder.embed(image, None if emphasis is None else self._grown(emphasis))

    def _grown(self, array: Any) -> Any:
        below, right = self.size_wh[1] - array.shape[0], self.size_wh[0] - array.shape[1]
        if not below and not right:
            return array
        return np.pad(array, ((0, below), (0, right), (0, 0))[: array.ndim], mode="edge")


def marked(
    frames: Iterable[GeneratedFrame | Frame], marker_for: Callable[[tuple[int, int]], Marker]
) -> Generator[tuple[ImageArray, float], None, None]:
    """Marked pictures with their times, in order; at most a handful of frames are in memory.

    Args:
        frames: consumed on the caller's thread.
        marker_for: makes the marker once the first frame tells the size.
    """
    threads = max(1, min(_MOST_THREADS, os.cpu_count() or 1))
    waiting: deque[tuple[Future[ImageArray], float]] = deque()
    marker: Marker | None = None
    with ThreadPoolExecutor(threads) as pool:
        try:
            for frame in frames:
                if marker is None:
                    marker = marker_for((frame.image.shape[1], frame.image.shape[0]))
                waiting.append((pool.submit(marker.mark, frame), float(frame.time_s)))
                if len(waiting) > threads:
                    image, time_s = waiting.popleft()
                    yield image.result(), time_s
            while waiting:
                image, time_s = waiting.popleft()
                yield image.result(), time_s
        finally:
            for image, _ in waiting:
                image.cancel()
