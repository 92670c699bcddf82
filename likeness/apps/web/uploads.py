"""Uploads: streamed to disk piece by piece, hashed on the way, judged by their first bytes and never by their name."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from likeness.apps.web.problems import Problem
from likeness.media.sniff import HEAD_BYTES, SUPPORTED, describe, media_type, sniff

MOST_NAME = 120
MOST_FIELDS = 8
MOST_FIELD_BYTES = 16 << 10
MOST_HEADER_BYTES = 4 << 10
BATCH_BYTES = 256 << 10
SPARE_DISK_BYTES = 256 << 20
"""What stays free on the disk for results and for everybody else."""


@dataclass(frozen=True)
class Upload:
    """A file that has arrived.

    Attributes:
        path: where it lies for now; whoever takes it moves it away.
        file_name: what the person called it, cleaned for showing.
        sha256: hash of its bytes.
        size_bytes: how large it is.
        media_type: by its first bytes; of a container that may hold either, the type with a moving picture.
    """

    path: Path
    file_name: str
    sha256: str
    size_bytes: int
    media_type: str


@dataclass
class Received:
    """All that one request brought: its files and its fields."""

    uploads: list[Upload] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    def drop(self) -> None:
        """Delete the files that nobody took."""
        for upload in self.uploads:
            upload.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class UploadLimits:
    """What one request may bring.

    Attributes:
        file_bytes: size of one file.
        files: how many.
        any_type: take whatever it is (a report that is to be checked) instead of media only.
    """

    file_bytes: int
    files: int
    any_type: bool = False


async def receive(
    stream: AsyncIterator[bytes], content_type: str, folder: Path, limits: UploadLimits
) -> Received:
    """Take a multipart request apart while it arrives.

    Args:
        stream: the body in pieces.
        content_type: its header.
        folder: where files lie until they are taken; they get random names.
        limits: what may come.

    Raises:
        Problem: 4xx with a sentence; nothing is left in the folder.
    """
    kind, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 200:
        raise Problem(415, "An upload is a multipart form with a field called file.")
    parts = _Parts(folder, limits)
    parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
    try:
        batch = bytearray()
        async for piece in stream:
            batch += piece
            if len(batch) >= BATCH_BYTES:
                await run_in_threadpool(_feed, parser, bytes(batch))
                batch.clear()
        await run_in_threadpool(_feed, parser, bytes(batch))
        if not parts.ended:
            raise Problem(400, "The upload is broken off: its last boundary is missing.")
        return parts.received
    except BaseException:
        await run_in_threadpool(parts.abandon)
        raise


def clean_name(raw: str) -> str:
    """A file name for showing: its last part, without control or direction characters, of bounded length."""
    last = PurePosixPath(raw.replace("\\", "/")).name
    kept = "".join(c if unicodedata.category(c)[0] not in "CZ" else " " for c in last)
    kept = " ".join(unicodedata.normalize("NFC", kept).split())
    if len(kept) > MOST_NAME:
        kept = f"{kept[: MOST_NAME - 16]}…{kept[-15:]}"
    return kept if kept.strip(". ") else "unnamed file"


def _feed(parser: MultipartParser, data: bytes) -> None:
    try:
        parser.write(data)
    except FormParserError:
        raise Problem(400, "The upload is no well-formed multipart form.") from None
    except OSError:
        raise Problem(507, "The disk of this workbench is full.") from None


class _Parts:
    """What the parser calls back: headers become a field or a file, data goes where its part belongs."""

    def __init__(self, folder: Path, limits: UploadLimits) -> None:
        self.received, self.ended = Received(), False
        self._folder, self._limits = folder, limits
        self._header, self._value, self._headers_bytes = b"", b"", 0
        self._headers: dict[bytes, bytes] = {}
        self._name, self._fields = "", 0
        self._file: _Incoming | None = None
        self._text = bytearray()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def abandon(self) -> None:
        if self._file is not None:
            self._file.drop()
        self.received.drop()

    def _begin(self) -> None:
        self._headers, self._header, self._value, self._headers_bytes = {}, b"", b"", 0
        self._text, self._file, self._name = bytearray(), None, ""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._headers_bytes += size
        if self._headers_bytes > MOST_HEADER_BYTES:
            raise Problem(400, "A part of the upload has headers that are far too long.")

    def _header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        shape, parameters = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        if shape != b"form-data" or not self._name:
            raise Problem(400, "A part of the upload does not say what it is.")
        if b"filename" not in parameters:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise Problem(413, "The upload has too many fields.")
            return
        if self._name != "file":
            raise Problem(422, "Files are expected in a field called file.")
        if len(self.received.uploads) >= self._limits.files:
            raise Problem(413, f"At most {self._limits.files} files can come at once.")
        name = clean_name(parameters[b"filename"].decode("utf-8", "replace"))
        self._file = _Incoming(self._folder, name, self._limits)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif len(self._text) + end - start > MOST_FIELD_BYTES:
            raise Problem(413, "A field of the upload is too long.")
        else:
            self._text += data[start:end]

    def _part_end(self) -> None:
        if self._file is None:
            self.received.fields[self._name] = self._text.decode("utf-8", "replace")
            return
        self.received.uploads.append(self._file.finish())
        self._file = None

    def _end(self) -> None:
        self.ended = True


class _Incoming:
    """One file on its way to the disk."""

    def __init__(self, folder: Path, name: str, limits: UploadLimits) -> None:
        self._name, self._limits = name, limits
        self._path = folder / f"{secrets.token_hex(16)}.partial"
        self._digest, self._size, self._head = hashlib.sha256(), 0, b""
        self._type = ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file: BinaryIO = os.fdopen(os.open(self._path, flags, 0o600), "wb")

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limits.file_bytes:
            most = self._limits.file_bytes / (1 << 20)
            raise Problem(413, f"A file is too large: this workbench takes up to {most:,.0f} MiB.")
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._judge()
        self._digest.update(data)
        self._file.write(data)

    def finish(self) -> Upload:
        if self._size == 0:
            raise Problem(422, "A file is empty.")
        if not self._type:
            self._judge()
        self._file.close()
        return Upload(self._path, self._name, self._digest.hexdigest(), self._size, self._type)

    def drop(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _judge(self) -> None:
        if self._limits.any_type:
            self._type = "application/octet-stream"
            return
        found = sniff(self._head)
        if found is None:
            got = describe(self._head).partition(" starting ")[0]
            raise Problem(415, f"Expected {SUPPORTED}; one of the files is {got}.")
        self._type = media_type(found, self._head, found.key not in ("wav", "flac", "mp3", "aac"))


def room_for(folder: Path, size_bytes: int) -> bool:
    """Whether the disk can take so much and still has some left."""
    return shutil.disk_usage(folder).free >= size_bytes + SPARE_DISK_BYTES
