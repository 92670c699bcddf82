"""Pixels and sound to files. Nothing here marks anything: only `provenance` and `data` (crop packs) may import this.

The rule is a contract in pyproject.toml; the way out for everybody else is `provenance.write_marked` and
`provenance.encode_marked`.
"""

from __future__ import annotations

from likeness.media.writing.audio_copy import AudioCopy
from likeness.media.writing.pictures import PICTURE_TYPES, encode_picture
from likeness.media.writing.sound import write_wav
from likeness.media.writing.video import (
    VIDEO_CONTAINERS,
    VideoSettings,
    VideoWriter,
    even_size,
    padded_to_even,
)

__all__ = [
    "PICTURE_TYPES",
    "VIDEO_CONTAINERS",
    "AudioCopy",
    "VideoSettings",
    "VideoWriter",
    "encode_picture",
    "even_size",
    "padded_to_even",
    "write_wav",
]
