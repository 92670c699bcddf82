"""Bring one face into the shape of another: a single matrix, or every triangle of the landmark mesh on its own.

The mesh is triangulated once, on the source (Delaunay 1934), and keeps its triangles for every frame of the target: a
triangulation that is made anew per frame changes its edges and the picture flickers with them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError
from likeness.faces import regions
from likeness.types import (
    LANDMARK_COUNT,
    DoubleArray,
    FloatArray,
    ImageArray,
    IndexArray,
    check_array,
)

_MESH = 468  # the irises move on their own and would fold the triangles round them
_OVAL = list(regions.FACE_OVAL)
_RINGS = (
    1.15,
    1.3,
)  # the mesh goes on outside of the face, so that a feathered edge finds skin or hair, not a step
_MAP_PX = (
    160  # the way back to the source is worked out on a grid of this size: nearly linear in between
)
_LEAST_AREA = (
    0.02  # a triangle that is squeezed below this share of its area shows nothing of the source
)


def fit_similarity(
    source: npt.NDArray[np.floating], target: npt.NDArray[np.floating]
) -> DoubleArray:
    """(2, 3) rotation, scale and shift that take (N, 2) points to others with the least squared error.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", without mirroring.

    Raises:
        UsageError: fewer than two points, or points that all lie in one place.
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    centre_a, centre_b = a.mean(axis=0), b.mean(axis=0)
    a, b = a - centre_a, b - centre_b
    spread = float((a * a).sum())
    if len(a) < 2 or not np.isfinite(spread) or spread < 1e-9:
        raise UsageError("a similarity needs points that span a length")
    along = float((a * b).sum()) / spread
    across = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    linear = np.array([[along, -across], [across, along]])
    return np.concatenate([linear, (centre_b - linear @ centre_a)[:, None]], axis=1)


def fit_affine(source: npt.NDArray[np.floating], target: npt.NDArray[np.floating]) -> DoubleArray:
    """(2, 3) affine that takes (N, 2) points to others with the least squared error.

    Raises:
        UsageError: points that lie on one line.
    """
    a = np.asarray(source, np.float64)
    design = np.hstack([a, np.ones((len(a), 1))])
    solution, _, rank, _ = np.linalg.lstsq(design, np.asarray(target, np.float64), rcond=None)
    if rank < 3:
        raise UsageError("an affine needs points that do not lie on one line")
    return np.asarray(solution.T, np.float64)


class MeshWarp:
    """Warps one source face to any number of target shapes.

    Args:
        image: (H, W, 3) uint8 RGB of the source.
        landmarks_px: (478, 2) in its pixels.

    Raises:
        ShapeError: wrong arrays.
        UsageError: landmarks that span no area.
    """

    def __init__(self, image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> None:
        from scipy.spatial import Delaunay, QhullError

        check_array("image", image, (None, None, 3), np.uint8)
        points = np.asarray(landmarks_px, np.float64)
        check_array("landmarks_px", points, (LANDMARK_COUNT, 2), np.float64)
        self._image = image
        self._mesh = points[:_MESH]
        self._vertices = np.concatenate([self._mesh, _rings(self._mesh)])
        try:
            self.triangles: IndexArray = Delaunay(self._vertices).simplices.astype(np.int64)
        except (QhullError, ValueError) as error:
            raise UsageError("mesh warp: the landmarks span no area") from error

    def to(
        self, landmarks_px: npt.NDArray[np.floating], size_wh: tuple[int, int]
    ) -> tuple[ImageArray, FloatArray]:
        """The source in the shape of a target.

        Args:
            landmarks_px: (478, 2) of the target, in the pixels of the result.
            size_wh: of the result.

        Returns:
            (H, W, 3) uint8 RGB, black far from the face, and (H, W) float32 in [0, 1]: 1 where the source shows something, 0 where the target's
            shape squeezes or folds the source's triangles away.
        """
        target = np.asarray(landmarks_px, np.float64)
        check_array("landmarks_px", target, (LANDMARK_COUNT, 2), np.float64)
        coarse = max(1.0, max(size_wh) / _MAP_PX)
        wh = (max(1, round(size_wh[0] / coarse)), max(1, round(size_wh[1] / coarse)))
        scale = np.array([wh[0] / size_wh[0], wh[1] / size_wh[1]])
        mesh = (target[:_MESH] + 0.5) * scale - 0.5  # pixel centres stay centres
        whole = fit_affine(mesh, self._mesh)
        vertices = np.concatenate([mesh, _rings(mesh)])
        affines, shown = self._affines(vertices, whole)
        labels = _labels(vertices, self.triangles[shown], wh)
        table = np.concatenate([whole[None], affines[shown]]).astype(np.float32)[labels + 1]
        y, x = np.indices(labels.shape, np.float32)
        maps = [row[..., 0] * x + row[..., 1] * y + row[..., 2] for row in np.moveaxis(table, 2, 0)]
        map_x, map_y, seen = (
            cv2.resize(m, size_wh, interpolation=cv2.INTER_LINEAR)
            for m in (*maps, (labels >= 0).astype(np.float32))
        )
        image = _prefiltered(self._image, fit_affine(target[:_MESH], self._mesh))
        warped = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        part = _around(target[:_MESH], size_wh)
        warped[part] = cv2.remap(
            image, map_x[part], map_y[part], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        return warped, np.asarray(seen, np.float32)

    def _affines(
        self, vertices: DoubleArray, whole: DoubleArray
    ) -> tuple[DoubleArray, npt.NDArray[np.bool_]]:
        """(M, 2, 3) target to source per triangle, and which triangles keep their side up and some area."""
        corners = vertices[self.triangles]
        source = self._vertices[self.triangles]
        area, own = _areas(corners), _areas(source)
        scale = 1.0 / max(abs(float(np.linalg.det(whole[:, :2]))), 1e-9)
        shown = (area * np.sign(own) > 0.01) & (np.abs(area) > _LEAST_AREA * np.abs(own) * scale)
        safe = np.where(shown[:, None, None], corners, np.array([[0, 0], [1, 0], [0, 1]]))
        design = np.concatenate([safe, np.ones((len(safe), 3, 1))], axis=2)
        return np.swapaxes(np.linalg.solve(design, source), 1, 2), shown


def _areas(corners: DoubleArray) -> DoubleArray:
    """(M,) twice the signed area of (M, 3, 2) triangles."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], np.float64)


def _rings(mesh: DoubleArray) -> DoubleArray:
    """(72, 2) the face oval drawn larger twice."""
    oval = mesh[_OVAL]
    centre = oval.mean(axis=0)
    return np.concatenate([centre + (oval - centre) * factor for factor in _RINGS])


def _around(mesh: DoubleArray, size_wh: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the result that the face and its surroundings take up."""
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    reach = (_RINGS[1] - 1.0) / 2.0 * (high - low)
    x0, y0 = (max(0, int(v)) for v in low - reach)
    x1, y1 = (min(n, int(v) + 2) for v, n in zip(high + reach, size_wh, strict=True))
    return slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


def _labels(vertices: DoubleArray, triangles: IndexArray, size_wh: tuple[int, int]) -> IndexArray:
    """(H, W) number of the triangle that covers a pixel; -1 where none does."""
    labels = np.full((size_wh[1], size_wh[0]), -1, np.int32)
    fixed = np.round(np.clip(vertices, -30000, 30000) * 16).astype(np.int32)[triangles]
    for number, corners in enumerate(fixed):
        cv2.fillConvexPoly(labels, corners, number, lineType=cv2.LINE_8, shift=4)
    return np.asarray(labels, np.int64)


def _prefiltered(image: ImageArray, target_to_source: DoubleArray) -> ImageArray:
    """Smooth a source that is going to shrink, as much as the shrinking asks for."""
    factor = float(np.sqrt(abs(np.linalg.det(target_to_source[:, :2]))))
    if factor < 1.15:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.35 * np.sqrt(factor**2 - 1.0)), np.uint8)
