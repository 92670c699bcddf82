"""Files to frames and samples: probing, limits, rotation, time stamps, sampling. BGR, codecs and quirks never leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.media.drawn import clip_from_frames as clip_from_frames
    from likeness.media.encode import encode_original as encode_original
    from likeness.media.encode import h264_round_trip as h264_round_trip
    from likeness.media.encode import jpeg_round_trip as jpeg_round_trip
    from likeness.media.frames import SharedFrames as SharedFrames
    from likeness.media.jpeg import JpegQuality as JpegQuality
    from likeness.media.jpeg import estimate_jpeg_quality as estimate_jpeg_quality
    from likeness.media.limits import Limits as Limits
    from likeness.media.opening import open_clip as open_clip
    from likeness.media.sampling import Sampling as Sampling
    from likeness.media.sampling import sample as sample
    from likeness.media.sampling import scene_cuts as scene_cuts

__all__ = [
    "JpegQuality",
    "Limits",
    "Sampling",
    "SharedFrames",
    "clip_from_frames",
    "encode_original",
    "estimate_jpeg_quality",
    "h264_round_trip",
    "jpeg_round_trip",
    "open_clip",
    "sample",
    "scene_cuts",
]


def __getattr__(name: str) -> Any:
    if name == "clip_from_frames":
        from likeness.media import drawn

        return drawn.clip_from_frames
    if name == "open_clip":
        from likeness.media import opening

        return opening.open_clip
    if name in ("Sampling", "sample", "scene_cuts"):
        from likeness.media import sampling

        return getattr(sampling, name)
    if name in ("encode_original", "h264_round_trip", "jpeg_round_trip"):
        from likeness.media import encode

        return getattr(encode, name)
    if name in ("JpegQuality", "estimate_jpeg_quality"):
        from likeness.media import jpeg

        return getattr(jpeg, name)
    if name == "Limits":
        from likeness.media import limits

        return getattr(limits, name)
    if name == "SharedFrames":
        from likeness.media import frames

        return getattr(frames, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
