"""Where the manifest store lies in a file, container by container; nothing is decoded.

JPEG: APP11 segments (C2PA specification 2.2, appendix A.3.1); PNG: chunk caBX; RIFF: chunk C2PA; ISO base media: a
uuid box. Files of other kinds are searched for the first bytes of a store, which holds where it lies in one piece.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from likeness.errors import LimitError, MediaError
from likeness.provenance.hard_binding_jumbf import is_store

C2PA_BOX: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MOST_PARTS = 100_000
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FoundStore:
    """A manifest store: its bytes, and the (start, end) ranges of the file that it takes with its wrapping."""

    data: bytes
    ranges: tuple[tuple[int, int], ...]
    container: str


@dataclass(frozen=True)
class Box:
    """A top-level box of an ISO base media file: type, where it starts and ends, length of its header."""

    kind: bytes
    start: int
    end: int
    head: int


def locate_store(file: BinaryIO, most_bytes: int) -> FoundStore | None:
    """The manifest store of a file, or None if there is none.

    Raises:
        LimitError: larger than `most_bytes`, or the file has absurdly many parts.
        MediaError: the container is damaged on the way to it.
    """
    size = file.seek(0, os.SEEK_END)
    head = read_at(file, 0, 12)
    if head.startswith(b"\xff\xd8"):
        return _in_jpeg(file, size, most_bytes)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _in_chunks(file, size, most_bytes, png=True)
    if head[:4] == b"RIFF":
        return _in_chunks(file, size, most_bytes, png=False)
    if head[4:8] == b"ftyp":
        return _in_boxes(file, size, most_bytes)
    return _anywhere(file, most_bytes)


def top_boxes(file: BinaryIO, size: int) -> Iterator[Box]:
    """The top-level boxes of an ISO base media file, to its end.

    Raises:
        MediaError: a box that does not fit.
        LimitError: absurdly many.
    """
    place, left = 0, _MOST_PARTS
    while place < size:
        left -= 1
        if left < 0:
            raise LimitError(f"expected at most {_MOST_PARTS} boxes in the file, got more")
        header = read_at(file, place, 16)
        if len(header) < 8:
            raise MediaError("the last box of the file is cut off")
        length, kind = struct.unpack_from(">I4s", header)
        head = 8
        if length == 1 and len(header) == 16:
            (length,), head = struct.unpack_from(">Q", header, 8), 16
        elif length == 0:
            length = size - place
        if length < head or length > size - place:
            raise MediaError(f"the box {kind!r} at byte {place} is larger than the file")
        yield Box(kind, place, place + length, head)
        place += length


def read_at(file: BinaryIO, place: int, count: int) -> bytes:
    """At most `count` bytes from `place`."""
    file.seek(place)
    return file.read(count)


def _in_jpeg(file: BinaryIO, size: int, most: int) -> FoundStore | None:
    """Segments of one box instance, put together in their order; each repeats the box's header."""
    place, parts, ranges, instance, left = 2, [], [], b"", _MOST_PARTS
    while place + 4 <= size and left:
        left -= 1
        marker = read_at(file, place, 4)
        if marker[0] != 0xFF:
            raise MediaError(f"JPEG: expected a segment at byte {place}, got other data")
        if marker[1] in (0xDA, 0xD9):  # picture data: no metadata segment comes after it
            break
        if marker[1] == 0xFF:
            place += 1
            continue
        if marker[1] == 1 or 0xD0 <= marker[1] <= 0xD7:
            place += 2
            continue
        end = place + 2 + int.from_bytes(marker[2:4], "big")
        if marker[1] == 0xEB:
            body = read_at(file, place + 4, end - place - 4)
            if not instance and body[:2] == b"JP" and is_store(body[8:40]):
                instance = body[2:4]
                parts.append(body[8:])
                ranges.append((place, end))
            elif instance and body[:2] == b"JP" and body[2:4] == instance:
                parts.append(body[16:])
                ranges.append((place, end))
            if sum(end - start for start, end in ranges) > most + len(ranges) * 20:
                raise LimitError(f"the credentials are larger than {most} bytes")
        place = max(end, place + 4)
    return FoundStore(b"".join(parts), tuple(ranges), "JPEG") if parts else None


def _in_chunks(file: BinaryIO, size: int, most: int, png: bool) -> FoundStore | None:
    place, left = (8 if png else 12), _MOST_PARTS
    while place + 8 <= size:
        left -= 1
        if left < 0:
            raise LimitError(f"expected at most {_MOST_PARTS} chunks in the file, got more")
        length, kind = struct.unpack(">I4s" if png else "<I4s", _swapped(file, place, png))
        if kind == (b"caBX" if png else b"C2PA"):
            end = place + 8 + length + (4 if png else length & 1)
            data = _bounded(file, place + 8, min(length, size - place - 8), most)
            return FoundStore(data, ((place, min(end, size)),), "PNG" if png else "RIFF")
        place += 8 + length + (4 if png else length & 1)
    return None


def _swapped(file: BinaryIO, place: int, png: bool) -> bytes:
    """A chunk's header with the length first: RIFF has it second."""
    header = read_at(file, place, 8)
    return header if png else header[4:] + header[:4]


def _in_boxes(file: BinaryIO, size: int, most: int) -> FoundStore | None:
    for box in top_boxes(file, size):
        if box.kind != b"uuid" or read_at(file, box.start + box.head, 16) != C2PA_BOX:
            continue
        # version and flags, purpose with a final zero, and for "manifest" the place of the first merkle box
        inner = box.start + box.head + 16 + 4
        purpose = read_at(file, inner, 64).split(b"\0", 1)[0]
        if purpose in (b"manifest", b"original", b"update"):
            start = inner + len(purpose) + 1 + 8
            data = _bounded(file, start, box.end - start, most)
            return FoundStore(data, ((box.start, box.end),), "ISO base media")
    return None


def _anywhere(file: BinaryIO, most: int) -> FoundStore | None:
    """The first thing that starts like a store; right where it lies in one piece, as in TIFF or behind an ID3 tag."""
    place, tail = 0, b""
    file.seek(0)
    while block := file.read(_BLOCK):
        window, base = tail + block, place - len(tail)
        hit = window.find(b"jumb", 4)
        while hit >= 0:
            start = base + hit - 4
            head = read_at(file, start, 32)
            if is_store(head):
                length = int.from_bytes(head[:4], "big")
                return FoundStore(
                    _bounded(file, start, length, most), ((start, start + length),), "other"
                )
            hit = window.find(b"jumb", hit + 1)
        place += len(block)
        tail = window[-7:]
        file.seek(place)
    return None


def _bounded(file: BinaryIO, place: int, count: int, most: int) -> bytes:
    if count > most:
        raise LimitError(f"the credentials are larger than {most} bytes ({count})")
    return read_at(file, place, max(count, 0))
