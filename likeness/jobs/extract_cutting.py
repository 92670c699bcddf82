"""How faces are cut out, and those of one source file on their way into a shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from likeness import media
from likeness.data.curation_measures import expression, light_and_colour
from likeness.data.face_shards import Shard
from likeness.faces.geometry import transform
from likeness.types import FaceCrop, FaceTrack, FactValue, FloatArray, Frame, ImageArray

THUMB_PX = 96
_INTRUDES = 0.01  # share of the crop that another face's box may cover


@dataclass(frozen=True)
class Cutting:
    """How faces are cut out.

    Attributes:
        every: every how many-th frame of a clip is examined.
        size_px, margin: of the crop, as in `likeness.faces.align`.
        limits: what is refused as too large.
    """

    every: int = 1
    size_px: int = 160
    margin: float = 0.25
    limits: media.Limits = field(default_factory=media.Limits)


class CutFaces:
    """Faces on their way into one shard."""

    def __init__(self, cutting: Cutting) -> None:
        self.cutting = cutting
        self.images: list[ImageArray] = []
        self.landmarks: list[FloatArray] = []
        self.matrices: list[npt.NDArray[np.float64]] = []
        self.embeddings: list[FloatArray] = []
        self.thumbs: list[bytes] = []
        self.rows: list[dict[str, FactValue]] = []

    def add(
        self,
        frame: Frame,
        crop: FaceCrop,
        box_px: FloatArray,
        embedding: FloatArray,
        facts: Mapping[str, FactValue],
    ) -> None:
        """Measure one face and remember it."""
        points = crop.landmarks_px
        assert points is not None
        row = dict(facts) | light_and_colour(crop.image, points)
        row |= {name: float(v[0]) for name, v in expression(points[None]).items()}
        self.images.append(crop.image)
        self.landmarks.append(points)
        self.matrices.append(crop.matrix)
        self.embeddings.append(embedding)
        self.thumbs.append(media.encode_original(frame, THUMB_PX, _wider(box_px)))
        # As exact as the manifest keeps them, so that a set that grew equals one that was made at once.
        self.rows.append(
            {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in row.items()}
        )

    def finished(self) -> tuple[Shard, list[dict[str, FactValue]]]:
        """The shard and its rows."""
        shard = Shard(
            np.stack(self.images),
            np.stack(self.landmarks),
            np.stack(self.matrices),
            np.stack(self.embeddings),
            tuple(self.thumbs),
        )
        return shard, self.rows


def intruders(
    matrix: npt.NDArray[np.float64],
    size_px: int,
    track: FaceTrack,
    shown: Sequence[tuple[FaceTrack, int]],
) -> bool:
    """Whether another face's box covers part of a crop."""
    for other, row in shown:
        if other is track:
            continue
        x0, y0, x1, y1 = (float(v) for v in other.boxes_px[row])
        corners = transform(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), matrix)
        low = np.clip(corners.min(axis=0), 0, size_px)
        high = np.clip(corners.max(axis=0), 0, size_px)
        if float(np.prod(high - low)) > _INTRUDES * size_px**2:
            return True
    return False


def _wider(box_px: FloatArray) -> list[float]:
    x0, y0, x1, y1 = (float(v) for v in box_px)
    grow = 0.2 * max(x1 - x0, y1 - y0)
    return [x0 - grow, y0 - grow, x1 + grow, y1 + grow]
