"""`write_marked`: the only way from generated pixels and sound to a file.

Order: consent, then everything about the place that can be refused, then frames one by one (label, watermark, encoder)
into a file without a name, then the signature, then both marks are read back from the finished bytes, and only then does
the file get its name. Whatever goes wrong, and whenever the process is killed, nothing unmarked has a name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from likeness.errors import OutputError, why_not_written
from likeness.media.writing import AudioCopy, VideoWriter, encode_picture, write_wav
from likeness.provenance.credentials import sign, sign_sidecar
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making
from likeness.provenance.watermark import WatermarkFinding
from likeness.provenance.writing_frames import GeneratedFrame, Marker, marked
from likeness.provenance.writing_landing import Landing, failing
from likeness.provenance.writing_target import (
    Target,
    WriteOptions,
    check_size,
    check_target,
    told_of,
)
from likeness.provenance.writing_verify import verify_credentials, verify_watermark
from likeness.types import FloatArray, Frame, ImageArray


@dataclass(frozen=True)
class GeneratedSound:
    """Sound that was generated.

    Attributes:
        samples: (N,) mono or (N, C) float32 in [-1, 1].
        sample_rate_hz: its rate.
    """

    samples: FloatArray
    sample_rate_hz: int


@dataclass(frozen=True)
class Written:
    """A marked file that has its name.

    Attributes:
        path: the file.
        sidecar: its credentials, where they lie beside it.
        media_type: such as video/mp4.
        frames: how many were written; 0 for sound.
        watermark: the watermark as it was read back; None for sound, which carries credentials only.
    """

    path: Path
    sidecar: Path | None
    media_type: str
    frames: int
    watermark: WatermarkFinding | None


def write_marked(
    frames: Iterable[GeneratedFrame | Frame],
    path: str | Path,
    making: Making,
    keys: KeyStore,
    options: WriteOptions | None = None,
) -> Written:
    """Write generated pictures with content credentials and a watermark; of a picture the iterable has one frame.

    Video is H.264 in yuv420p: sides that are odd grow by one pixel (the last column or row is repeated). Time stamps are
    those of the frames (to 1/90,000 s; Matroska keeps milliseconds).

    Args:
        frames: consumed one by one, all of one size; an `emphasis` says where the watermark shall be stronger.
        path: its suffix decides the format, see `check_target`.
        making: how they were generated, for whom and with whose consent; its job number is the watermark's payload.
        keys: who signs.
        options: see `WriteOptions`.

    Raises:
        ConsentError: no record covers this; `frames` was not touched.
        OutputError: the place, the container or the disk refuses; see `check_target`.
        MarkError: a mark was not found in the finished bytes; nothing was kept.
        KeyStoreError: the keys cannot sign.

    Example:
        >>> write_marked(frames, "swapped.mp4", making, keys, WriteOptions(audio_from=clip))    # doctest: +SKIP
    """
    options = options or WriteOptions()
    target = check_target(Path(path), None, making, keys, options)
    if target.kind == "audio":
        raise OutputError(
            f"{target.path}: expected the name of a picture or video; see write_marked_sound"
        )
    told = told_of(making, True, target.permission.visible_label)
    with Landing(target.path) as landing, landing.scratch() as scratch, failing(target.path):
        encode = _encode_picture if target.kind == "image" else _encode_video
        count = encode(frames, scratch, target, told, options)
        sidecar = _sign(scratch, landing.file, target, told, keys)
        _say(options, "checking the marks")
        verify_credentials(landing.file, target.media_type, told, keys, sidecar)
        found = verify_watermark(landing.file, told, count)
        _land(landing, target, sidecar)
    return Written(target.path, target.sidecar, target.media_type, count, found)


def write_marked_sound(
    sound: GeneratedSound,
    path: str | Path,
    making: Making,
    keys: KeyStore,
    options: WriteOptions | None = None,
) -> Written:
    """Write generated sound with content credentials, as WAV (16 bits). Sound gets no watermark.

    Args:
        sound: samples and rate.
        path: a name that ends in .wav.
        making: how it was generated, for whom and with whose consent.
        keys: who signs.
        options: `sidecar` and `progress` count.

    Raises:
        ConsentError: no record covers this.
        OutputError: the place or the disk refuses, or a record demands a visible label, which sound cannot carry.
        MarkError: the credentials were not found in the finished bytes; nothing was kept.
        KeyStoreError: the keys cannot sign.
    """
    options = options or WriteOptions()
    target = check_target(Path(path), None, making, keys, options)
    if target.kind != "audio":
        raise OutputError(f"{target.path}: expected a name that ends in .wav; see write_marked")
    told = told_of(making, False, target.permission.visible_label)
    with Landing(target.path) as landing, landing.scratch() as scratch, failing(target.path):
        write_wav(scratch, sound.samples, sound.sample_rate_hz)
        sidecar = _sign(scratch, landing.file, target, told, keys)
        _say(options, "checking the marks")
        verify_credentials(landing.file, target.media_type, told, keys, sidecar)
        _land(landing, target, sidecar)
    return Written(target.path, target.sidecar, target.media_type, 0, None)


def _encode_picture(
    frames: Iterable[GeneratedFrame | Frame],
    file: BinaryIO,
    target: Target,
    making: Making,
    options: WriteOptions,
) -> int:
    pictures = list(islice(frames, 2))
    if len(pictures) != 1:
        raise OutputError(
            f"{target.path}: a picture has one frame, got {'none' if not pictures else 'several'}; "
            "write a video for several"
        )
    image = _marker(target, making, _size_of(pictures[0])).mark(pictures[0])
    file.write(encode_picture(image, target.format))
    file.flush()
    return 1


def _encode_video(
    frames: Iterable[GeneratedFrame | Frame],
    file: BinaryIO,
    target: Target,
    making: Making,
    options: WriteOptions,
) -> int:
    with ExitStack() as stack:
        writer: VideoWriter | None = None
        pictures = marked(frames, lambda size_wh: _marker(target, making, size_wh))
        stack.callback(pictures.close)
        for image, time_s in pictures:
            if writer is None:
                writer = stack.enter_context(_writer(file, image, target, options))
                if options.audio_from is not None:
                    sound = stack.enter_context(AudioCopy(options.audio_from, target.format))
                    writer.copy_sound(sound)
            writer.write(image, time_s)
            _say(options, "writing frames", writer.frames)
        if writer is None:
            raise OutputError(f"{target.path}: expected at least one frame, got none")
        writer.finish()
        return writer.frames


def _writer(
    file: BinaryIO, image: ImageArray, target: Target, options: WriteOptions
) -> VideoWriter:
    size_wh = (image.shape[1], image.shape[0])
    return VideoWriter(file, size_wh, options.mean_fps(), target.format, options.video_settings())


def _marker(target: Target, making: Making, size_wh: tuple[int, int]) -> Marker:
    video = target.kind == "video"
    check_size("video" if video else "image", size_wh)
    return Marker(size_wh, making.job_id, target.permission.visible_label, even=video)


def _size_of(frame: GeneratedFrame | Frame) -> tuple[int, int]:
    return frame.image.shape[1], frame.image.shape[0]


def _sign(
    scratch: BinaryIO, finished: BinaryIO, target: Target, making: Making, keys: KeyStore
) -> bytes | None:
    """Fill `finished`; returns the credentials where they go beside it."""
    scratch.flush()
    if target.sidecar is None:
        with _disk_in_words(target.path):
            sign(scratch, finished, target.media_type, making, keys)
            finished.flush()
        return None
    scratch.seek(0)
    shutil.copyfileobj(scratch, finished, 1 << 20)
    finished.flush()
    return sign_sidecar(finished, target.media_type, making, keys)


@contextmanager
def _disk_in_words(path: Path) -> Iterator[None]:
    """The signing library reports a full disk as a number inside its own message."""
    try:
        yield
    except OutputError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OutputError(
            f"cannot write {path}: {why_not_written(OSError(int(number[1]), ''))}"
        ) from error


def _land(landing: Landing, target: Target, sidecar: bytes | None) -> None:
    """Names: credentials that lie beside the file get theirs first, so that the file is never without."""
    if target.sidecar is not None and sidecar is not None:
        with Landing(target.sidecar) as beside:
            beside.file.write(sidecar)
            beside.land()
    landing.land()


def _say(options: WriteOptions, what: str, done: int = 0) -> None:
    if options.progress is not None:
        options.progress(what, done, None)
