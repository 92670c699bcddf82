"""What two face sets promise together, before anything is trained: measured differences, and what they lead to.

A swap keeps the outline, hair and neck of the target and puts the source's features inside. So a difference in the shape of
the face stays visible, a difference in skin tone has to be bridged by colour transfer, a pose that the source never shows
has to be invented, and a source with few pixels makes a soft face.

Glasses and beards matter too and are not measured here: no labelled faces were at hand to measure such a cue on, so the report
says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.data.coverage import POSE_REACH_DEG, overlap
from likeness.data.face_sets import MINIMUM_FACES, FaceSet, too_few
from likeness.errors import DataError
from likeness.faces import eye_distance_px, hull_mask, regions

SHAPE_NOTICEABLE: Mapping[str, float] = {
    "width": 0.05,
    "jaw": 0.04,
    "eyes": 0.025,
    "nose_length": 0.09,
    "nose_width": 0.10,
}
"""Relative difference that one person hardly reaches from clip to clip; see docs/extract.md for the measurement."""
TONE_NOTICEABLE, TONE_LARGE = 10.0, 25.0
"""CIELAB distance of two skins above which colour transfer is needed, and above which it leaves an edge."""
_FRONTAL_DEG = 12.0
_CLOSED = 0.15
_MOST_FACES = 400  # evenly spread ones; medians do not need more

PROPORTIONS: Mapping[str, str] = {
    "width": "face width over height",
    "jaw": "jaw width over face width",
    "eyes": "distance of the eyes over face width",
    "nose_length": "nose length over face height",
    "nose_width": "nose width over face width",
}
_TONES = (
    (55.0, "very light"),
    (41.0, "light"),
    (28.0, "intermediate"),
    (10.0, "tan"),
    (-30.0, "brown"),
)


@dataclass(frozen=True)
class FaceSummary:
    """One set in numbers.

    Attributes:
        faces: kept faces.
        proportions: see `PROPORTIONS`; medians over faces that look into the camera with the mouth closed where there
            are any; empty where none faces the camera.
        skin_lab: median CIELAB of the skin.
        native_px: median native pixels of the face.
        mouth_range: 2nd and 98th percentile of the mouth's opening.
    """

    faces: int
    proportions: Mapping[str, float]
    skin_lab: tuple[float, float, float]
    native_px: float
    mouth_range: tuple[float, float]

    @property
    def tone(self) -> str:
        """Skin tone in words by the individual typology angle (Chardon, Cretois and Hourseau 1991), as lit here."""
        lightness, _, yellow = self.skin_lab
        angle = float(np.degrees(np.arctan2(lightness - 50.0, max(yellow, 1e-3))))
        return next((word for least, word in _TONES if angle > least), "dark")


@dataclass(frozen=True)
class PairReport:
    """Two sets compared.

    Attributes:
        source, target: each in numbers.
        shape: proportion -> source over target minus 1.
        tone_distance: CIELAB distance of the skins.
        poses_covered: share of the target's poses that the source shows too.
        mouths_covered: share of the target's faces whose mouth opens no wider and closes no further than the source's.
        sharpness_ratio: native pixels of the source over the target's.
        findings: what this leads to, in plain words, the weightiest first.
    """

    source: FaceSummary
    target: FaceSummary
    shape: Mapping[str, float]
    tone_distance: float
    poses_covered: float
    mouths_covered: float
    sharpness_ratio: float
    findings: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report, one line each."""
        shape = ", ".join(f"{PROPORTIONS[k]} {v:+.0%}" for k, v in self.shape.items())
        s, t = self.source, self.target
        return [
            f"faces: source {s.faces}, target {t.faces}",
            f"native face pixels: source {s.native_px:.0f}, target {t.native_px:.0f}",
            f"skin as lit: source {s.tone}, target {t.tone}, CIELAB distance {self.tone_distance:.0f}",
            f"face shape, source against target: {shape or 'not measured: no face towards the camera'}",
            f"target poses that the source shows too (within {POSE_REACH_DEG:.0f} degrees): {self.poses_covered:.0%}",
            f"target mouth openings within the source's range: {self.mouths_covered:.0%}",
            *(f"- {finding}" for finding in self.findings),
            "glasses and beards: not measured; compare the contact sheets",
        ]


def pair_report(source: FaceSet, target: FaceSet) -> PairReport:
    """Compare the kept faces of two sets.

    Args:
        source: gives the identity.
        target: the footage's person.

    Raises:
        DataError: a set without faces.
    """
    for role, face_set in (("source", source), ("target", target)):
        if not len(face_set):
            raise DataError(f"{role}: expected a face set with kept faces, got none")
    one, other = summarise(source), summarise(target)
    shape = {
        k: one.proportions[k] / other.proportions[k] - 1.0
        for k in PROPORTIONS
        if k in one.proportions and k in other.proportions
    }
    tone = float(np.linalg.norm(np.subtract(one.skin_lab, other.skin_lab)))
    mouths = target.values("mouth_opening")
    low, high = one.mouth_range
    inside = float(np.mean((mouths >= low - 0.02) & (mouths <= high + 0.02)))
    poses = overlap(source.rows, target.rows)
    ratio = one.native_px / max(other.native_px, 1e-6)
    report = PairReport(one, other, shape, tone, poses, inside, ratio, ())
    findings = (*_sizes(source, target, report), *_differences(report))
    none = ("nothing here speaks against this pair",)
    return PairReport(one, other, shape, tone, poses, inside, ratio, findings or none)


def summarise(face_set: FaceSet) -> FaceSummary:
    """One set in numbers; see `FaceSummary`."""
    mouth = face_set.values("mouth_opening")
    finite = mouth[np.isfinite(mouth)] if mouth.dtype.kind == "f" else np.zeros(0)
    low, high = np.percentile(finite, (2, 98)) if len(finite) else (0.0, 0.0)
    return FaceSummary(
        faces=len(face_set),
        proportions=proportions(face_set),
        skin_lab=skin_lab(face_set),
        native_px=float(np.nanmedian(face_set.values("native_px"))),
        mouth_range=(float(low), float(high)),
    )


def proportions(face_set: FaceSet) -> dict[str, float]:
    """Median proportions of the faces that look into the camera; those with a closed mouth if there are at least ten."""
    yaw, pitch = face_set.values("yaw_deg"), face_set.values("pitch_deg")
    frontal = (np.abs(yaw) < _FRONTAL_DEG) & (np.abs(pitch) < _FRONTAL_DEG)
    closed = frontal & (face_set.values("mouth_opening") < _CLOSED)
    chosen = closed if closed.sum() >= 10 else frontal
    if not chosen.any():
        return {}
    each = mesh_proportions(face_set.landmarks_px[chosen])
    return {name: float(np.median(values)) for name, values in each.items()}


def mesh_proportions(landmarks_px: npt.NDArray[np.floating]) -> dict[str, npt.NDArray[np.float64]]:
    """(N,) each of `PROPORTIONS` for (N, 478, 2) landmarks of faces that look into the camera."""
    p = np.asarray(landmarks_px, np.float64)

    def apart(a: int, b: int) -> npt.NDArray[np.float64]:
        return np.asarray(np.maximum(np.linalg.norm(p[:, a] - p[:, b], axis=1), 1e-6))

    width, height = apart(234, 454), apart(10, 152)
    return {
        "width": width / height,
        "jaw": apart(172, 397) / width,
        "eyes": eye_distance_px(p) / width,
        "nose_length": apart(168, 2) / height,
        "nose_width": apart(129, 358) / width,
    }


def skin_lab(face_set: FaceSet) -> tuple[float, float, float]:
    """Median CIELAB of the cheeks over the set (evenly spread faces)."""
    import cv2

    rows = np.unique(
        np.linspace(0, len(face_set) - 1, min(_MOST_FACES, len(face_set))).round().astype(int)
    )
    size = (face_set.size_px, face_set.size_px)
    found = []
    for row in rows:
        lab = cv2.cvtColor(face_set.images[row].astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
        points = face_set.landmarks_px[row]
        cheeks = hull_mask(points[list(regions.RIGHT_CHEEK)], size) > 0.5
        cheeks |= hull_mask(points[list(regions.LEFT_CHEEK)], size) > 0.5
        if cheeks.any():
            found.append(np.median(lab[cheeks], axis=0))
    middle = np.median(found, axis=0) if found else np.full(3, np.nan)
    return float(middle[0]), float(middle[1]), float(middle[2])


def _sizes(source: FaceSet, target: FaceSet, report: PairReport) -> list[str]:
    found = []
    for role, face_set in (("source", source), ("target", target)):
        if len(face_set) < MINIMUM_FACES:
            found.append(f"{role}: {too_few(len(face_set))}")
    if (source.size_px, source.margin) != (target.size_px, target.margin):
        found.append(
            f"the crops differ ({source.size_px} px, margin {source.margin} against {target.size_px} px, margin "
            f"{target.margin}): extract one of them again with the same --size"
        )
    if report.sharpness_ratio < 0.8:
        found.append(
            f"the source has {report.sharpness_ratio:.0%} of the target's pixels: the swapped face will be softer "
            f"than the picture around it; find larger footage of the source"
        )
    return found


def _differences(report: PairReport) -> Sequence[str]:
    found = []
    if report.poses_covered < 0.9:
        found.append(
            f"{1 - report.poses_covered:.0%} of the target's poses do not occur in the source: expect the swap to "
            f"fail or flicker there; add clips in which the source turns the same way"
        )
    if report.mouths_covered < 0.9:
        found.append(
            f"{1 - report.mouths_covered:.0%} of the target's mouth openings lie outside what the source shows: "
            f"the mouth will open less than in the footage; add clips in which the source speaks or laughs"
        )
    shapes = sorted(
        (k for k, v in report.shape.items() if abs(v) > SHAPE_NOTICEABLE[k]),
        key=lambda k: -abs(report.shape[k]),
    )
    if shapes:
        words = ", ".join(f"{PROPORTIONS[k]} {report.shape[k]:+.0%}" for k in shapes)
        found.append(
            f"face shape differs by more than one person's own spread ({words}): the outline stays the target's, so "
            f"the result will look less like the source"
        )
    if report.tone_distance > TONE_LARGE:
        found.append(
            f"skin as lit differs strongly (CIELAB {report.tone_distance:.0f}): colour transfer will not hide the "
            f"edge at the forehead and neck completely"
        )
    elif report.tone_distance > TONE_NOTICEABLE:
        found.append(
            f"skin as lit differs (CIELAB {report.tone_distance:.0f}): colour transfer is needed; do not switch it off"
        )
    return found
