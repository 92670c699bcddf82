"""Reading the finished bytes back: both marks must be in them, or nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from likeness import media
from likeness.errors import LikenessError, MarkError
from likeness.provenance import watermark
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making
from likeness.provenance.reading import read_credentials
from likeness.types import Clip, Frame, ImageArray

# Our own file, of a size that was chosen by whoever asked for it: nothing to be wary of.
_OWN: Final = media.Limits(
    file_bytes=1 << 50,
    image_pixels=1 << 31,
    frame_pixels=1 << 28,
    frames=1 << 30,
    seconds=1e8,
    decoded_bytes=1 << 60,
    decode_seconds=1e6,
)
_SAMPLES: Final = (8, 32)  # frames that are combined: few first, more only if these do not suffice


def verify_credentials(
    file: BinaryIO, media_type: str, making: Making, keys: KeyStore, sidecar: bytes | None = None
) -> None:
    """Raise `MarkError` unless the bytes carry credentials of ours that hold for them and name this job.

    Args:
        file: the finished file, readable and seekable.
        media_type: its type.
        making: what the credentials must tell.
        keys: whose signature is expected.
        sidecar: the credentials where they lie beside the file.
    """
    try:
        found = read_credentials(file, media_type, keys.trust_anchors_pem(), sidecar=sidecar)
    except LikenessError as error:
        raise MarkError(
            f"the written file cannot be read back ({error}); nothing was kept"
        ) from error
    if not found.present:
        wrong = "no credentials"
    elif not found.intact:
        wrong = f"credentials that do not hold ({'; '.join(found.problems) or 'no reason given'})"
    elif not found.trusted:
        wrong = "credentials that were not signed by this key store"
    elif found.job_id != making.job_id or found.digital_source != making.digital_source:
        wrong = f"credentials of another making (job {found.job_id}, {found.digital_source})"
    else:
        return
    raise MarkError(f"expected credentials of job {making.job_id}, got {wrong}; nothing was kept")


def verify_watermark(file: BinaryIO, making: Making, frames: int) -> watermark.WatermarkFinding:
    """The watermark as it is found in the finished bytes.

    A still is searched alone; of a video frames from its whole length are combined, as a reader would.

    Args:
        file: the finished file, readable and seekable.
        making: its job number is the expected payload.
        frames: how many frames were written.

    Raises:
        MarkError: it is not found or carries another number, or frames are missing.
    """
    file.flush()
    clip = _open(file)
    try:
        if len(clip.frames) != frames:
            raise MarkError(
                f"expected {frames} frames in the written file, got {len(clip.frames)}; nothing was kept"
            )
        for count in _SAMPLES:
            found = watermark.find_watermark(frame.image for frame in _spread(clip, count))
            if found.found and found.payload == making.job_id:
                return found
            if count >= frames:
                break
    except MarkError:
        raise
    except LikenessError as error:
        raise MarkError(
            f"the written file cannot be read back ({error}); nothing was kept"
        ) from error
    finally:
        clip.frames.close()
    payload = "no watermark" if not found.found else f"a watermark with the number {found.payload}"
    raise MarkError(
        f"expected a watermark with the number {making.job_id}, got {payload}; flat or very dark pictures "
        "cannot carry one; nothing was kept"
    )


def carries(image: ImageArray, payload: int) -> bool:
    """Whether the watermark with this number is found in one picture."""
    found = watermark.find_watermark([image])
    return found.found and found.payload == payload


def _open(file: BinaryIO) -> Clip:
    """The file as a clip, through the same door as any other; by its descriptor where the system has names for these."""
    place = Path(f"/proc/self/fd/{file.fileno()}") if _has_descriptor(file) else None
    try:
        if place is not None and place.exists():
            return media.open_clip(place, _OWN, "the written file")
        file.seek(0)
        return media.open_clip(file, _OWN, "the written file")
    except LikenessError as error:
        raise MarkError(
            f"the written file cannot be read back ({error}); nothing was kept"
        ) from error


def _has_descriptor(file: BinaryIO) -> bool:
    try:
        return file.fileno() >= 0
    except OSError:
        return False


def _spread(clip: Clip, count: int) -> Iterator[Frame]:
    places = np.unique(np.linspace(0, len(clip.frames) - 1, count).round().astype(int))
    return clip.frames.at(int(place) for place in places)
