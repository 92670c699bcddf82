"""Find every face of one picture: the detector on the whole picture and on overlapping tiles, then the mesh per face.

The detector sees 192 pixels whatever it is given and finds faces that span 0.08 to 0.6 of them. So it looks at the
picture at several scales: padded to twice its size (a crop that a face fills), whole, and in tiles of a third, a ninth,
... of its longer side down to the smallest face of interest. All squares go through the network as one batch.
What the mesh then does not recognise as a face is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces.geometry import (
    eye_centres,
    face_box,
    invert,
    square_matrix,
    transform,
    warp,
)
from likeness.faces.models import SIZE_PX, Candidates, FaceModels, merge_overlaps, overlap
from likeness.types import DoubleArray, FloatArray, ImageArray, check_array

MIN_PRESENCE = 0.5
"""Below this the mesh says that a square holds no face."""
ROI_SCALE = 1.5
"""Side of the square that the mesh sees, relative to the longer side of the face."""
_SMALLEST_SHARE = 0.08
_TILE_STEP = 0.62  # of its side: a face that the level above misses lies whole in some tile
_MAX_LEVEL = 80  # tiles of one level; coarser ones stand in where there would be more
_TURNS_DEG = (
    60.0,
    120.0,
    180.0,
    240.0,
    300.0,
)  # the detector itself finds faces up to about 45 degrees


@dataclass(frozen=True)
class Faces:
    """The faces of one picture, the largest first; N = 0 is a normal outcome.

    Attributes:
        boxes_px: (N, 4) float32 xyxy round the mesh, forehead included.
        scores: (N,) float32 detector score in [0, 1].
        keypoints_px: (N, 6, 2) float32: eye on the image's left, eye on its right, nose tip, mouth, ear left, ear right.
        landmarks_px: (N, 478, 2) float32 in MediaPipe order (468 mesh, 10 iris points).
        presence: (N,) float32 probability of the mesh that this is a face.
    """

    boxes_px: FloatArray
    scores: FloatArray
    keypoints_px: FloatArray
    landmarks_px: FloatArray
    presence: FloatArray

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, indices: npt.ArrayLike) -> Faces:
        """The faces at `indices`, in that order."""
        i = np.asarray(indices, np.int64)
        return Faces(
            self.boxes_px[i],
            self.scores[i],
            self.keypoints_px[i],
            self.landmarks_px[i],
            self.presence[i],
        )


def find_faces(
    image: ImageArray,
    min_score: float = 0.6,
    models: FaceModels | None = None,
    min_face_px: int = 24,
) -> Faces:
    """Find every face of one picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        min_score: detector score below which a candidate is dropped.
        models: loaded networks; pass one where many pictures are examined.
        min_face_px: width of the smallest face that is looked for; decides how fine the tiles are.

    Raises:
        ShapeError: the image is not (H, W, 3) uint8.

    Example:
        >>> from skimage import data
        >>> from likeness.faces import find_faces
        >>> len(find_faces(data.astronaut()))
        1
    """
    check_array("image", image, (None, None, 3), np.uint8)
    models = models or FaceModels()
    size_wh = (image.shape[1], image.shape[0])
    found = candidates_in(image, views_of(size_wh, min_face_px), min_score, models)
    faces = meshed(image, found, models)
    if not len(faces):
        found = candidates_in(image, turned_views_of(size_wh), min_score, models)
        faces = meshed(image, found, models)
    return faces


def views_of(
    size_wh: tuple[int, int], min_face_px: int, tiles: bool = True, padded: bool = True
) -> DoubleArray:
    """(V, 4) centre x, centre y, side and turn (rad) of the squares that the detector looks at, coarse to fine.

    Args:
        size_wh: size of the picture.
        min_face_px: width of the smallest face of interest.
        tiles: whether to look at tiles for faces that are small in the picture.
        padded: whether to look at the picture inside a wide border for a face that fills it.
    """
    width, height = size_wh
    longer = float(max(width, height))
    views = [(width / 2, height / 2, 2 * longer, 0.0)] if padded else []
    views.append((width / 2, height / 2, longer, 0.0))
    side = longer
    while tiles and side * _SMALLEST_SHARE > 1.3 * min_face_px:
        wanted = side = max(side / 3.0, min_face_px / _SMALLEST_SHARE)
        while len(_steps(width, side)) * len(_steps(height, side)) > _MAX_LEVEL:
            side *= 1.05
        views += [(x, y, side, 0.0) for y in _steps(height, side) for x in _steps(width, side)]
        if side > wanted:
            break
    return np.array(views)


def turned_views_of(size_wh: tuple[int, int]) -> DoubleArray:
    """(V, 4) squares as `views_of` that look at the whole picture turned, for faces that do not stand upright."""
    x, y, longer = size_wh[0] / 2, size_wh[1] / 2, float(max(size_wh))
    return np.array(
        [(x, y, side * longer, np.radians(t)) for side in (1.4, 2.4) for t in _TURNS_DEG]
    )


def _steps(length: int, side: float) -> npt.NDArray[np.float64]:
    """Centres of overlapping tiles along one axis; one in the middle where a tile spans it all."""
    if side >= length:
        return np.array([length / 2.0])
    count = int(np.ceil((length - side) / (side * _TILE_STEP))) + 1
    return np.asarray(np.linspace(side / 2.0, length - side / 2.0, count), np.float64)


def candidates_in(
    image: ImageArray, views: DoubleArray, min_score: float, models: FaceModels
) -> Candidates:
    """What the detector sees in the squares `views` (V, 4), in frame pixels, overlaps merged."""
    matrices = [
        square_matrix((x - 0.5, y - 0.5), side, turn, SIZE_PX) for x, y, side, turn in views
    ]
    squares = np.stack([warp(image, m, SIZE_PX, "black", cubic=False) for m in matrices])
    size = np.array([image.shape[1], image.shape[0]], np.float64)
    boxes, scores, points = [], [], []
    for found, matrix, view in zip(models.detect(squares, min_score), matrices, views, strict=True):
        found = merge_overlaps(found)
        back = invert(matrix)
        box = _boxes_through(found.boxes, back)
        keep = ~_cut_off(box, view, size)
        boxes.append(box[keep])
        scores.append(found.scores[keep])
        points.append(transform(found.keypoints[keep].astype(np.float64) - 0.5, back))
    every = Candidates(
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores).astype(np.float32),
        np.concatenate(points).astype(np.float32),
    )
    return _distinct(every)


def _boxes_through(boxes: FloatArray, matrix: DoubleArray) -> DoubleArray:
    """(N, 4) boxes of the same size about the places that a similarity takes (N, 4) boxes' centres to."""
    middle = transform((boxes[:, :2] + boxes[:, 2:]).astype(np.float64) / 2 - 0.5, matrix)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    half = (boxes[:, 2:] - boxes[:, :2]) * (scale / 2)
    return np.concatenate([middle - half, middle + half], axis=1)


def _cut_off(boxes: DoubleArray, view: DoubleArray, size_wh: DoubleArray) -> npt.NDArray[np.bool_]:
    """Whether a tile's own edge, not the picture's, cuts a face: another tile sees it whole."""
    low, high = view[:2] - view[2] / 2, view[:2] + view[2] / 2
    slack = 0.02 * view[2]
    below = (boxes[:, :2] < low + slack) & (low > 0.5)
    above = (boxes[:, 2:] > high - slack) & (high < size_wh - 0.5)
    return np.asarray((below | above).any(axis=1))


def _distinct(found: Candidates) -> Candidates:
    """The best of the candidates that overlap between views."""
    order = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    for i in order:
        box = found.boxes[i : i + 1]
        others = found.boxes[kept]
        if (overlap(box, others) > 0.3).any() or (overlap(box, others, True) > 0.65).any():
            continue
        kept.append(int(i))
    return Candidates(found.boxes[kept], found.scores[kept], found.keypoints[kept])


def meshed(image: ImageArray, found: Candidates, models: FaceModels) -> Faces:
    """Landmarks for each candidate, twice: on the detector's square, then on the square that the mesh itself asks for."""
    matrices = [_detected_square(b, k) for b, k in zip(found.boxes, found.keypoints, strict=True)]
    landmarks, presence = mesh_on(image, matrices, models)
    seen = np.flatnonzero(presence >= MIN_PRESENCE)
    again, better = mesh_on(image, [mesh_square(p) for p in landmarks[seen]], models)
    steady = better >= MIN_PRESENCE
    faces = Faces(
        face_box(again[steady]),
        found.scores[seen][steady],
        found.keypoints[seen][steady],
        again[steady],
        better[steady],
    )
    return faces.take(distinct_faces(faces))


def distinct_faces(faces: Faces) -> list[int]:
    """Indices of the faces that lie on no better one, the largest first."""
    kept: list[int] = []
    for i in np.argsort(-faces.presence * faces.scores, kind="stable"):
        box = faces.boxes_px[i : i + 1]
        others = faces.boxes_px[kept]
        if not ((overlap(box, others) > 0.4).any() or (overlap(box, others, True) > 0.7).any()):
            kept.append(int(i))
    area = np.prod(faces.boxes_px[kept, 2:] - faces.boxes_px[kept, :2], axis=1)
    return [kept[i] for i in np.argsort(-area, kind="stable")]


def _detected_square(box: FloatArray, keypoints: FloatArray) -> DoubleArray:
    along = keypoints[1] - keypoints[0]
    centre = (box[:2] + box[2:]) / 2
    side = ROI_SCALE * float(max((box[2:] - box[:2]).max(), 1.0))
    return square_matrix(centre.tolist(), side, float(np.arctan2(along[1], along[0])), SIZE_PX)


def mesh_square(landmarks_px: npt.NDArray[np.floating]) -> DoubleArray:
    """(2, 3) matrix to the square that the mesh wants to see, given a mesh: upright, about its box."""
    eyes = eye_centres(landmarks_px)
    along = eyes[1] - eyes[0]
    angle = float(np.arctan2(along[1], along[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = np.asarray(landmarks_px[:468], np.float64) @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = ROI_SCALE * max(float((high - low).max()), 1.0)
    return square_matrix((turn @ ((low + high) / 2)).tolist(), side, angle, SIZE_PX)


def mesh_on(
    image: ImageArray, matrices: list[DoubleArray], models: FaceModels
) -> tuple[FloatArray, FloatArray]:
    """(N, 478, 2) float32 landmarks in frame pixels and (N,) presence in the squares of N matrices."""
    if not matrices:
        return np.zeros((0, 478, 2), np.float32), np.zeros(0, np.float32)
    squares = np.stack([warp(image, m, SIZE_PX, "replicate", cubic=False) for m in matrices])
    points, presence = models.mesh(squares)
    back = [
        transform(p[:, :2].astype(np.float64) - 0.5, invert(m))
        for p, m in zip(points, matrices, strict=True)
    ]
    return np.stack(back).astype(np.float32), presence
