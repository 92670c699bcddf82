"""Decoded frames that are kept so that ten detectors decode once: memory first, then a nameless temporary file.

Nothing is thrown out: detectors walk the same ascending indices one after the other, and for that pattern a cache that
keeps its first frames serves most of them while one that keeps its last serves none.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO

import numpy as np

from likeness.types import ImageArray


class FrameCache:
    """Images by frame index.

    Args:
        memory_bytes: how much memory the images may take.
        spill_bytes: how much may be written to a temporary file beyond that; it has no name and vanishes with the
            process.
    """

    def __init__(self, memory_bytes: int, spill_bytes: int) -> None:
        self._images: dict[int, ImageArray] = {}
        self._memory_left = memory_bytes
        self._spilled: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._spill_left = spill_bytes
        self._file: BinaryIO | None = None
        self._end = 0

    def __contains__(self, index: int) -> bool:
        return index in self._images or index in self._spilled

    def get(self, index: int) -> ImageArray | None:
        """The image of frame `index` (read-only), or None."""
        if index in self._images:
            return self._images[index]
        if index not in self._spilled or self._file is None:
            return None
        offset, shape = self._spilled[index]
        image = np.empty(shape, np.uint8)
        self._file.seek(offset)
        if self._file.readinto(image.data) != image.nbytes:  # type: ignore[attr-defined]
            return None  # the disk lost it: decode again
        image.flags.writeable = False
        return image

    def put(self, index: int, image: ImageArray, spill: bool) -> None:
        """Keep `image` if there is room; it becomes read-only because several parts will share it.

        Args:
            index: frame index.
            image: (H, W, 3) uint8.
            spill: whether it may go to the temporary file when the memory is full.
        """
        image.flags.writeable = False
        if index in self:
            return
        if image.nbytes <= self._memory_left:
            self._images[index] = image
            self._memory_left -= image.nbytes
        elif spill and image.nbytes <= self._spill_left:
            self._write(index, image)

    def clear(self) -> None:
        """Forget everything and give the temporary file back."""
        self._images.clear()
        self._spilled.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
            self._spill_left = 0

    def _write(self, index: int, image: ImageArray) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the cache
            self._file.seek(self._end)
            written = self._file.write(np.ascontiguousarray(image).data)
        except OSError:
            self._spill_left = 0  # disk full or no temporary folder: decode again instead
            return
        if written == image.nbytes:
            self._spilled[index] = (self._end, image.shape)
            self._end += image.nbytes
            self._spill_left -= image.nbytes
        else:
            self._spill_left = 0
