"""Landmark swap: set one recorded face on another by its landmarks alone. No network, no training, nothing invented.

What it shows are the source's own pixels, moved: the identity and the wrinkles of one picture in the pose and, with the
mesh, the expression of another. The oldest of swaps, and the baseline that a trained one has to beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from likeness.errors import UsageError
from likeness.faces import hull_mask, regions
from likeness.faces.geometry import warp
from likeness.faces.mesh_warp import MeshWarp, fit_affine, fit_similarity
from likeness.faces.quality import eye_aspect_ratio
from likeness.types import FaceCrop, FloatArray, GenerateRequest, ImageArray

INFO = {
    "summary": "The source's own pixels moved to the target's landmarks: similarity, affine or mesh; no training",
    "cue": "face swap by geometry",
    "question": "blended",
    "kinds": ["face_swap"],
    "needs": ["source", "target", "landmarks"],
    "paper": "after the landmark swaps of the 2010s; mesh: Delaunay 1934; similarity: Umeyama 1991",
    "licence": "Apache-2.0",
    "weights_licence": "has no weights",
    "known_failures": [
        "the light of the source's picture comes along: shadows fall on the wrong side",
        "the gaze and, where the target's mouth opens wider than the source's, the teeth are not the source's own",
        "a source and a target that look in different directions (over about 20 degrees) give stretched cheeks",
        "hair over the forehead, glasses and hands in front of the target's face are painted over",
        "the shape of the head stays the target's, and with it half of what people recognise",
    ],
    "default": True,
    "trainable": False,
}
WEIGHTS: dict[str, str] = {}
_MOUTH_FROM, _MOUTH_FULL = (
    0.02,
    0.1,
)  # how much wider the target's mouth is open than the source's, over its width
_LIDS_FROM, _LIDS_FULL = 0.4, 0.7  # how much of the source's opening the target's lids have closed
_OVAL, _INNER = list(regions.FACE_OVAL), list(regions.LIPS_INNER)
_EYES = (list(regions.RIGHT_EYE), list(regions.LEFT_EYE))


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        warp: `mesh` follows the target's expression triangle by triangle, `affine` and `similarity` keep the source's
            and move it as a whole.
        keep_mouth: with `mesh`, leave the inside of the target's mouth alone where the source's is shut: stretching a
            closed mouth shows no teeth.
        keep_lids: with `mesh`, leave the target's eyes alone while they are shut and the source's are open: squeezing
            an open eye shows no lid.
    """

    warp: Literal["mesh", "affine", "similarity"] = "mesh"
    keep_mouth: bool = True
    keep_lids: bool = True


def build(config: Config) -> LandmarkSwap:
    """The generator."""
    return LandmarkSwap(config)


class LandmarkSwap:
    """Moves the source's face to the target's landmarks; see `Config`. The same request gives the same crop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._mesh: tuple[FaceCrop, MeshWarp] | None = None

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """The source's face on the target's crop.

        Args:
            request: `source` and `target`, both with landmarks; the seed changes nothing.

        Returns:
            A crop of the target's size, matrix and landmarks; its mask is the part of the target's face oval that the
            source can fill.

        Raises:
            UsageError: no source, no target, or one without landmarks.
        """
        source, source_px = _with_landmarks(request.source, "source")
        target, target_px = _with_landmarks(request.target, "target")
        size = target.image.shape[0]
        mask = hull_mask(target_px[_OVAL], (size, size))
        if self.config.warp == "mesh":
            image, shown = self._mesh_of(source, source_px).to(target_px, (size, size))
            mask = mask * shown
            if self.config.keep_mouth:
                mask = mask * _mouth_left_alone(source_px, target_px, size)
            if self.config.keep_lids:
                mask = mask * _eyes_left_alone(source_px, target_px, size)
        else:
            fit = fit_affine if self.config.warp == "affine" else fit_similarity
            matrix = fit(source_px[:468], target_px[:468])
            image = warp(source.image, matrix, size)
            reach = hull_mask(source_px[_OVAL], (source.image.shape[1], source.image.shape[0]))
            moved = warp(_as_image(reach), matrix, size, "black", cubic=False)[..., 0]
            mask = mask * (moved.astype(np.float32) / np.float32(255))
        return FaceCrop(image, mask, target.matrix.copy(), target_px.copy())

    def _mesh_of(self, source: FaceCrop, landmarks_px: FloatArray) -> MeshWarp:
        """The source's triangles, kept from one frame to the next as long as the source is the same object."""
        if self._mesh is None or self._mesh[0] is not source:
            self._mesh = (source, MeshWarp(source.image, landmarks_px))
        return self._mesh[1]


def _with_landmarks(crop: FaceCrop | None, role: str) -> tuple[FaceCrop, FloatArray]:
    if crop is None:
        raise UsageError(f"landmark_swap needs a {role} crop, got none")
    if crop.landmarks_px is None:
        raise UsageError(
            f"landmark_swap needs the landmarks of the {role}, got a crop without them; "
            "cut it with faces.align from landmarks"
        )
    return crop, crop.landmarks_px


def mouth_opening(landmarks_px: FloatArray) -> float:
    """Height of the gap between the lips over the width of the mouth; 0 = shut."""
    gap = float(np.linalg.norm(landmarks_px[13] - landmarks_px[14]))
    return gap / max(float(np.linalg.norm(landmarks_px[61] - landmarks_px[291])), 1e-6)


def _mouth_left_alone(source_px: FloatArray, target_px: FloatArray, size: int) -> FloatArray:
    """(S, S) 1 everywhere, towards 0 inside the target's lips the wider they stand open than the source's."""
    wider = mouth_opening(target_px) - mouth_opening(source_px)
    width = float(np.linalg.norm(target_px[61] - target_px[291]))
    return _without(target_px[_INNER], _share(wider, _MOUTH_FROM, _MOUTH_FULL), 0.03 * width, size)


def _eyes_left_alone(source_px: FloatArray, target_px: FloatArray, size: int) -> FloatArray:
    """(S, S) 1 everywhere, towards 0 over an eye the more the target's is shut and the source's is not."""
    openings = [eye_aspect_ratio(p[None])[0] for p in (source_px, target_px)]
    mask = np.ones((size, size), np.float32)
    for eye, source, target in zip(_EYES, *openings, strict=True):
        closed = 1.0 - float(target) / max(float(source), 1e-3)
        points = target_px[eye]
        width = float(np.ptp(points[:, 0]))
        centre = points.mean(axis=0)
        lids = (
            centre
            + (points - centre) * 1.3
            + np.array([[0.0, 0.22], [0.0, -0.22]])[:, None] * width
        )
        share = _share(closed, _LIDS_FROM, _LIDS_FULL)
        mask *= _without(lids.reshape(-1, 2).astype(np.float32), share, 0.1 * width, size)
    return mask


def _share(value: float, start: float, full: float) -> float:
    return float(np.clip((value - start) / (full - start), 0.0, 1.0))


def _without(points_px: FloatArray, share: float, soft_px: float, size: int) -> FloatArray:
    """(S, S) 1 - share inside the hull of some points, 1 outside, with a soft edge."""
    import cv2

    if share <= 0.0:
        return np.ones((size, size), np.float32)
    inside = cv2.GaussianBlur(hull_mask(points_px, (size, size)), (0, 0), max(soft_px, 0.5))
    return np.asarray(1.0 - np.float32(share) * np.minimum(inside, 1.0), np.float32)


def _as_image(mask: FloatArray) -> ImageArray:
    return np.repeat(np.rint(mask * 255).astype(np.uint8)[..., None], 3, axis=2)
