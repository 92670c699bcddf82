"""What the header of a JPEG file tells about how it was compressed, read without decoding it.

Quality is a convention of the Independent JPEG Group's encoder: tables K.1 and K.2 of the standard (ITU-T T.81), scaled
by a factor that follows from a number from 1 to 100. Cameras and image editors use tables of their own: for those the
nearest number is given and said to be approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from likeness.errors import MediaError
from likeness.types import IndexArray

# ITU-T T.81 annex K, natural (row by row) order.
_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    + "99 " * 32
)
_START_OF_FRAME = {
    0xC0: "baseline",
    0xC1: "extended sequential",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC9: "arithmetic sequential",
    0xCA: "arithmetic progressive",
}
_SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0", (4, 1): "4:1:1"}


@dataclass(frozen=True)
class JpegQuality:
    """Estimated quality of a JPEG file.

    Attributes:
        quality: 1 to 100, nearest on the IJG scale.
        exact: whether the tables are precisely those of the IJG encoder at that quality.
        error: mean absolute difference to those tables, in quantisation steps.
    """

    quality: int
    exact: bool
    error: float


@dataclass(frozen=True)
class JpegHeader:
    """What precedes the pixels of a JPEG file.

    Attributes:
        tables: quantisation tables by number, each (8, 8) int64 in natural order.
        process: baseline, progressive, ...
        size_wh: coded width and height.
        components: 1 grey, 3 colour, 4 CMYK.
        subsampling: chroma subsampling such as 4:2:0; empty for grey.
        application: names of the APPn segments, such as JFIF, Exif, Adobe, ICC_PROFILE.
        comment: text of the comment segment; empty without one.
    """

    tables: dict[int, IndexArray]
    process: str
    size_wh: tuple[int, int]
    components: int
    subsampling: str
    application: tuple[str, ...]
    comment: str


def estimate_jpeg_quality(tables: Sequence[IndexArray]) -> JpegQuality:
    """The IJG quality whose tables are nearest to `tables`.

    Args:
        tables: one (8, 8) luminance table and, if there is one, the (8, 8) chrominance table, natural order, values
            from 1 to 65535.

    Returns:
        The nearest quality; `exact` tells whether the tables are the IJG encoder's own.

    Raises:
        MediaError: no table.
    """
    if not tables:
        raise MediaError("expected at least one quantisation table, got none")
    found = np.stack([np.asarray(table, np.int64).reshape(64) for table in tables[:2]])
    errors = np.abs(found - _all_ijg_tables()[:, : len(found)]).mean(axis=(1, 2))
    best = int(errors.argmin())
    return JpegQuality(best + 1, bool(errors[best] == 0), float(errors[best]))


@cache
def _all_ijg_tables() -> IndexArray:
    """(100, 2, 64) tables of every quality from 1."""
    return np.stack([ijg_tables(quality) for quality in range(1, 101)])


def ijg_tables(quality: int) -> IndexArray:
    """(2, 64) int64 luminance and chrominance tables of the IJG encoder at `quality` (1-100), natural order."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.array([_LUMA.split(), _CHROMA.split()], np.int64)
    return np.clip((base * scale + 50) // 100, 1, 255)


def read_jpeg_header(data: bytes) -> JpegHeader | None:
    """Parse the segments before the first scan; None if `data` is not JPEG. Damage ends the parse, never raises."""
    if not data.startswith(b"\xff\xd8"):
        return None
    tables: dict[int, IndexArray] = {}
    process, size, parts, sampling, comment = "", (0, 0), 0, "", ""
    application: list[str] = []
    for marker, body in _segments(data):
        if marker == 0xDB:
            tables |= _tables(body)
        elif marker in _START_OF_FRAME and len(body) >= 6:
            process, parts = _START_OF_FRAME[marker], body[5]
            size = (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
            sampling = _sampling(body, parts)
        elif 0xE0 <= marker <= 0xEF:
            application.append(_name(body))
        elif marker == 0xFE:
            comment = body[:200].decode("latin-1")
    return JpegHeader(tables, process, size, parts, sampling, tuple(application), comment)


def _segments(data: bytes):  # type: ignore[no-untyped-def]
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        if marker in (0xD9, 0xDA):  # end, or start of the first scan
            return
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if length < 2:
            return
        yield marker, data[place + 4 : place + 2 + length]
        place += 2 + length


def _tables(body: bytes) -> dict[int, IndexArray]:
    found: dict[int, IndexArray] = {}
    place = 0
    while place < len(body):
        wide, number = body[place] >> 4, body[place] & 15
        step = 2 if wide else 1
        values = body[place + 1 : place + 1 + 64 * step]
        if wide > 1 or len(values) < 64 * step:
            break
        table = np.empty(64, np.int64)
        table[zigzag()] = np.frombuffer(values, ">u2" if wide else np.uint8)
        found[number] = table.reshape(8, 8)
        place += 1 + 64 * step
    return found


def zigzag() -> IndexArray:
    """(64,) int64: natural position of each zigzag position."""
    order = sorted(
        range(64),
        key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8),
    )
    return np.array(order, np.int64)


def _sampling(body: bytes, parts: int) -> str:
    if parts < 3 or len(body) < 6 + 3 * parts:
        return ""
    factors = [(body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15) for i in range(3)]
    if 0 in factors[1] or 0 in factors[2] or factors[1] != factors[2]:
        return "uneven"
    ratio = (factors[0][0] // factors[1][0], factors[0][1] // factors[1][1])
    return _SUBSAMPLING.get(ratio, f"{ratio[0]}x{ratio[1]}")


def _name(body: bytes) -> str:
    word = body[:24].split(b"\x00")[0].split(b"\xff")[0]
    return "".join(c for c in word.decode("latin-1") if c.isalnum() or c in "_-:/. ")[:16].strip()
