"""What is examined: clips, frames, sound and the bytes that they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol, runtime_checkable

import numpy as np

from likeness.types.arrays import DoubleArray, FloatArray, ImageArray, Value, check_array

MediaKind = Literal["image", "video", "audio"]
FactValue = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Frame(Value):
    """One decoded picture.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright (rotation and EXIF orientation already applied).
        index: position in the clip in display order, from 0.
        time_s: presentation time in seconds from the first frame.
        sha256: hash of the input file that the frame was decoded from; empty for pixels that came from no file
            (drawn, degraded or generated): such a frame may not be written as an original.
    """

    image: ImageArray
    index: int
    time_s: float
    sha256: str = ""

    def __post_init__(self) -> None:
        check_array("Frame.image", self.image, (None, None, 3), np.uint8)


class FrameSource(Protocol):
    """Lazy access to the frames of a clip behind one shared decode cache."""

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """All frames in display order; streaming, nothing is kept that does not fit the cache."""
        ...

    def at(self, indices: Iterable[int]) -> Iterator[Frame]:
        """The frames at `indices`, yielded in ascending order, each once; damaged ones are left out."""
        ...

    def close(self) -> None:
        """Let go of the file and of the cache; nothing can be read afterwards."""
        ...


@runtime_checkable
class AudioSource(Protocol):
    """Lazy access to sound."""

    sample_rate_hz: int

    def samples(self) -> FloatArray:
        """(N,) float32 mono in [-1, 1]."""
        ...


@runtime_checkable
class RawFile(Protocol):
    """The bytes of the file that a clip was opened from."""

    size_bytes: int
    media_type: str

    def open(self) -> BinaryIO:
        """A new read-only seekable file over the very bytes whose hash is `Clip.sha256`; the caller closes it."""
        ...

    def sidecar(self) -> bytes | None:
        """Content credentials that lie beside it as `name.ext.c2pa`; None if there are none. At most 16 MiB + 1 byte."""
        ...


@dataclass(frozen=True, eq=False)
class Clip(Value):
    """One opened item: a picture is a clip of one frame, a recording is a clip of none.

    Attributes:
        name: what a person calls it: the file's name, or a word for bytes and drawn clips. Never used as a path.
        kind: image, video or audio.
        frames: lazy frames, see `FrameSource`.
        fps: mean frame rate in Hz; 0 for pictures and sound.
        timestamps_s: (T,) float64 presentation times, true for variable frame rate.
        size_wh: width and height in pixels of the upright frames; (0, 0) for sound only.
        audio: sound, or None.
        sha256: hex hash of the file's bytes; empty for clips that were made in memory.
        facts: container facts for the report (codec, bitrate, JPEG quality, ...), in display order.
        raw: the file's bytes, for what is written beside the pixels (credentials, metadata); None for clips that were
            made in memory.
    """

    name: str
    kind: MediaKind
    frames: FrameSource = field(compare=False)
    fps: float
    timestamps_s: DoubleArray
    size_wh: tuple[int, int]
    audio: AudioSource | None = field(default=None, compare=False)
    sha256: str = ""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    raw: RawFile | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_array("Clip.timestamps_s", self.timestamps_s, (None,), np.float64)

    @property
    def duration_s(self) -> float:
        """Playing time in seconds: last timestamp plus one frame; 0 for pictures and sound only."""
        if self.kind != "video" or len(self.timestamps_s) == 0:
            return 0.0
        return float(self.timestamps_s[-1]) + (1.0 / self.fps if self.fps > 0 else 0.0)
