"""Restore the faces of one picture and lay what was added back over it; nothing that was in the picture is resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from likeness.errors import IdentityError
from likeness.faces.geometry import invert
from likeness.jobs.consenting import Embed
from likeness.jobs.swap_frames import MARGIN, crop_with_landmarks
from likeness.jobs.swap_source import crop_size
from likeness.types import (
    FaceCrop,
    FaceTrack,
    FloatArray,
    Frame,
    GenerateRequest,
    Generator,
    ImageArray,
)

LARGEST_SHIFT: Final = 0.51
"""Largest distance of a face's identity embeddings before and after: the 95th percentile of pairs of pictures of one person, as
`benchmarks/restoration.py` measures it."""
_SOFT = 0.03  # of a crop's side: how softly what was added ends at the outline


@dataclass(frozen=True)
class RestoredFace:
    """One face of a picture.

    Attributes:
        box_px: (4,) xyxy in the result.
        landmarks_px: (478, 2) float32 in the result.
        alpha: (H, W) float32 in [0, 1]: where something was added.
    """

    box_px: FloatArray
    landmarks_px: FloatArray
    alpha: FloatArray


def restored_faces(
    image: ImageArray, tracks: Sequence[FaceTrack], restorer: Generator, factor: int = 1
) -> tuple[ImageArray, tuple[RestoredFace, ...]]:
    """A picture with its faces restored.

    Args:
        image: (H, W, 3) uint8 RGB.
        tracks: faces of the picture before it was enlarged, one row each.
        restorer: what restores a crop.
        factor: how much larger `image` is than what the tracks were found in.
    """
    found = []
    for track in tracks:
        points = ((track.landmarks_px[0].astype(np.float64) + 0.5) * factor - 0.5).astype(
            np.float32
        )
        size = min(512, crop_size(track) * factor)
        before = crop_with_landmarks(Frame(image, 0, 0.0), points, size, MARGIN)
        after = restorer.generate(GenerateRequest(target=before))
        image, alpha = laid_over(image, before, after)
        found.append(RestoredFace(track.boxes_px[0] * np.float32(factor), points, alpha))
    return image, tuple(found)


def laid_over(
    image: ImageArray, before: FaceCrop, after: FaceCrop
) -> tuple[ImageArray, FloatArray]:
    """The picture plus the difference of two crops of it, inside the mask of the second; and the (H, W) share of it."""
    import cv2

    size, wh = before.image.shape[0], (image.shape[1], image.shape[0])
    added = after.image.astype(np.float32) - before.image
    soft = cv2.erode(after.mask, np.ones((3, 3), np.uint8), iterations=max(1, round(_SOFT * size)))
    soft = cv2.GaussianBlur(soft, (0, 0), _SOFT * size)
    scale = float(np.sqrt(abs(np.linalg.det(before.matrix[:, :2]))))
    if scale > 1.05:  # the picture is coarser than the crop
        added = cv2.GaussianBlur(added, (0, 0), 0.5 * float(np.sqrt(scale * scale - 1.0)))
    back = invert(before.matrix)
    alpha = np.clip(cv2.warpAffine(soft, back, wh, flags=cv2.INTER_LINEAR), 0.0, 1.0)
    moved = cv2.warpAffine(added, back, wh, flags=cv2.INTER_CUBIC)
    result = np.clip(np.rint(image + alpha[..., None] * moved), 0, 255).astype(np.uint8)
    return result, np.asarray(alpha, np.float32)


def identity_shifts(
    before: ImageArray, after: ImageArray, faces: Sequence[RestoredFace], embed: Embed
) -> tuple[float, ...]:
    """Distance of every face's identity embedding before to that after; both pictures are of one size."""
    found = []
    for face in faces:
        rows = [embed(picture, face.landmarks_px).astype(np.float64) for picture in (before, after)]
        found.append(float(np.linalg.norm(rows[0] - rows[1])))
    return tuple(found)


def require_same_people(shifts: Sequence[float], largest: float = LARGEST_SHIFT) -> None:
    """Stop if a face has become somebody else's.

    Raises:
        IdentityError: a distance is larger than pictures of one person usually are apart.
    """
    for number, shift in enumerate(shifts, start=1):
        if not shift <= largest:  # so that NaN is no pass
            raise IdentityError(
                f"face {number} would no longer be the same person's: identity distance {shift:.2f} between input and "
                f"result, at most {largest:.2f} is allowed; use a lower --strength, or a better picture"
            )
