"""Opening a video or sound file with libav: one named demuxer, known codecs, nothing fetched, nothing nested."""

from __future__ import annotations

from typing import Any

from likeness.errors import LimitError, MediaError
from likeness.media.hostile import parsing
from likeness.media.sniff import Format
from likeness.media.source import ByteSource

VIDEO_CODECS = frozenset(
    [
        "h264",
        "hevc",
        "vp8",
        "vp9",
        "av1",
        "libdav1d",
        "libaom-av1",
        "libvpx",
        "libvpx-vp9",
        "mpeg1video",
        "mpeg2video",
        "mpegvideo",
        "mpeg4",
        "msmpeg4v2",
        "msmpeg4v3",
        "h263",
        "h263p",
        "mjpeg",
        "theora",
        "prores",
        "dnxhd",
        "dvvideo",
        "ffv1",
        "huffyuv",
        "ffvhuff",
        "utvideo",
        "rawvideo",
        "cinepak",
        "svq3",
        "indeo5",
        "vc1",
        "wmv2",
        "flv",
    ]
)
SOUND_CODECS = frozenset(
    [
        "aac",
        "mp1",
        "mp1float",
        "mp2",
        "mp2float",
        "mp3",
        "mp3float",
        "opus",
        "libopus",
        "vorbis",
        "libvorbis",
        "flac",
        "alac",
        "ac3",
        "eac3",
        "adpcm_ms",
        "adpcm_ima_wav",
        "adpcm_ima_qt",
        "pcm_alaw",
        "pcm_mulaw",
        "pcm_u8",
        "pcm_s8",
        "pcm_s16le",
        "pcm_s16be",
        "pcm_s24le",
        "pcm_s24be",
        "pcm_s32le",
        "pcm_s32be",
        "pcm_f32le",
        "pcm_f32be",
        "pcm_f64le",
        "pcm_f64be",
        "amrnb",
        "amrwb",
        "libopencore_amrnb",
        "speex",
        "libspeex",
        "pcm_bluray",
        "pcm_dvd",
        "gsm",
        "gsm_ms",
    ]
)
_MAX_STREAMS = 64
_THREADS = 8  # a decoder keeps frames per thread: more would cost memory and gain little


def open_container(source: ByteSource, format: Format) -> Any:
    """An open `av` container over `source`; the caller closes it.

    The demuxer is called by name, external data references and nested protocols are refused, and pictures above
    `Limits.frame_pixels` are refused by the decoder itself, so that a change of size in mid-stream cannot pass.
    """
    import av

    options = {
        "format_whitelist": format.key,
        "protocol_whitelist": "none",
        "codec_whitelist": ",".join(sorted(VIDEO_CODECS | SOUND_CODECS)),
        "max_streams": str(_MAX_STREAMS),
    }
    if format.key == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    decoder = {"max_pixels": str(source.limits.frame_pixels), "threads": "1"}
    with parsing(source.name, format.name + " file"), source.stopwatch.running():
        return av.open(
            source.reader(),
            mode="r",
            format=format.key,
            options=decoder,
            container_options=options,
            metadata_errors="replace",
            buffer_size=1 << 18,
        )


def video_stream(container: Any, source: ByteSource) -> Any | None:
    """The moving picture of a container (largest one; cover art does not count), or None. Sizes are checked."""
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        return None
    readable = [s for s in streams if s.codec_context is not None]
    if not readable:
        raise MediaError(
            f"{source.name}: expected video that can be decoded, got an unknown codec; "
            "convert it to H.264 in MP4"
        )
    stream = max(readable, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index))
    _require_codec(stream, VIDEO_CODECS, source.name)
    context = stream.codec_context
    if context.width and context.height:
        source.limits.check_picture(source.name, (context.width, context.height), moving=True)
    return stream


def sound_stream(container: Any) -> Any | None:
    """The first sound that can be decoded, or None."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.codec.name in SOUND_CODECS and context.sample_rate > 0:
            return stream
    return None


def prepare_decoder(stream: Any, source: ByteSource) -> None:
    """Set threads and the picture limit of a stream's decoder; to be called before the first packet."""
    import os

    context = stream.codec_context
    context.thread_type = "AUTO"
    context.thread_count = min(_THREADS, os.cpu_count() or 1)
    context.options = {"max_pixels": str(source.limits.frame_pixels)}


def check_size(source: ByteSource, frame: Any) -> None:
    """Refuse a decoded frame above the limit (decoders that ignore `max_pixels`)."""
    if frame.width * frame.height > source.limits.frame_pixels:
        raise LimitError(
            f"{source.name}: expected at most {source.limits.frame_pixels:,} pixels per frame, "
            f"got {frame.width}x{frame.height}; raise Limits(frame_pixels=...) if the file is trusted"
        )


def _require_codec(stream: Any, allowed: frozenset[str], name: str) -> None:
    codec = stream.codec_context.codec.name
    if codec not in allowed:
        raise MediaError(
            f"{name}: expected a common codec, got {codec}, which is not opened; convert it to H.264 in MP4"
        )
