"""Faces drawn from a few hundred numbers, as a small network of a swap draws them: soft, without pores, in the right place.

A basis of principal components (Turk and Pentland, "Eigenfaces for recognition", 1991) of real faces is the smallest autoencoder
there is. What it gives back of a face is a reconstruction twin: aligned pixel by pixel, and it costs nothing to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness import weights
from likeness.errors import DataError, WeightsError
from likeness.types import DoubleArray, FloatArray, ImageArray, check_array

SIZE_PX = 64
MARGIN = 0.08


@dataclass(frozen=True, eq=False)
class Eigenfaces:
    """A basis of aligned faces.

    Attributes:
        mean: (12288,) float32 the average face, 64x64 RGB in levels.
        components: (K, 12288) float32, orthonormal, strongest first.
    """

    mean: FloatArray
    components: FloatArray

    @classmethod
    def fit(cls, faces: ImageArray, most: int = 256) -> Eigenfaces:
        """Of (N, 64, 64, 3) uint8 aligned faces; raises `DataError` for fewer than two."""
        check_array("faces", faces, (None, SIZE_PX, SIZE_PX, 3), np.uint8)
        if len(faces) < 2:
            raise DataError(f"eigenfaces: expected two faces or more, got {len(faces)}")
        x = faces.reshape(len(faces), -1).astype(np.float32)
        mean = x.mean(axis=0)
        x -= mean
        sizes, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
        order = np.argsort(sizes)[::-1][: min(most, len(faces) - 1)]
        order = order[sizes[order] > 1e-3 * max(float(sizes.max()), 1.0) / len(faces)]
        components = (vectors[:, order] / np.sqrt(sizes[order])).T.astype(np.float32) @ x
        return cls(mean, components)

    @classmethod
    def load(cls, path: Path) -> Eigenfaces:
        """Read what `save` wrote; raises `WeightsError`."""
        arrays, _ = weights.load_arrays(path)
        mean, components = arrays.get("mean"), arrays.get("components")
        length = 3 * SIZE_PX**2
        if mean is None or components is None or components.ndim != 2:
            raise WeightsError(f"{path.name}: expected arrays mean and components")
        if mean.shape != (length,) or components.shape[1] != length:
            raise WeightsError(f"{path.name}: expected faces of {SIZE_PX} px")
        return cls(mean, components)

    def save(self, path: Path) -> None:
        """Write atomically as safetensors."""
        weights.save_arrays(path, {"mean": self.mean, "components": self.components}, {})

    def redrawn(self, image: ImageArray, landmarks_px: FloatArray, count: int) -> ImageArray:
        """A picture with its face drawn from `count` numbers: a donor for a reconstruction twin.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks_px: (478, 2) float32 in its pixels.
            count: how many components, at least one; more than there are means all.

        Returns:
            (H, W, 3) uint8 RGB; beyond the square round the face it is the picture itself.
        """
        from likeness.faces import align

        crop = align(image, landmarks_px, SIZE_PX, MARGIN)
        used = self.components[: max(1, count)]
        flat = crop.image.reshape(-1).astype(np.float32) - self.mean
        drawn = self.mean + (used @ flat) @ used
        face = np.clip(np.rint(drawn), 0, 255).astype(np.uint8).reshape(SIZE_PX, SIZE_PX, 3)
        return laid_over(image, face, crop.matrix)


def laid_over(image: ImageArray, face: ImageArray, matrix: DoubleArray) -> ImageArray:
    """A picture with a drawn face in its place; beyond the square round the face it is the picture itself.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: (S, S, 3) uint8 RGB.
        matrix: (2, 3) from picture to face pixels.
    """
    import cv2

    side, size_wh = len(face), (image.shape[1], image.shape[0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    # The border is repeated far outwards, so that no blend can meet the end of the square.
    moved = cv2.warpAffine(face, matrix, size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = np.full((side, side), 255, np.uint8)
    covered = cv2.warpAffine(inside, matrix, size_wh, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.where(covered[..., None] > 127, moved, image)
