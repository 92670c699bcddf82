"""Lines of metadata out of files, container by container: bounded, without decoding a picture or expanding a bomb."""

from __future__ import annotations

import os
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from likeness.errors import LikenessError
from likeness.provenance.hard_binding_stores import read_at, top_boxes

Line = tuple[str, str, str]
"""Where it stands, its name, its text."""

MOST_TEXT: Final = 64 << 10
_MOST_PARTS, _MOST_BLOCK, _MOST_MOOV = 4096, 4 << 20, 32 << 20
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_TAGS = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software"}
_EXIF_TAGS |= {0x013B: "Artist", 0x8298: "Copyright"}
_EXIF_BLOCK = {0x9286: "UserComment", 0xA433: "LensMake", 0xA434: "LensModel"}
_XMP_NAMES = "CreatorTool|Software|DigitalSourceType|AISystemUsed|AISystemVersionUsed|Credit|Make|Model|Source"
_XMP = re.compile(
    rf"""[A-Za-z0-9]{{1,20}}:({_XMP_NAMES})\s*(?:=\s*["']([^"'<>]{{1,400}})["']"""
    rf"""|(?:\s[^<>]{{0,200}})?>\s*([^<>]{{1,400}}?)\s*</)"""
)
_QUICKTIME = {
    b"\xa9too": "Encoder",
    b"\xa9swr": "Software",
    b"\xa9cmt": "Comment",
    b"\xa9mak": "Make",
}
_QUICKTIME |= {
    b"\xa9mod": "Model",
    b"\xa9des": "Description",
    b"\xa9nam": "Title",
    b"desc": "Description",
}
_INFO = {b"ISFT": "Software", b"ICMT": "Comment", b"INAM": "Title"}
_NESTED = (b"moov", b"udta", b"ilst", b"trak", b"mdia", b"minf")


def lines_of(file: BinaryIO) -> Iterator[Line]:
    """Every line of metadata that is understood, in order of place.

    Args:
        file: readable and seekable.
    """
    size = file.seek(0, os.SEEK_END)
    head = read_at(file, 0, 16)
    if head.startswith(b"\xff\xd8"):
        yield from _jpeg(file, size)
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        yield from _png(file, size)
    elif head[:4] == b"RIFF":
        yield from _riff(file, 12, size)
    elif head[4:8] == b"ftyp" or head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        yield from _bmff(file, size)
    elif head.startswith(b"\x1aE\xdf\xa3"):
        yield from _matroska(read_at(file, 0, 1 << 18))
    elif head[:4] in (b"II*\0", b"MM\0*"):
        yield from _exif(file)


def _jpeg(file: BinaryIO, size: int) -> Iterator[Line]:
    place = 2
    for _ in range(_MOST_PARTS):
        marker = read_at(file, place, 4)
        if len(marker) < 4 or marker[0] != 0xFF or marker[1] in (0xDA, 0xD9):
            return
        length = int.from_bytes(marker[2:], "big")
        if marker[1] in (0xFE, 0xE1):
            body = read_at(file, place + 4, max(length - 2, 0))
            if marker[1] == 0xFE:
                yield "JPEG comment", "Comment", _text(body)
            elif body.startswith(b"Exif\0\0"):
                yield from _exif(body[6:])
            elif body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
                yield from _xmp(body[29:])
        place += 2 + max(length, 2)


def _png(file: BinaryIO, size: int) -> Iterator[Line]:
    place = 8
    for _ in range(_MOST_PARTS):
        header = read_at(file, place, 8)
        if len(header) < 8:
            return
        length, kind = struct.unpack(">I4s", header)
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf"):
            body = read_at(file, place + 8, min(length, _MOST_BLOCK))
            if kind == b"eXIf":
                yield from _exif(body)
            else:
                key, text = _png_text(kind, body)
                if key == "XML:com.adobe.xmp":
                    yield from _xmp(text)
                else:
                    yield "PNG text", key, _text(text)
        place += 12 + length


def _png_text(kind: bytes, body: bytes) -> tuple[str, bytes]:
    key, _, rest = body.partition(b"\0")
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        _, _, rest = rest[2:].partition(b"\0")  # language, then the translated key
        _, _, rest = rest.partition(b"\0")
    return _text(key[:80]), _expanded(rest) if packed else rest[:MOST_TEXT]


def _expanded(packed: bytes) -> bytes:
    """At most `MOST_TEXT` bytes of a zlib stream, however much it would give."""
    try:
        return zlib.decompressobj().decompress(packed, MOST_TEXT)
    except zlib.error:
        return b""


def _riff(file: BinaryIO, place: int, end: int, depth: int = 0) -> Iterator[Line]:
    for _ in range(_MOST_PARTS):
        header = read_at(file, place, 8) if place + 8 <= end else b""
        if len(header) < 8:
            return
        kind, length = struct.unpack("<4sI", header)
        if kind in _INFO:
            text = read_at(file, place + 8, min(length, MOST_TEXT))
            yield "RIFF information", _INFO[kind], _text(text)
        elif kind == b"EXIF":
            body = read_at(file, place + 8, min(length, _MOST_BLOCK))
            yield from _exif(body.removeprefix(b"Exif\0\0"))
        elif kind == b"XMP ":
            yield from _xmp(read_at(file, place + 8, min(length, _MOST_BLOCK)))
        elif kind == b"LIST" and depth == 0 and read_at(file, place + 8, 4) == b"INFO":
            yield from _riff(file, place + 12, min(place + 8 + length, end), 1)
        place += 8 + length + (length & 1)


def _bmff(file: BinaryIO, size: int) -> Iterator[Line]:
    try:
        for box in top_boxes(file, size):
            start, length = box.start + box.head, box.end - box.start - box.head
            if box.kind == b"moov":
                yield from _boxes(read_at(file, start, min(length, _MOST_MOOV)), 0)
            elif box.kind == b"uuid" and read_at(file, start, 16) == _XMP_BOX:
                yield from _xmp(read_at(file, start + 16, min(length, _MOST_BLOCK)))
            elif (
                box.kind == b"meta"
            ):  # HEIF and AVIF keep EXIF elsewhere; their XMP stands in clear text
                yield from _xmp(read_at(file, 0, _MOST_BLOCK))
    except LikenessError:  # a damaged container: what came before it stands
        return


def _boxes(data: bytes, depth: int, keys: tuple[str, ...] = ()) -> Iterator[Line]:
    """Boxes inside of moov that carry text: QuickTime's own, iTunes' and those with named keys."""
    place = 0
    for _ in range(_MOST_PARTS):
        if place + 8 > len(data) or depth > 8:
            return
        length, kind = struct.unpack_from(">I4s", data, place)
        if length < 8:
            return
        body = data[place + 8 : place + length]
        number = int.from_bytes(kind, "big")
        if kind in _QUICKTIME:
            yield "container", _QUICKTIME[kind], _quicktime_text(body)
        elif kind == b"keys":
            keys = _keys(body)
        elif keys and 1 <= number <= len(keys):
            yield "container", keys[number - 1], _quicktime_text(body)
        elif kind == b"meta":
            yield from _boxes(body if body[4:8] == b"hdlr" else body[4:], depth + 1)
        elif kind in _NESTED:
            yield from _boxes(body, depth + 1, keys)
        place += length


def _keys(body: bytes) -> tuple[str, ...]:
    """Names of QuickTime's mdta keys; only the last part of each, such as software."""
    out: list[str] = []
    place = 8
    while place + 8 <= len(body) and len(out) < 256:
        length = int.from_bytes(body[place : place + 4], "big")
        if length < 8:
            break
        out.append(_text(body[place + 8 : place + length]).rsplit(".", 1)[-1].capitalize())
        place += length
    return tuple(out)


def _quicktime_text(body: bytes) -> str:
    if body[4:8] == b"data":  # length, "data", kind, country, text
        return _text(body[16 : int.from_bytes(body[:4], "big")])
    return _text(body[4 : 4 + int.from_bytes(body[:2], "big")])


def _matroska(head: bytes) -> Iterator[Line]:
    """Muxing and writing application, found by their identifiers; both stand near the front."""
    for identifier, name in ((b"\x4d\x80", "Muxing app"), (b"\x57\x41", "Writing app")):
        place = head.find(identifier)
        if 0 <= place < len(head) - 3 and head[place + 2] & 0x80:
            length = head[place + 2] & 0x7F
            text = head[place + 3 : place + 3 + length]
            if text.isascii():
                yield "container", name, _text(text)


def _exif(source: bytes | BinaryIO) -> list[Line]:
    """Lines of a block of EXIF, or of a TIFF file, which is one itself."""
    from PIL import Image

    found: list[Line] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF is common and nobody's fault here
            if isinstance(source, bytes):
                exif = Image.Exif()
                exif.load(source)
            else:
                source.seek(0)
                exif = Image.open(source, formats=["TIFF"]).getexif()
            for tags, block in ((_EXIF_TAGS, exif), (_EXIF_BLOCK, exif.get_ifd(0x8769))):
                found += [("EXIF", n, _text(block[t])) for t, n in tags.items() if t in block]
    except Exception:  # a parser on hostile bytes may raise anything; damaged EXIF says nothing
        return found
    return found


def _xmp(raw: bytes) -> Iterator[Line]:
    """Properties by name, found as text: no XML parser and nothing that could be made to expand."""
    text = raw[:_MOST_BLOCK].decode("utf-8", "replace")
    for found in _XMP.finditer(text):
        yield "XMP", found.group(1), found.group(2) or found.group(3)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.removeprefix(b"ASCII\0\0\0").removeprefix(b"UNICODE\0")
        wide = value[:64].count(0) > len(value[:64]) // 3
        value = value[:MOST_TEXT].decode("utf-16-be" if wide else "utf-8", "replace")
    return str(value)[:MOST_TEXT]
