"""What a file is, by its first bytes: names and extensions are never looked at.

The list is the whole attack surface: what is not on it is not opened. A demuxer is called by its name and never
guessed, so that a playlist, a concat script or a stream description named .mp4 reaches no parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 4096


@dataclass(frozen=True)
class Format:
    """A container.

    Attributes:
        name: in words, for people.
        reader: which library reads it.
        key: what that library calls it: Pillow's format or libav's demuxer.
    """

    name: str
    reader: Literal["pillow", "av"]
    key: str


JPEG = Format("JPEG", "pillow", "JPEG")
PNG = Format("PNG", "pillow", "PNG")
GIF = Format("GIF", "pillow", "GIF")
TIFF = Format("TIFF", "pillow", "TIFF")
WEBP = Format("WebP", "pillow", "WEBP")
AVIF = Format("AVIF", "pillow", "AVIF")
HEIF = Format("HEIF", "pillow", "HEIF")
MP4 = Format("MP4/QuickTime", "av", "mov")
MATROSKA = Format("Matroska/WebM", "av", "matroska")
AVI = Format("AVI", "av", "avi")
WAV = Format("WAV", "av", "wav")
MPEG_PS = Format("MPEG program stream", "av", "mpeg")
MPEG_TS = Format("MPEG transport stream", "av", "mpegts")
MPEG_VIDEO = Format("MPEG video stream", "av", "mpegvideo")
OGG = Format("Ogg", "av", "ogg")
FLAC = Format("FLAC", "av", "flac")
MP3 = Format("MP3", "av", "mp3")
AAC = Format("AAC (ADTS)", "av", "aac")

_PREFIXES: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"\x1aE\xdf\xa3", MATROSKA),
    (b"\x00\x00\x01\xba", MPEG_PS),
    (b"\x00\x00\x01\xb3", MPEG_VIDEO),
    (b"OggS", OGG),
    (b"fLaC", FLAC),
)
_RIFF = {b"WEBP": WEBP, b"AVI ": AVI, b"AVIX": AVI, b"WAVE": WAV}
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_MP4_BOXES = (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")

SUPPORTED = (
    "JPEG, PNG, WebP, TIFF, GIF, AVIF or HEIF pictures; MP4/QuickTime, Matroska/WebM, AVI, MPEG or Ogg video; "
    "WAV, FLAC, MP3, AAC, Ogg or M4A sound"
)


def sniff(head: bytes) -> Format | None:
    """The format that starts with `head` (the first `HEAD_BYTES`), or None if it is not on the list."""
    for prefix, found in _PREFIXES:
        if head.startswith(prefix):
            return found
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _MP4_BOXES:
        return MP4
    if _is_transport_stream(head):
        return MPEG_TS
    return _elementary_sound(head)


def media_type(format: Format, head: bytes, moving: bool) -> str:
    """The registered media type of a file of `format` that starts with `head`.

    Args:
        format: what `sniff` found.
        head: the first bytes.
        moving: whether it has a moving picture; MP4, Matroska and Ogg files without are sound.
    """
    if format == MP4 and moving and head[8:12] == b"qt  ":
        return "video/quicktime"
    if format.reader == "pillow":
        return f"image/{format.key.lower()}"
    word = "video" if moving else "audio"
    return {
        "mov": f"{word}/mp4",
        "matroska": f"{word}/x-matroska",
        "avi": "video/x-msvideo",
        "wav": "audio/wav",
        "mpeg": "video/mpeg",
        "mpegts": "video/mp2t",
        "mpegvideo": "video/mpeg",
        "ogg": f"{word}/ogg",
        "flac": "audio/flac",
        "mp3": "audio/mpeg",
        "aac": "audio/aac",
    }[format.key]


def describe(head: bytes) -> str:
    """What an unsupported file looks like, in words, for the message."""
    known = (
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a zip archive or office document"),
        (b"#EXTM3U", "a playlist"),
        (b"ffconcat", "a concat script"),
        (b"FLV\x01", "a Flash video"),
        (b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
        (b"BM", "a bitmap"),
        (b"<", "markup"),
    )
    for prefix, words in known:
        if head.startswith(prefix):
            return words
    sample = head[:512]
    if (
        sample
        and all(byte in b"\t\n\r\f\x1b" or byte >= 32 for byte in sample)
        and b"\x00" not in sample
    ):
        try:
            sample.decode("utf-8", "strict" if len(sample) < 512 else "ignore")
        except UnicodeDecodeError:
            return "unknown data"
        return "text"
    return f"unknown data starting {head[:4].hex(' ')}"


def _by_brand(head: bytes) -> Format:
    length = min(max(int.from_bytes(head[:4], "big"), 16), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))]
    # HEIF and AVIF list each other's general brands: the specific one decides, the major one first.
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return AVIF
        if brand in _HEIF_BRANDS[:5]:
            return HEIF
    return HEIF if brands[0] in _HEIF_BRANDS else MP4


def _is_transport_stream(head: bytes) -> bool:
    for packet, start in ((188, 0), (192, 4)):
        places = range(start, min(len(head), start + 8 * packet), packet)
        if len(places) >= 3 and all(head[place] == 0x47 for place in places):
            return True
    return False


def _elementary_sound(head: bytes) -> Format | None:
    if head.startswith(b"ID3") and len(head) >= 10:
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
        inside = head[10 + size : 14 + size]
        if inside == b"fLaC":
            return FLAC
        return AAC if _sync(inside) == 0 else MP3
    layer = _sync(head[:2])
    if layer is None:
        return None
    return AAC if layer == 0 else MP3


def _sync(two: bytes) -> int | None:
    """Layer bits of an MPEG audio header (0 = AAC), or None where there is no sync word."""
    if len(two) < 2 or two[0] != 0xFF or two[1] & 0xE0 != 0xE0 or two[1] & 0x18 == 0x08:
        return None
    layer = (two[1] >> 1) & 3
    return None if layer == 0 and two[1] & 0xF0 != 0xF0 else layer
