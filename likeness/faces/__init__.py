"""Find, track, measure and align faces, and the inverse: paste back. Landmarks are MediaPipe's 478 points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.faces.finding import Faces, find_faces
    from likeness.faces.geometry import (
        align,
        align_matrix,
        corners_px,
        eye_distance_px,
        hull_mask,
        invert,
        paste,
    )
    from likeness.faces.models import FaceModels
    from likeness.faces.pose import head_pose_deg
    from likeness.faces.quality import face_quality
    from likeness.faces.tracking import TrackingConfig, track_faces

__all__ = [
    "FaceModels",
    "Faces",
    "TrackingConfig",
    "align",
    "align_matrix",
    "corners_px",
    "eye_distance_px",
    "face_quality",
    "find_faces",
    "head_pose_deg",
    "hull_mask",
    "invert",
    "paste",
    "track_faces",
]


def __getattr__(name: str) -> Any:
    if name in ("Faces", "find_faces"):
        from likeness.faces import finding

        return getattr(finding, name)
    if name == "FaceModels":
        from likeness.faces import models

        return models.FaceModels
    if name == "head_pose_deg":
        from likeness.faces import pose

        return pose.head_pose_deg
    if name == "face_quality":
        from likeness.faces import quality

        return quality.face_quality
    if name in ("TrackingConfig", "track_faces"):
        from likeness.faces import tracking

        return getattr(tracking, name)
    if name in __all__:
        from likeness.faces import geometry

        return getattr(geometry, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
