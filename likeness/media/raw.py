"""The very bytes that a clip was opened from, for those who read what stands beside the pixels.

A clip's decoder may let go of its file long before somebody asks for credentials or metadata, so the bytes are reached on
their own: a path is opened again and compared with what was hashed, bytes and copies of file objects are kept.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from likeness.errors import MediaError
from likeness.media.placed import PlacedReader

MOST_SIDECAR_BYTES: Final = 16 << 20
_BLOCK = 1 << 20


@dataclass
class RawBytes:
    """Satisfies `likeness.types.RawFile`.

    Attributes:
        size_bytes: length of the file.
        media_type: such as image/jpeg, by content.
        opener: opens the bytes once more.
        path: where they lie; None for bytes and file objects.
    """

    size_bytes: int
    media_type: str
    opener: Callable[[], BinaryIO]
    path: Path | None = None

    def open(self) -> BinaryIO:
        """A new read-only seekable file at its start; the caller closes it.

        Raises:
            MediaError: the path no longer leads to the bytes that were hashed.
        """
        return self.opener()

    def sidecar(self) -> bytes | None:
        """See `read_sidecar`."""
        return None if self.path is None else read_sidecar(self.path)


def read_sidecar(path: Path) -> bytes | None:
    """What lies beside a file as `name.ext.c2pa`, for containers that cannot carry their own credentials.

    Returns:
        At most `MOST_SIDECAR_BYTES` + 1 bytes, so that a reader notices what is too long; None if there is no such file or
        it cannot be read: absence of credentials says nothing either way.
    """
    beside = path.with_name(path.name + ".c2pa")
    try:
        if not beside.is_file():
            return None
        with beside.open("rb") as file:
            return file.read(MOST_SIDECAR_BYTES + 1)
    except OSError:
        return None


class SharedFile:
    """One seekable file that any number of readers read, each at its own place; closed when nobody holds it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.size_bytes = file.seek(0, os.SEEK_END)

    def read_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(count)

    def open(self) -> BinaryIO:
        """A new reader at the start."""
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", _Reader(self)), 1 << 16))


class _Reader(PlacedReader):
    def __init__(self, shared: SharedFile) -> None:
        super().__init__()
        self._shared = shared

    def length(self) -> int:
        return self._shared.size_bytes

    def read_at(self, offset: int, count: int) -> bytes:
        return self._shared.read_at(offset, count)


class PathAgain:
    """Opens a path once more and answers for it that these are still the same bytes.

    The same file with the same size and times is taken as unchanged; where a time differs (a link was made, the file was
    copied back) the bytes are hashed again.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path.absolute()
        status = os.fstat(descriptor)
        self._mark, self._size = _mark(status), status.st_size

    def open(self, sha256: str) -> BinaryIO:
        """A new reader at the start. Raises `MediaError` unless it reads the bytes with this hash."""
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            file = os.fdopen(os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0)), "rb")
        except OSError as error:
            raise MediaError(
                f"{self.path.name}: expected the file that was opened, got: "
                f"{(error.strerror or str(error)).lower()}; open it again"
            ) from error
        try:
            now = os.fstat(file.fileno())
            other = not stat.S_ISREG(now.st_mode) or now.st_size != self._size
            if other or (_mark(now) != self._mark and _hash(file) != sha256):
                raise MediaError(
                    f"{self.path.name}: was changed since it was opened; open it again"
                )
            file.seek(0)
            return file
        except OSError as error:
            file.close()
            raise MediaError(
                f"{self.path.name}: cannot be read again ({error}); open it again"
            ) from error
        except BaseException:
            file.close()
            raise


def _mark(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
