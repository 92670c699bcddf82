"""Where generated media may go: everything that can be refused is refused before anything is generated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from likeness.errors import OutputError
from likeness.media.writing import (
    PICTURE_TYPES,
    VIDEO_CONTAINERS,
    AudioCopy,
    VideoSettings,
    even_size,
)
from likeness.provenance import watermark
from likeness.provenance.consent import Permission, require_consent
from likeness.provenance.credentials import can_carry
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Making
from likeness.provenance.visible_label import VisibleLabel
from likeness.provenance.writing_landing import check_place, failing, nameless
from likeness.types import Clip, FactValue, MediaKind, Progress

_PICTURES: Final = MappingProxyType(
    {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
)
_VIDEOS: Final = MappingProxyType({".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"})
_BLOCK = 1 << 20


@dataclass(frozen=True)
class WriteOptions:
    """How generated media are written.

    Attributes:
        audio_from: the clip whose sound a video keeps, packet by packet; its frame rate is taken along as well.
        fps: mean frame rate in Hz, a hint for the encoder; times come from the frames. Default: that of `audio_from`, or 25.
        sidecar: write the credentials to name.ext.c2pa beside the file; needed where a container has no room for them.
        crf: constant rate factor of x264, 0 (best) to 40.
        preset: effort of x264.
        progress: told how many frames are written, and when signing and checking begin.
    """

    audio_from: Clip | None = None
    fps: float | None = None
    sidecar: bool = False
    crf: int = 18
    preset: str = "veryfast"
    progress: Progress | None = None

    def video_settings(self) -> VideoSettings:
        """The same for the encoder. Raises `UsageError` for impossible values."""
        return VideoSettings(self.crf, self.preset)

    def mean_fps(self) -> float:
        """Frame rate in Hz."""
        return self.fps or (self.audio_from.fps if self.audio_from else 0.0) or 25.0


@dataclass(frozen=True)
class Target:
    """A place that was checked.

    Attributes:
        path: where the file will lie.
        kind: image, video or audio.
        format: the encoder's word for it: PNG, mp4, wav ...
        media_type: such as image/png.
        sidecar: where its credentials will lie if they do not fit in.
        permission: what the consent records allow.
    """

    path: Path
    kind: MediaKind
    format: str
    media_type: str
    sidecar: Path | None
    permission: Permission


def check_target(
    path: Path,
    size_wh: tuple[int, int] | None,
    making: Making,
    keys: KeyStore,
    options: WriteOptions | None = None,
) -> Target:
    """Whether generated media may be written there, before they are generated.

    Args:
        path: its suffix decides the format: png, jpg, jpeg, webp; mp4, m4v, mov, mkv; wav.
        size_wh: width and height of the frames; None for sound.
        making: whose consent is checked first.
        keys: who will sign.
        options: see `WriteOptions`.

    Raises:
        ConsentError: no record covers this; nothing else was looked at.
        OutputError: the container cannot carry credentials (write a sidecar), the frames are too small for a watermark or
            a demanded label, the sound does not fit in, the path cannot be written or is one of the inputs.
        KeyStoreError: the keys cannot sign.
    """
    options, path = options or WriteOptions(), Path(path)
    permission = require_consent(
        making.consents, making.purpose, making.today, keys.maker_public_key()
    )
    kind, format, media_type = _format_of(path)
    options.video_settings()
    check_place(path)
    sidecar = _sidecar_of(path, media_type, options)
    _check_marks(kind, size_wh, permission)
    if options.audio_from is not None and kind == "video":
        AudioCopy(options.audio_from, format).close()
    keys.signer()
    refuse_input(path, making, options.audio_from)
    with failing(path):
        nameless(path.parent).close()
    return Target(path, kind, format, media_type, sidecar, permission)


def check_size(kind: Literal["image", "video"], size_wh: tuple[int, int]) -> None:
    """Raise `OutputError` where frames of this size cannot carry the watermark."""
    reason = watermark.can_carry(even_size(size_wh) if kind == "video" else size_wh, kind)
    if reason:
        raise OutputError(f"cannot mark the output: {reason}")


def refuse_input(path: Path, making: Making, clip: Clip | None) -> None:
    """Raise `OutputError` if the file at `path` is, by its bytes, footage that went in: it would be lost."""
    inputs = {part.sha256: part.name for part in making.ingredients}
    if clip is not None and clip.sha256:
        inputs[clip.sha256] = clip.name
    if not inputs or not path.is_file():
        return
    digest = hashlib.sha256()
    with failing(path), path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() in inputs:
        raise OutputError(
            f"cannot write {path}: it is the input {inputs[digest.hexdigest()]}; choose another name"
        )


def told_of(making: Making, watermarked: bool, label: str | None) -> Making:
    """The making with what its credentials shall say about the other marks."""
    marks: dict[str, FactValue] = {"watermark": watermarked}
    if label:
        marks["visible_label"] = label
    return replace(making, settings={**making.settings, **marks})


def _format_of(path: Path) -> tuple[MediaKind, str, str]:
    suffix = path.suffix.lower()
    if suffix in _PICTURES:
        return "image", _PICTURES[suffix], PICTURE_TYPES[_PICTURES[suffix]]
    if suffix in _VIDEOS:
        return "video", _VIDEOS[suffix], VIDEO_CONTAINERS[_VIDEOS[suffix]]
    if suffix == ".wav":
        return "audio", "wav", "audio/wav"
    known = " ".join([*_PICTURES, *_VIDEOS, ".wav"])
    raise OutputError(
        f"cannot write {path}: expected a name that ends in one of {known}, got {suffix or 'none'}"
    )


def _sidecar_of(path: Path, media_type: str, options: WriteOptions) -> Path | None:
    if not options.sidecar and can_carry(media_type):
        return None
    sidecar = path.with_name(path.name + ".c2pa")
    if not options.sidecar:
        raise OutputError(
            f"cannot write {path}: {media_type} has no room for content credentials; write .mp4 or .png, "
            f"or allow a sidecar (sidecar=True), which puts them into {sidecar.name}"
        )
    check_place(sidecar)
    return sidecar


def _check_marks(kind: MediaKind, size_wh: tuple[int, int] | None, permission: Permission) -> None:
    if kind == "audio":
        if permission.visible_label:
            raise OutputError(
                "sound cannot carry the visible label that records of public_domain and dataset_terms demand; "
                "use a record of another basis"
            )
        return
    if size_wh is None:
        return
    check_size(kind, size_wh)
    if permission.visible_label:
        VisibleLabel(permission.visible_label, size_wh)  # raises where it does not fit
