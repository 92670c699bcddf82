"""Likeness makes deepfakes in order to catch them.

>>> import likeness
>>> verdict = likeness.detect("clip.mp4")  # doctest: +SKIP
>>> print(verdict.label, verdict.llr, verdict.reasons)  # doctest: +SKIP

Everything is imported when it is first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from likeness.errors import LikenessError
    from likeness.jobs.detect import DetectOptions, detect
    from likeness.jobs.train import train
    from likeness.media import open_clip
    from likeness.types import (
        Clip,
        Consent,
        Detector,
        Evidence,
        FaceCrop,
        FaceTrack,
        Frame,
        Generator,
        Verdict,
    )

__all__ = [
    "Clip",
    "Consent",
    "DetectOptions",
    "Detector",
    "Evidence",
    "FaceCrop",
    "FaceTrack",
    "Frame",
    "Generator",
    "LikenessError",
    "Verdict",
    "detect",
    "open_clip",
    "train",
]

_HOMES = {
    "DetectOptions": "likeness.jobs.detect",
    "LikenessError": "likeness.errors",
    "detect": "likeness.jobs.detect",
    "open_clip": "likeness.media",
    "train": "likeness.jobs.train",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'likeness' has no attribute {name!r}")
    home = _HOMES.get(name, "likeness.types")
    __import__(home)
    value = getattr(sys.modules[home], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
