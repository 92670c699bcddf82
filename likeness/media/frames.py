"""Lazy frames behind one shared cache: the `FrameSource` of every clip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np

from likeness.errors import UsageError
from likeness.media.cache import FrameCache
from likeness.media.limits import Limits
from likeness.types import DoubleArray, FactValue, Frame, ImageArray


class Decoder(Protocol):
    """What gives pixels by frame index; calls come one at a time.

    Attributes:
        decoded: frames decoded so far.
        converted: frames turned into RGB so far.
        resized: frames whose size differed from the first one's and that were scaled to it.
        damaged: indices that were asked for and cannot be decoded.
    """

    decoded: int
    converted: int
    resized: int
    damaged: set[int]

    def image_at(self, index: int) -> ImageArray | None:
        """(H, W, 3) uint8 RGB, upright, or None if the frame is damaged."""
        ...

    def luma_at(self, index: int, size_wh: tuple[int, int]) -> ImageArray | None:
        """(h, w) uint8 brightness at a small size, or None if the frame is damaged."""
        ...

    def close(self) -> None:
        """Release whatever is held, the file included."""
        ...


class SharedFrames:
    """Frames of one clip, decoded when asked for, kept as long as they fit.

    Any number of parts may walk it, also interleaved or from several threads: each frame is decoded once while the cache
    has room. Images are read-only because they are shared; copy before writing into one. A frame that is damaged is left
    out and counted in the clip's facts as `damaged_frames`: look at `Frame.index`, not at the order of arrival.
    """

    def __init__(
        self,
        decoder: Decoder,
        timestamps_s: DoubleArray,
        sha256: str,
        limits: Limits,
        facts: dict[str, FactValue],
    ) -> None:
        self._decoder = decoder
        self._times = timestamps_s
        self._sha256 = sha256
        self._facts = facts
        self._cache = FrameCache(limits.cache_bytes, limits.spill_bytes)
        self._lock = threading.RLock()
        self._cuts: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[Frame]:
        return self._walk(range(len(self)), spill=False)

    def at(self, indices: Iterable[int]) -> Iterator[Frame]:
        """The frames at `indices`, yielded in ascending order, each once; damaged ones are left out.

        Raises:
            UsageError: an index outside `range(len(self))`.
        """
        wanted = sorted({int(index) for index in indices})
        if wanted and not (wanted[0] >= 0 and wanted[-1] < len(self)):
            raise UsageError(
                f"expected frame indices from 0 to {len(self) - 1}, got {wanted[0]} to {wanted[-1]}"
            )
        return self._walk(wanted, spill=True)

    def luma(
        self, indices: Iterable[int], size_wh: tuple[int, int]
    ) -> Iterator[tuple[int, ImageArray]]:
        """(index, (h, w) uint8 brightness) of the frames at `indices`, ascending; far cheaper than `at`, not cached."""
        for index in sorted({int(i) for i in indices}):
            with self._lock:
                small = self._decoder.luma_at(index, size_wh)
            if small is not None:
                yield index, small

    @property
    def decoded_frames(self) -> int:
        """Frames that the decoder produced so far, passed-over ones included."""
        return self._decoder.decoded

    @property
    def converted_frames(self) -> int:
        """Frames that were turned into RGB so far: without the cache, one per request."""
        return self._decoder.converted

    def close(self) -> None:
        """Release the decoder, the cache and the file, for the sound too. What was handed out stays valid."""
        with self._lock:
            self._decoder.close()
            self._cache.clear()

    def remember(self, index: int, image: ImageArray) -> None:
        """Put a frame that was decoded on the way into the cache."""
        with self._lock:
            self._cache.put(index, image, spill=False)

    def cuts(self, step: int) -> tuple[int, ...] | None:
        """Scene cuts found earlier at this step, or None."""
        return self._cuts.get(step)

    def remember_cuts(self, step: int, cuts: tuple[int, ...]) -> None:
        """Keep scene cuts for the next one who asks."""
        self._cuts[step] = cuts

    def _walk(self, indices: Iterable[int], spill: bool) -> Iterator[Frame]:
        for index in indices:
            with self._lock:
                image = self._cache.get(index)
                if image is None:
                    image = self._decode(index, spill)
            if image is not None:
                yield Frame(image, index, float(self._times[index]), self._sha256)

    def _decode(self, index: int, spill: bool) -> ImageArray | None:
        if index in self._decoder.damaged:
            return None
        image = self._decoder.image_at(index)
        if image is None:
            known = self._facts.get("damaged_frames") or 0
            self._facts["damaged_frames"] = int(known) + 1
            return None
        if self._decoder.resized:
            self._facts["resized_frames"] = self._decoder.resized
        self._cache.put(index, image, spill)
        return image


class DrawnFrames:
    """Decoder over pictures that are in memory already; `release` is called when it is closed."""

    def __init__(self, images: list[ImageArray], release: Callable[[], None] | None = None) -> None:
        self.decoded = self.converted = self.resized = 0
        self.damaged: set[int] = set()
        self._images = images
        self._release = release

    def image_at(self, index: int) -> ImageArray | None:
        """The picture itself."""
        return self._images[index]

    def luma_at(self, index: int, size_wh: tuple[int, int]) -> ImageArray | None:
        """Brightness of the picture, scaled."""
        return small_luma(self._images[index], size_wh)

    def close(self) -> None:
        """Call `release`; the pictures stay."""
        if self._release is not None:
            self._release()


def small_luma(image: ImageArray, size_wh: tuple[int, int]) -> ImageArray:
    """(h, w) uint8 brightness (BT.601) of an (H, W, 3) RGB image at a small size."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).convert("L").resize(size_wh, Image.Resampling.BOX))
