"""Real faces on the training device: pictures, landmarks and the outlines of all mask families, worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from likeness.data.kinds import locate_face
from likeness.data.pairs import MAY_DONATE
from likeness.errors import DataError
from likeness.training.tensor_masks import outlines_of
from likeness.types import FloatArray, ImageArray, check_array

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class TensorFaces:
    """N real faces in frames of one size, all on one device but `may_donate`.

    Attributes:
        images: (N, 3, S, S) uint8 RGB.
        landmarks_px: (N, 478, 2) float32.
        outlines: (N, 8, POINTS, 2) float32, see `tensor_masks.outlines_of`.
        boxes: (N, 4) float32 xyxy of the face crops, inside the frame.
        size_px: (N,) float32 larger side of the faces, foreheads included.
        may_donate: (N,) bool on the CPU: the terms of its source cover synthesis.
    """

    images: Tensor
    landmarks_px: Tensor
    outlines: Tensor
    boxes: Tensor
    size_px: Tensor
    may_donate: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: Tensor) -> TensorFaces:
        """Some of them, in the order of (n,) int64 rows."""
        here = rows.to(self.images.device)
        arrays = {name: value[here] for name, value in vars(self).items() if name != "may_donate"}
        return TensorFaces(**arrays, may_donate=self.may_donate[rows.cpu()])

    @classmethod
    def of(
        cls,
        images: ImageArray,
        landmarks_px: FloatArray,
        sources: Sequence[str],
        device: torch.device | str = "cpu",
    ) -> TensorFaces:
        """Put faces on a device.

        Args:
            images: (N, S, S, 3) uint8 RGB; see `framed` for pictures of other sizes.
            landmarks_px: (N, 478, 2) float32 in their pixels.
            sources: (N,) names of the data sources; only those of `MAY_DONATE` give faces to others.
            device: where the pairs are to be made.

        Raises:
            ShapeError: wrong arrays.
            DataError: frames are not square, or a face is not within its frame.
        """
        check_array("faces.images", images, (None, None, None, 3), np.uint8)
        if images.shape[1] != images.shape[2] or not len(images) == len(landmarks_px) == len(
            sources
        ):
            raise DataError(
                f"expected as many square frames as landmarks and sources, got {images.shape}, "
                f"{landmarks_px.shape} and {len(sources)}; see framed()"
            )
        found = [locate_face(i, p) for i, p in zip(images, landmarks_px, strict=True)]
        return cls(
            images=torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device),
            landmarks_px=torch.from_numpy(landmarks_px).to(device),
            outlines=torch.from_numpy(outlines_of(landmarks_px)).to(device),
            boxes=torch.tensor([face.box for face in found], dtype=torch.float32).to(device),
            size_px=torch.tensor([face.size_px for face in found], dtype=torch.float32).to(device),
            may_donate=torch.tensor([source in MAY_DONATE for source in sources]),
        )


Donors = tuple[TensorFaces, Tensor]
"""Faces and (B,) int64 rows of them on the CPU."""


def framed(
    image: ImageArray, landmarks_px: FloatArray, size_px: int
) -> tuple[ImageArray, FloatArray]:
    """A picture and its landmarks in a square frame, upright as they are; pixels stay as they are where the face fits.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32 in its pixels.
        size_px: side of the frame. A picture of this very size is returned unchanged; of a larger one the surroundings of the face are
            cut out, reduced if they are larger than the frame; what a smaller one lacks is mirrored.
    """
    from likeness.data.masks import face_box
    from likeness.faces.geometry import square_matrix, transform, warp

    if image.shape[:2] == (size_px, size_px):
        return image, landmarks_px
    x0, y0, x1, y1 = (float(v) for v in face_box(landmarks_px))
    side = max(float(size_px), 1.4 * max(x1 - x0, y1 - y0))
    centre = [round((x0 + x1 - size_px) / 2) + (size_px - 1) / 2] if side == size_px else []
    centre += [round((y0 + y1 - size_px) / 2) + (size_px - 1) / 2] if centre else []
    matrix = square_matrix(centre or ((x0 + x1) / 2, (y0 + y1) / 2), side, 0.0, size_px)
    moved = transform(landmarks_px, matrix).astype(np.float32)
    return warp(image, matrix, size_px), moved
