"""A read-only file object with a place of its own over bytes that are read by offset; what all our readers are."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod


class PlacedReader(io.RawIOBase, ABC):
    """Seekable and read-only; whoever inherits says how long the bytes are and what stands at an offset."""

    def __init__(self) -> None:
        super().__init__()
        self._place = 0

    @abstractmethod
    def length(self) -> int:
        """Bytes there are to read now."""

    @abstractmethod
    def read_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; see `io.IOBase.seek`."""
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"whence {whence} is not supported")
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence)
        place = (self.length() if base is None else base) + offset
        if place < 0:
            raise ValueError("negative place in the file")
        self._place = place
        return place

    def read(self, count: int | None = -1) -> bytes:
        """At most `count` bytes; all that is left for -1 or None."""
        left = max(0, self.length() - self._place)
        count = left if count is None or count < 0 else min(count, left)
        data = self.read_at(self._place, count) if count else b""
        self._place += len(data)
        return data

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill `buffer`; returns how many bytes came."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
