"""`open_clip`: from a path, bytes or a file object to a `Clip`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from likeness.errors import LikenessError, MediaError
from likeness.media import facts as describe_facts
from likeness.media.container import open_container, sound_stream, video_stream
from likeness.media.frames import DrawnFrames, SharedFrames
from likeness.media.hostile import parsing, reason
from likeness.media.limits import Limits
from likeness.media.packets import PacketScan, scan_packets
from likeness.media.pictures import (
    AnimationDecoder,
    is_animation,
    open_pillow,
    orientation_of,
    reading,
    to_rgb,
)
from likeness.media.sniff import HEAD_BYTES, SUPPORTED, Format, describe, media_type, sniff
from likeness.media.sound import SoundTrack
from likeness.media.source import ByteSource, open_source
from likeness.media.video import VideoDecoder
from likeness.types import Clip, DoubleArray, FactValue, ImageArray


def open_clip(
    source: str | Path | bytes | BinaryIO, limits: Limits | None = None, name: str | None = None
) -> Clip:
    """Open a picture, video or recording.

    The format is decided by content, never by name. Pictures are decoded at once; a video is walked through packet by
    packet without decoding (where its packets carry time stamps) and then decoded frame by frame when asked.

    Args:
        source: path of a regular file, the bytes of one, or a binary file object.
        limits: what the file may cost; default `Limits()`.
        name: what to call it in messages and reports; default: the file's name.

    Returns:
        A `Clip`; `clip.frames` is a `SharedFrames` (its `close()` releases the file), `clip.facts` says what the
        container says.

    Raises:
        MediaError: not a readable regular file, not a supported format, damaged, or without any frame or sound.
        LimitError: larger than the limits.
        MissingExtraError: a HEIF picture without the extra `heif`.

    Example:
        >>> clip = open_clip("clip.mp4")                            # doctest: +SKIP
        >>> [frame.time_s for frame in clip.frames.at([0, 10])]     # doctest: +SKIP
        [0.0, 0.4]
    """
    opened = open_source(source, limits or Limits(), name)
    try:
        head = opened.read_at(0, HEAD_BYTES)
        format = sniff(head)
        if format is None:
            got = describe(head)
            raise MediaError(f"{opened.name}: expected {SUPPORTED}, got {got}")
        clip = (
            _open_picture(opened, format) if format.reader == "pillow" else _open_av(opened, format)
        )
        moving = format.reader == "av" and clip.kind == "video"
        return replace(clip, raw=opened.raw(media_type(format, head, moving)))
    except BaseException:
        opened.close()
        raise


def _open_picture(source: ByteSource, format: Format) -> Clip:
    picture = open_pillow(source, format)
    if is_animation(picture, format):
        return _open_animation(source, format, picture)
    with reading(source):
        facts = describe_facts.of_picture(source, format, picture)
        turn = orientation_of(picture)
        image, change = to_rgb(picture)
        picture.close()
    image = turn.apply(image)
    facts |= {"rotation_applied": turn.words, "conversion": change or "none"}
    shown: Mapping[str, FactValue] = facts
    if format.key == "JPEG":
        content = source.read_at(0, source.size_bytes)
        shown = describe_facts.DeferredFacts(facts, lambda: _jpeg_facts(source, content))
    decoder = DrawnFrames([image])
    decoder.decoded = decoder.converted = 1
    times = np.zeros(1)
    frames = SharedFrames(decoder, times, source.sha256, source.limits, facts)
    frames.remember(0, image)
    source.close()  # the pixels are all that is needed from here on
    size = (image.shape[1], image.shape[0])
    return Clip(source.name, "image", frames, 0.0, times, size, None, source.sha256, shown)


def _jpeg_facts(source: ByteSource, content: bytes) -> dict[str, FactValue]:
    """Compression facts; a header that cannot be read is a fact too, since the pixels could."""
    try:
        with reading(source):
            return describe_facts.of_jpeg(content)
    except MediaError as error:
        return {"jpeg_details": f"not readable ({error})"}


def _open_animation(source: ByteSource, format: Format, picture: Any) -> Clip:
    decoder = AnimationDecoder(source, picture)
    kept: list[tuple[int, ImageArray]] = []
    delays: list[float] = []
    size = (0, 0)
    note, room, seconds = "", source.limits.cache_bytes, 0.0
    with reading(source):
        facts = describe_facts.of_picture(source, format, picture)
        try:
            for image, delay in decoder.walk():
                size = (image.shape[1], image.shape[0])
                room -= image.nbytes
                if room >= 0:
                    kept.append((len(delays), image))
                delays.append(delay)
                seconds += delay
                source.limits.check_clip(source.name, size, len(delays), seconds)
        except (LikenessError, MemoryError):
            raise
        except Exception as error:
            if not delays:
                raise
            note = reason(error)
    times = np.concatenate([[0.0], np.cumsum(delays)[:-1]])
    fps = round(len(delays) / seconds, 6)
    facts |= {"frames": len(delays), "duration_s": round(seconds, 3), "fps_mean": round(fps, 3)}
    facts |= {"frame_rate_varies": len(set(delays)) > 1, "broken_off": note or None}
    frames = SharedFrames(decoder, times, source.sha256, source.limits, facts)
    for index, image in kept:
        frames.remember(index, image)
    kind = "video" if len(delays) > 1 else "image"
    rate = fps if len(delays) > 1 else 0.0
    return Clip(source.name, kind, frames, rate, times, size, None, source.sha256, facts)  # type: ignore[arg-type]


def _open_av(source: ByteSource, format: Format) -> Clip:
    container = open_container(source, format)
    try:
        with parsing(source.name, format.name + " file"):
            sound = sound_stream(container)
            track = SoundTrack(source, format, sound.sample_rate) if sound is not None else None
            facts = describe_facts.of_container(source, format, container)
            stream = video_stream(container, source)
            if sound is not None:
                facts |= describe_facts.of_sound(sound)
            if stream is None:
                return _recording(source, container, track, facts)
            scan = scan_packets(container, stream, source, format)
            facts |= describe_facts.of_video(source, container, stream, scan)
            rate = describe_facts.declared_rate(stream)
            base = float("nan") if format.key == "mpegvideo" else float(stream.time_base)
    finally:
        container.close()
    decoder = VideoDecoder(source, format)
    times, first = _frame_times(source, decoder, scan, base, rate)
    return _video(source, decoder, times, first, facts, track)


def _recording(
    source: ByteSource, container: Any, track: SoundTrack | None, facts: dict[str, FactValue]
) -> Clip:
    if track is None or not track.probe():
        raise MediaError(
            f"{source.name}: expected at least one frame or some sound, got none that can be decoded"
        )
    seconds = float(container.duration or 0) / 1e6
    source.limits.check_clip(source.name, (0, 0), 0, seconds)
    nothing = np.zeros(0)
    frames = SharedFrames(
        DrawnFrames([], source.close), nothing, source.sha256, source.limits, facts
    )
    return Clip(source.name, "audio", frames, 0.0, nothing, (0, 0), track, source.sha256, facts)


def _frame_times(
    source: ByteSource, decoder: VideoDecoder, scan: PacketScan, base: float, rate: float
) -> tuple[DoubleArray, tuple[int, ImageArray]]:
    """Time of every frame in seconds from the first, and the first undamaged frame: its index and RGB."""
    with parsing(source.name, "video"), source.stopwatch.running():
        if scan.pts is not None:
            decoder.use(scan)
            stamps = scan.pts.astype(np.float64) * base
            found = next(_undamaged(source, decoder), None)
        else:
            found, stamps = _decode_through(source, decoder, base, rate)
        if found is None or len(stamps) == 0:
            raise MediaError(
                f"{source.name}: expected at least one frame, got none that can be decoded without damage"
            )
        decoder.remember(found[1])
        return stamps - stamps[0], (found[0], decoder.to_rgb(found[1]))


def _undamaged(source: ByteSource, decoder: VideoDecoder) -> Iterator[tuple[int, Any]]:
    """Frames as they come, without those that the decoder had to make up; these are noted as damaged."""
    while (item := decoder.next_frame()) is not None:
        source.stopwatch.check()
        if item[1].is_corrupt:
            decoder.damaged.add(item[0])
        else:
            yield item


def _decode_through(
    source: ByteSource, decoder: VideoDecoder, base: float, rate: float
) -> tuple[tuple[int, Any] | None, DoubleArray]:
    """Decode everything once to learn which frames there are; nothing is kept but the first."""
    first: tuple[int, Any] | None = None
    known: dict[int, float] = {}
    for index, frame in _undamaged(source, decoder):
        first = first or (index, frame)
        known[index] = float("nan") if frame.pts is None else frame.pts * base
        source.limits.check(source.name, "frames", index + 1, "frames")
    count = max([*known, *decoder.damaged], default=-1) + 1
    times = np.array([known.get(index, float("nan")) for index in range(count)], np.float64)
    seen = times[~np.isnan(times)]
    if len(seen) < len(known) or (np.diff(seen) <= 0).any():
        times = np.arange(count) / rate  # no usable stamps: evenly at the declared rate
    elif len(seen):
        times = np.interp(np.arange(count), np.flatnonzero(~np.isnan(times)), seen)
    return first, times


def _video(
    source: ByteSource,
    decoder: VideoDecoder,
    times: DoubleArray,
    first: tuple[int, ImageArray],
    facts: dict[str, FactValue],
    track: SoundTrack | None,
) -> Clip:
    size = (first[1].shape[1], first[1].shape[0])
    fps = describe_facts.add_timing(facts, times)
    source.limits.check_clip(source.name, size, len(times), float(times[-1]))
    facts["rotation_applied"] = decoder.orientation.words
    facts["damaged_frames"] = len(decoder.damaged)
    frames = SharedFrames(decoder, times, source.sha256, source.limits, facts)
    frames.remember(*first)
    return Clip(source.name, "video", frames, fps, times, size, track, source.sha256, facts)
