"""The nouns of the project and its two protocols: numpy and the standard library only.

Every array is checked for shape and dtype when a noun is built, so that a wrong array is noticed where it is made and
not three rooms later. Nouns are frozen and compare by value.
"""

from __future__ import annotations

from likeness.types.arrays import (
    DoubleArray,
    FloatArray,
    ImageArray,
    IndexArray,
    Value,
    check_array,
    same_value,
)
from likeness.types.consent import (
    Basis,
    Consent,
    Purpose,
    Reference,
)
from likeness.types.faces import (
    LANDMARK_COUNT,
    FaceCrop,
    FaceQuality,
    FaceTrack,
)
from likeness.types.findings import (
    QUESTIONS,
    Claim,
    ClaimContent,
    ClaimSource,
    Curve,
    Evidence,
    Heatmap,
    Label,
    Question,
    Reading,
    Span,
    Status,
    TrackScore,
    Verdict,
)
from likeness.types.media import (
    AudioSource,
    Clip,
    FactValue,
    Frame,
    FrameSource,
    MediaKind,
    RawFile,
)
from likeness.types.parts import (
    Detector,
    GenerateRequest,
    Generator,
    Progress,
)

__all__ = [
    "LANDMARK_COUNT",
    "QUESTIONS",
    "AudioSource",
    "Basis",
    "Claim",
    "ClaimContent",
    "ClaimSource",
    "Clip",
    "Consent",
    "Curve",
    "Detector",
    "DoubleArray",
    "Evidence",
    "FaceCrop",
    "FaceQuality",
    "FaceTrack",
    "FactValue",
    "FloatArray",
    "Frame",
    "FrameSource",
    "GenerateRequest",
    "Generator",
    "Heatmap",
    "ImageArray",
    "IndexArray",
    "Label",
    "MediaKind",
    "Progress",
    "Purpose",
    "Question",
    "RawFile",
    "Reading",
    "Reference",
    "Span",
    "Status",
    "TrackScore",
    "Value",
    "Verdict",
    "check_array",
    "same_value",
]
