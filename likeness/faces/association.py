"""Which track does a face of the next frame belong to: the Hungarian method (Kuhn 1955) on overlap and appearance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces.appearance import likeness_of
from likeness.faces.finding import Faces
from likeness.faces.geometry import face_box
from likeness.faces.models import overlap
from likeness.faces.trajectory import Sighting
from likeness.types import FloatArray

_SAME_PLACE = 0.42  # similarity that a face needs to go on where it was
_SAME_FACE = 0.68  # similarity that it needs to be taken up elsewhere or after a cut
_NEW_LOOK = 0.85  # a look that is less like all that are known joins the gallery
_GALLERY = 12


@dataclass
class OpenTrack:
    """One face while it is being followed; `measured_s` and `pixels_s` say when its quality was last measured."""

    sightings: list[Sighting]
    looks: list[FloatArray]  # a gallery of unlike ones: frontal, turned, lit from elsewhere
    measured_s: float
    jpeg_quality: float
    pixels_s: float = -np.inf

    @property
    def last(self) -> Sighting:
        """Where it was seen last."""
        return self.sightings[-1]


def remember(track: OpenTrack, look: FloatArray | None) -> None:
    """Keep a look that is unlike those that are known."""
    if look is None:
        return
    if not track.looks or likeness_of(look, np.array(track.looks)).max() < _NEW_LOOK:
        track.looks = [*track.looks[: _GALLERY - 1], look]


def assignment(
    faces: Faces, looks: FloatArray, tracks: list[OpenTrack], now_s: float, max_gap_s: float
) -> dict[int, OpenTrack]:
    """Which track each face continues (face index -> track); faces that fit none are left out.

    After a cut `now_s` is infinite: places mean nothing then, only looks do.
    """
    if not len(faces) or not tracks:
        return {}
    boxes = np.array([face_box(t.last.landmarks_px) for t in tracks])
    age_s = now_s - np.array([t.last.time_s for t in tracks])
    shared = overlap(faces.boxes_px, boxes) * (age_s <= max_gap_s)
    alike = np.stack([likeness_of(looks, np.array(t.looks)).max(axis=1) for t in tracks], axis=1)
    fits = ((shared > 0.15) & (alike >= _SAME_PLACE)) | (alike >= _SAME_FACE)
    # Half a second later a place says less than a look; a thirtieth of a second later it says more.
    cost = np.where(fits, (1.0 - alike) + (1.0 - shared) * np.exp(-age_s / 0.25), 10.0)
    rows, columns = _cheapest(cost)
    return {int(r): tracks[int(c)] for r, c in zip(rows, columns, strict=True) if fits[r, c]}


def _cheapest(cost: npt.NDArray[np.floating]) -> tuple[Sequence[int], Sequence[int]]:
    """Rows and columns of the cheapest assignment; one face or one track needs no search."""
    if 1 in cost.shape:
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        return [int(row)], [int(column)]
    from scipy.optimize import linear_sum_assignment  # importing it costs half a second

    rows, columns = linear_sum_assignment(cost)
    return rows.tolist(), columns.tolist()
