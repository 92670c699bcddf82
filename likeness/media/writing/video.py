"""Frames to an H.264 file, one by one, with true time stamps, stated colours and the original's sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO, Final

import numpy as np

from likeness.errors import OutputError, UsageError
from likeness.media.writing.audio_copy import AudioCopy
from likeness.media.writing.channel import Channel, writing
from likeness.types import ImageArray, check_array

VIDEO_CONTAINERS: Final = MappingProxyType(
    {"mp4": "video/mp4", "mov": "video/quicktime", "matroska": "video/x-matroska"}
)
CLOCK_HZ: Final = 90_000
_ITU601, _ITU709 = 5, 1  # swscale's names for the matrices
_TAGS_601, _TAGS_709 = (
    6,
    1,
)  # ITU-T H.273: SMPTE 170M and BT.709, for primaries, transfer and matrix alike
_LIMITED_RANGE = 1
_SOUND_AHEAD_S = (
    0.5  # sound is written so far ahead of the picture; bounds what the muxer must hold
)
_CHROMA = "AREA"  # averaged over its four pixels: unbiased, and as quick as swscale's other ways


@dataclass(frozen=True)
class VideoSettings:
    """How frames are compressed.

    Attributes:
        crf: constant rate factor of x264, 0 (best) to 40; 18 is hard to tell from the original.
        preset: effort of x264; veryfast makes smaller files than medium in less time, at a PSNR that is 0.6 dB lower
            (benchmarks/write_marked_speed.py).
        keyframe_s: at most so many seconds between two frames at which decoding can start.
    """

    crf: int = 18
    preset: str = "veryfast"
    keyframe_s: float = 2.0

    def __post_init__(self) -> None:
        presets = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
        if not 0 <= self.crf <= 40 or not 0.04 <= self.keyframe_s <= 10:
            raise UsageError(
                f"expected crf 0-40 and keyframe_s 0.04-10, got {self.crf} and {self.keyframe_s}"
            )
        if self.preset not in presets:
            raise UsageError(f"preset: expected one of {', '.join(presets)}, got {self.preset!r}")


def even_size(size_wh: tuple[int, int]) -> tuple[int, int]:
    """The size that a video of `size_wh` gets: 4:2:0 has one colour for 2x2 pixels, so odd sides grow by one."""
    return size_wh[0] + size_wh[0] % 2, size_wh[1] + size_wh[1] % 2


def padded_to_even(image: ImageArray) -> ImageArray:
    """`image` with its last column and row repeated where a side is odd; all coordinates stay as they are."""
    height, width = image.shape[:2]
    if not (height % 2 or width % 2):
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


class VideoWriter:
    """Streams frames into one file; use as a context manager and call `finish` at the end.

    Colours are BT.709 from 1280 wide or 577 high on and BT.601 below (what players assume of untagged files), limited
    range, and tagged as such.

    Args:
        file: seekable, open for reading and writing; it stays open.
        size_wh: size of every frame; both even, see `padded_to_even`.
        fps: mean frame rate in Hz; only a hint for the encoder, the time stamps are those of the frames.
        container: a key of `VIDEO_CONTAINERS`.
        settings: see `VideoSettings`.

    Raises:
        OutputError: odd size or unknown container.
    """

    def __init__(
        self,
        file: BinaryIO,
        size_wh: tuple[int, int],
        fps: float,
        container: str = "mp4",
        settings: VideoSettings | None = None,
    ) -> None:
        if even_size(size_wh) != tuple(size_wh) or min(size_wh) < 16:
            raise OutputError(
                f"video: expected even sides of at least 16 px, got {size_wh[0]}x{size_wh[1]}"
            )
        if container not in VIDEO_CONTAINERS:
            raise OutputError(
                f"video: expected one of the containers {', '.join(VIDEO_CONTAINERS)}, got {container!r}"
            )
        self.frames = 0
        self._channel, self._file = Channel(file), file
        self._size_wh, self._container = tuple(size_wh), container
        self._settings = settings or VideoSettings()
        self._fps = float(np.clip(fps if np.isfinite(fps) else 25.0, 0.1, 1000.0))
        self._last_pts: int | None = None
        self._sound: Iterator[tuple[float, Any]] = iter(())
        self._next_sound: tuple[float, Any] | None = None
        self._start_s = 0.0
        self._open()

    def _open(self) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        with writing("video"):
            self._output: Any = av.open(
                self._channel,
                "w",
                format=self._container,
                # The index before the pictures, so that players can start before they have all of it.
                container_options={"movflags": "+faststart"}
                if self._container != "matroska"
                else {},
                io_open=self._channel.read_back,
                buffer_size=1 << 18,
            )
        self._reformatter = VideoReformatter()
        self._stream: Any = self._output.add_stream("libx264")
        self._sound_stream: Any = None
        hd = self._size_wh[0] >= 1280 or self._size_wh[1] > 576
        self._matrix = _ITU709 if hd else _ITU601
        context = self._stream.codec_context
        context.width, context.height = self._size_wh
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, CLOCK_HZ)
        context.framerate = Fraction(self._fps).limit_denominator(1001)
        context.color_range = _LIMITED_RANGE
        tags = _TAGS_709 if hd else _TAGS_601
        context.colorspace = context.color_primaries = context.color_trc = tags
        context.gop_size = max(1, round(self._settings.keyframe_s * self._fps))
        context.options = {"crf": str(self._settings.crf), "preset": self._settings.preset}

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()

    def copy_sound(self, sound: AudioCopy) -> None:
        """Take the packets of `sound` along; to be called before the first frame."""
        if self.frames:
            raise UsageError("sound must be given before the first frame")
        with writing("sound"):
            self._sound_stream = sound.add_to(self._output)
        self._start_s = sound.video_start_s
        self._sound = sound.packets()
        self._next_sound = next(self._sound, None)

    def write(self, image: ImageArray, time_s: float) -> None:
        """Append one frame.

        Args:
            image: (H, W, 3) uint8 RGB of the writer's size.
            time_s: when it is shown, in seconds from the clip's start; must grow from frame to frame.

        Raises:
            OutputError: time does not grow, or the encoder or the file refuses (disk full).
            ShapeError: a picture of another size.
        """
        import av

        width, height = self._size_wh
        check_array("VideoWriter.write", image, (height, width, 3), np.uint8)
        pts = round((time_s + self._start_s) * CLOCK_HZ)
        if pts < 0 or (self._last_pts is not None and pts <= self._last_pts):
            raise OutputError(
                f"frame {self.frames}: expected a time after the one before it, got {time_s} s"
            )
        with writing("video"):
            frame = self._reformatter.reformat(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
                format="yuv420p",
                dst_colorspace=self._matrix,
                dst_color_range=_LIMITED_RANGE,
                interpolation=_CHROMA,
                threads=1,
            )
            frame.pts, frame.time_base = pts, Fraction(1, CLOCK_HZ)
            packets = self._stream.encode(frame)
            self._mux(packets)
        self._last_pts = pts
        self.frames += 1

    def finish(self) -> None:
        """Write what the encoder still holds, the rest of the sound, and the index.

        Raises:
            OutputError: no frame was written, or the file refuses (disk full).
        """
        if not self.frames:
            raise OutputError("video: expected at least one frame, got none")
        with writing("video"):
            self._mux(self._stream.encode(None))
            self._mux_sound(float("inf"))
            self._output.close()
            self._output = None
            self._file.flush()

    def abandon(self) -> None:
        """Let go of encoder and muxer; harmless after `finish`."""
        self._channel.mute()
        output, self._output = self._output, None
        if output is not None:
            with suppress(Exception):  # it was given up for a reason that is known already
                output.close()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            if packet.dts is not None:
                self._mux_sound(float(packet.dts * packet.time_base) + _SOUND_AHEAD_S)
            self._output.mux(packet)

    def _mux_sound(self, until_s: float) -> None:
        """Hand sound to the muxer up to a time, so that it never has to hold much of either stream."""
        while self._next_sound is not None and self._next_sound[0] <= until_s:
            packet = self._next_sound[1]
            packet.stream = self._sound_stream
            self._output.mux(packet)
            self._next_sound = next(self._sound, None)
