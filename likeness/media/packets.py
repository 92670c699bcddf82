"""Which frames a video has, and when they are shown, without decoding it: from the time stamps of its packets.

Packets come in decoding order, frames are shown in presentation order, so the stamps are sorted. Where packets do not
tell (no stamps, doubles, formats that count loosely) `None` says so and the caller decodes once to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from likeness.errors import LikenessError
from likeness.media.hostile import reason
from likeness.media.sniff import Format
from likeness.media.source import ByteSource
from likeness.types import IndexArray

# In these, one packet is one shown frame and stamps are complete; AVI and Ogg count packets, not pictures, and a bare
# MPEG stream has no stamps at all (those that libav makes up have gaps).
_TRUSTED = frozenset({"mov", "matroska", "mpeg", "mpegts"})
_SEEKABLE = frozenset({"mov", "matroska"})


@dataclass(frozen=True)
class PacketScan:
    """What a walk over all packets of the video stream tells.

    Attributes:
        pts: (T,) int64 ascending presentation stamps of the shown frames; None if packets do not tell.
        keys: (K,) int64 frame indices at which decoding may start, ascending; empty if seeking is not safe.
        payload_bytes: bytes of all video packets.
        damaged_packets: packets that the container marks as damaged.
        first: bytes of the first packet (encoder strings live there).
        note: why reading stopped early; empty at an orderly end.
    """

    pts: IndexArray | None
    keys: IndexArray
    payload_bytes: int
    damaged_packets: int
    first: bytes
    note: str


def scan_packets(container: Any, stream: Any, source: ByteSource, format: Format) -> PacketScan:
    """Walk all packets of `stream`; no decoding. Raises `LimitError` beyond `Limits.frames`."""
    stamps: list[int | None] = []
    keys: list[int] = []
    payload = damaged = 0
    first, note = b"", ""
    codec = stream.codec_context.codec.name
    with source.stopwatch.running():
        try:
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard or _hidden(codec, packet):
                    continue
                if not stamps:
                    first = bytes(packet)[:65536]
                stamps.append(packet.pts)
                payload += packet.size
                damaged += bool(packet.is_corrupt)
                if packet.is_keyframe and packet.pts is not None:
                    keys.append(packet.pts)
                if len(stamps) % 1024 == 0:
                    source.stopwatch.check()
                    source.limits.check(source.name, "frames", len(stamps), "frames")
        except (LikenessError, MemoryError):
            raise
        except Exception as error:
            note = reason(error)
    source.limits.check(source.name, "frames", len(stamps), "frames")
    pts = _ascending(stamps) if format.key in _TRUSTED else None
    places: IndexArray = np.zeros(0, np.int64)
    if pts is not None and format.key in _SEEKABLE:
        places = np.searchsorted(pts, np.unique(np.array(keys, np.int64))).astype(np.int64)
    return PacketScan(
        pts=pts,
        keys=places,
        payload_bytes=payload,
        damaged_packets=damaged,
        first=first,
        note=note,
    )


def _ascending(stamps: list[int | None]) -> IndexArray | None:
    if not stamps or any(stamp is None for stamp in stamps):
        return None
    found = np.unique(np.array(stamps, np.int64))
    return found if len(found) == len(stamps) else None


def _hidden(codec: str, packet: Any) -> bool:
    """VP8 keeps pictures that are only referred to in packets of their own (bit 4 of the frame tag: shown)."""
    if codec not in ("vp8", "libvpx"):
        return False
    return bytes(packet)[0] & 0x10 == 0
