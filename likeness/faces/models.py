"""The face networks and their raw decoding: the only module of this room that knows which models are used.

They are MediaPipe's full-range face detector and attention mesh (Apache-2.0; BlazeFace, Bazarevsky et al. 2019;
Attention Mesh, Grishchenko et al. 2020) as ONNX files; `weights/faces/CARD.md` states their inputs and outputs.
Replacing them means rewriting this module: 192-pixel squares go in, boxes with six key points or 478 points come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.types import FloatArray, ImageArray
from likeness.weights import load_arrays, path_of, session

SIZE_PX = 192
"""Side of the squares that both networks take."""
_GRID = 48
_BATCH = 16  # activations of more crops at once cost memory and save no time


@dataclass(frozen=True)
class Candidates:
    """Faces that the detector saw in one square, before overlaps are merged, best first.

    Attributes:
        boxes: (N, 4) float32 xyxy in pixels of the square, measured from its corner.
        scores: (N,) float32 in [0, 1].
        keypoints: (N, 6, 2) float32: eye on the image's left, eye on its right, nose tip, mouth, ear left, ear right.
    """

    boxes: FloatArray
    scores: FloatArray
    keypoints: FloatArray


@dataclass(frozen=True)
class FaceModels:
    """The networks, loaded on first use. Keep one and pass it on: loading costs some tenths of a second.

    Args:
        threads: threads inside one operator; 0 = one per physical core.
    """

    threads: int = 0

    @cached_property
    def _detector(self) -> Any:
        return session(path_of("faces", "face_detector.onnx"), self.threads)

    @cached_property
    def _mesh(self) -> Any:
        return session(path_of("faces", "face_mesh_attention.onnx"), self.threads)

    @cached_property
    def appearance(self) -> tuple[FloatArray, FloatArray]:
        """Mean (R,) and projection (R, K), float32, of the appearance descriptor."""
        arrays, _ = load_arrays(path_of("faces", "appearance.safetensors"))
        return arrays["mean"].astype(np.float32), arrays["projection"].astype(np.float32)

    def detect(self, squares: ImageArray, min_score: float = 0.6) -> list[Candidates]:
        """Faces in each of (N, 192, 192, 3) uint8 RGB squares; overlapping candidates are not merged."""
        found: list[Candidates] = []
        anchors = _anchors()
        for start in range(0, len(squares), _BATCH):
            batch = squares[start : start + _BATCH].astype(np.float32) / 127.5 - 1.0
            raw, logits = self._detector.run(["boxes", "scores"], {"image": batch})
            scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))
            found += [_decode(r, s, anchors, min_score) for r, s in zip(raw, scores, strict=True)]
        return found

    def mesh(self, squares: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Landmarks and presence of the face in each of (N, 192, 192, 3) uint8 RGB squares.

        Returns:
            (N, 478, 3) float32: x, y in pixels of the square from its corner, z in the same unit (smaller = nearer);
            (N,) float32 probability that the square holds a face.
        """
        points = np.empty((len(squares), 478, 3), np.float32)
        presence = np.empty(len(squares), np.float32)
        for start in range(0, len(squares), _BATCH):
            batch = squares[start : start + _BATCH].astype(np.float32) / 255.0
            part = slice(start, start + len(batch))
            points[part], presence[part] = self._mesh.run(
                ["landmarks", "presence"], {"image": batch}
            )
        return points, presence


def _anchors() -> npt.NDArray[np.float32]:
    """(2304, 2) cell centres in pixels of the square, row by row."""
    centres = (np.arange(_GRID, dtype=np.float32) + 0.5) * (SIZE_PX / _GRID)
    x, y = np.meshgrid(centres, centres)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def _decode(raw: Any, scores: Any, anchors: Any, min_score: float) -> Candidates:
    keep = np.flatnonzero(scores >= min_score)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    raw, centre = raw[keep], anchors[keep]
    middle, half = centre + raw[:, 0:2], raw[:, 2:4] / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    keypoints = centre[:, None, :] + raw[:, 4:16].reshape(-1, 6, 2)
    return Candidates(
        boxes.astype(np.float32), scores[keep].astype(np.float32), keypoints.astype(np.float32)
    )


def merge_overlaps(found: Candidates, max_iou: float = 0.3) -> Candidates:
    """Weighted suppression: each best box is averaged with those that overlap it, weighted by their scores."""
    order = np.argsort(-found.scores, kind="stable")
    boxes, scores, points = [], [], []
    while len(order):
        best = order[0]
        same = overlap(found.boxes[best : best + 1], found.boxes[order])[0] > max_iou
        same[0] = True
        group = order[same]
        weight = found.scores[group] / found.scores[group].sum()
        boxes.append(np.tensordot(weight, found.boxes[group], 1))
        points.append(np.tensordot(weight, found.keypoints[group], 1))
        scores.append(found.scores[best])
        order = order[~same]
    return Candidates(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(points, np.float32).reshape(-1, 6, 2),
    )


def overlap(a: FloatArray, b: FloatArray, of_smaller: bool = False) -> FloatArray:
    """(N, M) overlap of boxes (N, 4) and (M, 4) xyxy: intersection over union, or over the smaller area."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    area_a = np.prod(np.clip(a[:, 2:] - a[:, :2], 0.0, None), axis=-1)[:, None]
    area_b = np.prod(np.clip(b[:, 2:] - b[:, :2], 0.0, None), axis=-1)[None]
    whole = np.minimum(area_a, area_b) if of_smaller else area_a + area_b - shared
    return np.asarray(shared / np.maximum(whole, 1e-9), np.float32)
