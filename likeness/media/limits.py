"""How much a file may cost before it is refused, and the stopwatch that enforces it.

Media files are hostile until shown otherwise: a picture of 40 kilobytes may declare 900 megapixels, a recording may
declare a million frames. Declared sizes are compared with the limits before anything is decoded; what a header cannot
tell (time, frames that come only while decoding) is counted while it happens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from likeness.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """What one file may cost. Every default suits a laptop with 8 GB of memory.

    Attributes:
        file_bytes: size of the file (4 GiB).
        image_pixels: pixels of a still picture (80 million: any phone's ordinary mode).
        frame_pixels: pixels of one frame of a video (36 million: 8K); a decoder keeps some twenty of them.
        frames: frames of a video or animation (500,000: 4.6 hours at 30 Hz).
        seconds: playing time (4 hours).
        decoded_bytes: bytes that all frames take as RGB together (4 TiB: 6 hours of 1080p at 30 Hz).
        cache_bytes: memory that decoded frames of one clip may occupy (512 MiB); also bounds decoded sound.
        spill_bytes: what goes to a nameless temporary file once the memory is full (2 GiB; 0 = decode again instead).
        decode_seconds: time that may be spent reading and decoding one clip (15 minutes).
    """

    file_bytes: int = 4 << 30
    image_pixels: int = 80_000_000
    frame_pixels: int = 36_000_000
    frames: int = 500_000
    seconds: float = 4 * 3600.0
    decoded_bytes: int = 4 << 40
    cache_bytes: int = 512 << 20
    spill_bytes: int = 2 << 30
    decode_seconds: float = 900.0

    def check(self, name: str, what: str, actual: float, field: str) -> None:
        """Raise `LimitError` if `actual` is above the limit called `field`."""
        allowed = getattr(self, field)
        if actual > allowed:
            raise LimitError(
                f"{name}: expected at most {_number(allowed)} {what}, got {_number(actual)}; "
                f"if the file is trusted, raise Limits({field}=...)"
            )

    def check_picture(self, name: str, size_wh: tuple[int, int], moving: bool) -> None:
        """Raise `LimitError` if one picture of `size_wh` is too large (or has no area)."""
        width, height = size_wh
        if width <= 0 or height <= 0:
            raise LimitError(
                f"{name}: expected a picture with an area, got {width}x{height} pixels"
            )
        field = "frame_pixels" if moving else "image_pixels"
        self.check(name, f"pixels per {'frame' if moving else 'picture'}", width * height, field)

    def check_clip(self, name: str, size_wh: tuple[int, int], frames: int, seconds: float) -> None:
        """Raise `LimitError` if a clip of so many frames and seconds is too large."""
        self.check(name, "frames", frames, "frames")
        self.check(name, "seconds of playing time", seconds, "seconds")
        self.check(
            name, "bytes of decoded frames", frames * size_wh[0] * size_wh[1] * 3, "decoded_bytes"
        )


class Stopwatch:
    """Adds up the time spent on one clip; `check` raises once it is above the limit.

    It runs only inside `running()`, so that what a caller does between two frames is not charged to the file.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._spent_s = 0.0
        self._since: float | None = None

    @property
    def spent_s(self) -> float:
        """Seconds spent so far."""
        running = 0.0 if self._since is None else time.monotonic() - self._since
        return self._spent_s + running

    def check(self) -> None:
        """Raise `LimitError` if the clip has had its time."""
        self._limits.check(self._name, "seconds of decoding", self.spent_s, "decode_seconds")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Charge the time inside to the clip; nested use is charged once."""
        if self._since is not None:
            yield
            return
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._spent_s += time.monotonic() - self._since
            self._since = None


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
