"""What a file says about itself, for the report: words and numbers in display order, nothing that is executed.

Everything here is written by whoever made the file and proves nothing by itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from likeness.media.double_jpeg import double_jpeg_hint
from likeness.media.jpeg import estimate_jpeg_quality, read_jpeg_header
from likeness.media.packets import PacketScan
from likeness.media.sniff import Format
from likeness.media.source import ByteSource
from likeness.types import DoubleArray, FactValue, ImageArray

_EXIF_TAGS = {0x010F: "camera_make", 0x0110: "camera_model", 0x0131: "software", 0x0132: "date"}
_DATE_TAKEN = 0x9003
_EXIF_BLOCK, _GPS_BLOCK = 0x8769, 0x8825
_FALLBACK_RATE = 25.0


class DeferredFacts(Mapping[str, FactValue]):
    """Facts of which some are costly and are worked out when the first is looked up: few callers ever look."""

    def __init__(
        self, known: dict[str, FactValue], later: Callable[[], dict[str, FactValue]]
    ) -> None:
        self._known = known
        self._later: Callable[[], dict[str, FactValue]] | None = later

    def _all(self) -> dict[str, FactValue]:
        if self._later is not None:
            later, self._later = self._later, None
            self._known |= later()
        return self._known

    def __getitem__(self, key: str) -> FactValue:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def of_picture(source: ByteSource, format: Format, picture: Any) -> dict[str, FactValue]:
    """Facts of a picture from its header (the pixels need not be decoded)."""
    facts = _common(source, format)
    facts |= {"coded_size": f"{picture.size[0]}x{picture.size[1]}", "colour_mode": picture.mode}
    pages = int(getattr(picture, "n_frames", 1)) if format.key == "TIFF" else 1
    if pages > 1 or picture.format == "MPO":
        facts["pictures_in_file"] = max(pages, 2)
    profile = picture.info.get("icc_profile")
    if profile:
        facts["icc_profile"] = _profile_name(profile)
    return facts | _exif(picture)


def of_jpeg(content: bytes) -> dict[str, FactValue]:
    """Compression facts of the bytes of a JPEG file that decodes; empty for others."""
    header = read_jpeg_header(content[: 1 << 20])
    if header is None or not header.tables:
        return {}
    guess = estimate_jpeg_quality([header.tables[k] for k in sorted(header.tables)])
    tables = "standard (IJG)" if guess.exact else "non-standard"
    facts: dict[str, FactValue] = {
        "jpeg_quality": guess.quality,
        "jpeg_tables": tables,
        "jpeg_process": header.process,
        "chroma_subsampling": header.subsampling or "none",
        "jpeg_segments": ", ".join(name for name in header.application if name) or "none",
    }
    luma = _coded_luma(content)
    if luma is not None:
        facts["double_compression_hint"] = double_jpeg_hint(
            luma, header.tables[min(header.tables)]
        ).words
    if header.comment:
        facts["comment"] = clean(header.comment)
    return facts


def _coded_luma(content: bytes) -> ImageArray | None:
    """Brightness as it is coded, without the way over RGB; None for colour models that have none."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        picture.draft("L", picture.size)
        return np.asarray(picture) if picture.mode == "L" else None


def of_container(source: ByteSource, format: Format, container: Any) -> dict[str, FactValue]:
    """Facts of a video or sound file that hold for all of it."""
    facts = _common(source, format)
    tags = {key.lower(): value for key, value in container.metadata.items()}
    for key, called in (
        ("encoder", "encoder"),
        ("major_brand", "brand"),
        ("creation_time", "date"),
        ("com.apple.quicktime.make", "camera_make"),
        ("com.apple.quicktime.model", "camera_model"),
        ("com.apple.quicktime.software", "software"),
        ("title", "title"),
        ("comment", "comment"),
    ):
        if tags.get(key):
            facts[called] = clean(tags[key])
    if container.duration:
        facts["declared_duration_s"] = round(container.duration / 1e6, 3)
    if container.bit_rate:
        facts["bitrate_kbps"] = round(container.bit_rate / 1000, 1)
    return facts


def of_video(
    source: ByteSource, container: Any, stream: Any, scan: PacketScan
) -> dict[str, FactValue]:
    """Facts of the video stream."""
    context = stream.codec_context
    ratio = stream.sample_aspect_ratio
    facts: dict[str, FactValue] = {
        "video_codec": context.codec.name,
        "profile": str(context.profile) if context.profile else None,
        "pixel_format": context.pix_fmt,
        "coded_size": f"{context.width}x{context.height}",
        "sample_aspect_ratio": f"{ratio.numerator}:{ratio.denominator} (not applied)"
        if ratio and ratio != 1
        else "1:1",
        "video_payload_bytes": scan.payload_bytes,
        "damaged_packets": scan.damaged_packets,
    }
    settings = _encoder_settings(scan.first)
    if settings:
        facts["video_encoder"] = settings
    if len(container.streams.video) > 1:
        facts["video_streams"] = len(container.streams.video)
    if scan.note:
        facts["broken_off"] = scan.note
    return facts


def of_sound(stream: Any) -> dict[str, FactValue]:
    """Facts of the sound stream."""
    context = stream.codec_context
    facts: dict[str, FactValue] = {
        "audio_codec": context.codec.name,
        "audio_sample_rate_hz": int(context.sample_rate),
        "audio_channels": int(context.layout.nb_channels) if context.layout else None,
    }
    if context.bit_rate:
        facts["audio_bitrate_kbps"] = round(context.bit_rate / 1000, 1)
    return facts


def add_timing(facts: dict[str, FactValue], times_s: DoubleArray) -> float:
    """Write count, duration and frame rate into `facts`; returns the mean rate in Hz (0 for a single frame)."""
    steps = np.diff(times_s)
    span = float(times_s[-1])
    fps = round(len(steps) / span, 6) if span > 0 else 0.0
    median = float(np.median(steps)) if len(steps) else 0.0
    facts["frames"] = len(times_s)
    facts["duration_s"] = round(span + (1 / fps if fps else 0.0), 3)
    facts["fps_mean"] = round(fps, 3)
    # Stamps are rounded to the container's clock: a quarter of a step is variation, a tick is not.
    facts["frame_rate_varies"] = bool(len(steps) and np.abs(steps - median).max() > 0.25 * median)
    return fps


def declared_rate(stream: Any) -> float:
    """Frame rate that the container states, in Hz; 25 where it states nonsense."""
    rate = stream.average_rate or stream.base_rate
    value = float(rate) if rate else 0.0
    return value if 0.1 <= value <= 1000.0 else _FALLBACK_RATE


def clean(text: object, length: int = 200) -> str:
    """One line of printable text of bounded length: whatever a file says about itself is shown like this."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(line.split())
    return line if len(line) <= length else line[: length - 3] + "..."


def _common(source: ByteSource, format: Format) -> dict[str, FactValue]:
    return {"sha256": source.sha256, "file_bytes": source.size_bytes, "container": format.name}


def _exif(picture: Any) -> dict[str, FactValue]:
    facts: dict[str, FactValue] = {}
    try:
        exif = picture.getexif()
        for tag, called in _EXIF_TAGS.items():
            if exif.get(tag):
                facts[called] = clean(exif[tag])
        taken = exif.get_ifd(_EXIF_BLOCK).get(_DATE_TAKEN)
        if taken:
            facts["date"] = clean(taken)
        if exif.get_ifd(_GPS_BLOCK):
            facts["gps"] = "present"  # the place itself is nobody's business here
    except Exception:  # damaged EXIF says nothing; the picture is still good
        facts["exif"] = "damaged"
    return facts


def _profile_name(profile: bytes) -> str:
    from PIL import ImageCms

    try:
        return clean(
            ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))), 80
        )
    except Exception:  # damaged profiles are common and harmless
        return "damaged"


def _encoder_settings(first_packet: bytes) -> str:
    """The line that x264 and x265 leave in the first packet (an SEI message), shortened to what matters."""
    found = re.search(rb"(x264|x265)[ -~]{4,4000}", first_packet)
    if found is None:
        return ""
    text = found.group().decode("ascii")
    version = re.match(r"x26[45][^:]*?(?:core|build) \S+", text)
    settings = re.findall(r"\b(?:crf|bitrate|qp|rc|bframes|ref|keyint)=\S+", text)
    return clean(" ".join([version.group() if version else text[:24], *settings]))
