"""The bytes of one input: opened once, checked, hashed, and read at any place by any number of readers.

Everything later works on this one open file: what was hashed is what is decoded, even if the path is replaced meanwhile.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from likeness.errors import MediaError
from likeness.media.limits import Limits, Stopwatch
from likeness.media.placed import PlacedReader
from likeness.media.raw import PathAgain, RawBytes, SharedFile

_BLOCK = 1 << 20


class ByteSource:
    """An opened input.

    Attributes:
        name: what a person calls it.
        size_bytes: its length.
        sha256: hex hash of all its bytes.
        stopwatch: time spent on it so far.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        limits: Limits,
        reopen: Callable[[str], BinaryIO] | None = None,
        path: Path | None = None,
    ) -> None:
        self.name = name
        self._path = path
        self.limits = limits
        self.stopwatch = Stopwatch(name, limits)
        self._file = file
        self._reopen = reopen
        self._lock = threading.Lock()
        self.size_bytes = file.seek(0, os.SEEK_END)
        limits.check(name, "bytes", self.size_bytes, "file_bytes")
        if self.size_bytes == 0:
            raise MediaError(f"{name}: expected a picture, video or recording, got an empty file")
        self.sha256 = self._hash()

    def read_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""
        with self._lock:
            if self._file.closed:
                raise MediaError(f"{self.name}: was closed; open it again to read more frames")
            self._file.seek(offset)
            return self._file.read(count)

    def reader(self) -> SourceReader:
        """A new reader at the start of the input."""
        return SourceReader(self)

    def raw(self, media_type: str) -> RawBytes | None:
        """The same bytes for others; stays good after `close`. None where they cannot be reached again."""
        if self._reopen is None:
            return None
        opener = partial(self._reopen, self.sha256)
        return RawBytes(self.size_bytes, media_type, opener, self._path)

    def close(self) -> None:
        """Release the file; readers fail from here on."""
        with self._lock:
            self._file.close()

    def _hash(self) -> str:
        digest = hashlib.sha256()
        with self.stopwatch.running():
            for offset in range(0, self.size_bytes, _BLOCK):
                digest.update(self.read_at(offset, _BLOCK))
                self.stopwatch.check()
        return digest.hexdigest()


class SourceReader(PlacedReader):
    """A read-only, seekable file object over a `ByteSource`; stops a parser that reads for too long."""

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source

    def length(self) -> int:
        """Bytes of the input."""
        return self._source.size_bytes

    def read_at(self, offset: int, count: int) -> bytes:
        """See `ByteSource.read_at`."""
        return self._source.read_at(offset, count)

    def read(self, count: int | None = -1) -> bytes:
        """See `PlacedReader.read`; raises `LimitError` when the parser has taken too long."""
        self._source.stopwatch.check()
        return super().read(count)


def open_source(
    source: str | Path | bytes | BinaryIO, limits: Limits, name: str | None = None
) -> ByteSource:
    """Open a path, bytes or a file object.

    Args:
        source: path of a regular file (links are followed; a pipe, device, socket, folder or URL is refused before it
            is opened), its bytes, or a binary file object (copied up to `limits.file_bytes`; its position is used up).
        limits: see `Limits`.
        name: what to call it in messages; default: the file's name, or a word.

    Raises:
        MediaError: not a readable regular file, or empty.
        LimitError: larger than `limits.file_bytes`.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        limits.check(name or "bytes", "bytes", len(source), "file_bytes")
        content = bytes(source)  # shared, not copied, by every BytesIO that only reads
        return ByteSource(
            io.BytesIO(content), name or "bytes", limits, lambda _: io.BytesIO(content)
        )
    if isinstance(source, (str, Path)):
        path = Path(source)
        file = _open_regular(path)
        again = PathAgain(path, file.fileno())
        return ByteSource(file, name or path.name or str(path), limits, again.open, again.path)
    if callable(getattr(source, "read", None)):
        shared = SharedFile(_spool(source, limits, name))
        return ByteSource(shared.open(), name or "file object", limits, lambda _: shared.open())
    raise MediaError(
        f"{name or 'source'}: expected a path, bytes or a binary file object, got {type(source).__name__}"
    )


def _open_regular(path: Path) -> BinaryIO:
    text = os.fspath(path)
    if "\x00" in text:
        raise MediaError(f"{text!r}: expected a path, got one with a null byte")
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        _require_regular(path, path.stat().st_mode)
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        hint = (
            "; URLs are not fetched: download the file first"
            if "://" in text or ":/" in text
            else ""
        )
        reason = (error.strerror or str(error)).lower()
        raise MediaError(f"{text}: expected a readable file, got: {reason}{hint}") from error
    try:
        _require_regular(path, os.fstat(descriptor).st_mode)  # it may have been replaced meanwhile
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def _require_regular(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    got = kinds.get(stat.S_IFMT(mode), "something else")
    raise MediaError(f"{path}: expected a regular file, got {got}; save the media to a file first")


def _spool(file: BinaryIO, limits: Limits, name: str | None) -> BinaryIO:
    called = name or "file object"
    copy = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115 - lives as long as the clip
    total = 0
    while True:
        try:
            block = file.read(_BLOCK)
        except (OSError, ValueError) as error:
            raise MediaError(f"{called}: expected a readable file object, got: {error}") from error
        if not block:
            return copy  # type: ignore[return-value]
        if not isinstance(block, bytes):
            raise MediaError(
                f"{called}: expected a binary file object, got one that reads {type(block).__name__}; "
                f"open it with mode 'rb'"
            )
        total += len(block)
        limits.check(called, "bytes", total, "file_bytes")
        copy.write(block)
