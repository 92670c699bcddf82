"""Between libav and the caller's file: one place to read back from, one place where a full disk is noticed."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from likeness.errors import LikenessError, OutputError, why_not_written
from likeness.media.placed import PlacedReader


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn whatever an encoder, a muxer or the disk raises into `OutputError`.

    Args:
        what: what is being written, in words.
    """
    try:
        yield
    except LikenessError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write the {what}: {why_not_written(error)}") from error
    except (ValueError, RuntimeError) as error:
        raise OutputError(f"cannot write the {what}: {error}") from error


class Channel:
    """What libav writes to: the caller's file until `mute`, then nowhere.

    A muxer that is given up still writes its index when it is taken down; muted, that costs nothing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        if self._file is not None:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return 0 if self._file is None else self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the next byte goes."""
        return 0 if self._file is None else self._file.tell()

    def mute(self) -> None:
        """Forget the file."""
        self._file = None

    def read_back(self, name: str, flags: int, options: object) -> BinaryIO:
        """A reader over what was written, at its own place; libav asks for one to put the index first."""
        return ReadBack(self._file or io.BytesIO())  # type: ignore[return-value]


class ReadBack(PlacedReader):
    """Reads a file that somebody else is writing, and leaves the writer's place alone."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def length(self) -> int:
        """Bytes that were written so far."""
        here = self._file.tell()
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(here)
        return end

    def read_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""
        here = self._file.tell()
        self._file.seek(offset)
        data = self._file.read(count)
        self._file.seek(here)
        return data
