"""Find what passes in front of a face, without a network, and measure what happens to both while it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.detectors._runs import Run
from likeness.faces import regions
from likeness.faces.geometry import hull_mask
from likeness.types import DoubleArray, FloatArray

NAMES = (
    "share of the face that shows through what is in front of it",
    "blur of the uncovered face meanwhile (log ratio to before and after)",
    "unrest of the uncovered face meanwhile (log ratio to before and after)",
)
OPAQUE: tuple[tuple[float, float, tuple[float, float]], ...] = (
    (-0.14, 0.44, (-0.85, 0.58)),
    (0.05, 0.11, (-0.13, 0.22)),
    (0.08, 0.46, (-0.62, 0.91)),
)
"""Mean, standard deviation, 5th and 95th percentile of each number: opaque objects drawn over real clips of role calibrate."""
SIZE_PX = 64
MARGIN = 0.15
LEAST_FRAMES = 12
MOST_TURNED_DEG = 10.0
"""From how the head is mostly held: a turning head changes as much as a hand does."""
_FAR = 3.0  # spreads from the usual look
_CONTRAST = 22.0  # levels
_LEAST_SHARE, _MOST_SHARE = 0.06, 0.75  # of the face
_EVENT = 3  # frames
_OVAL, _LIPS = list(regions.FACE_OVAL), list(regions.LIPS_OUTER)
_EYES = (list(regions.RIGHT_EYE), list(regions.LEFT_EYE))
_Maps = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """How a face usually looks in its run.

    Attributes:
        usual: (S, S, 3) float32 median brightness and chroma.
        spread: (S, S) float32 how much it varies, in levels.
        face: (S, S) bool, the face oval without eyes and mouth.
        border: (S, S) bool, the outermost strip of the oval: what covers a face comes in there.
    """

    usual: FloatArray
    spread: FloatArray
    face: _Maps
    border: _Maps


@dataclass(frozen=True)
class Event:
    """Something crossed the face.

    Attributes:
        frames: (E,) positions in the run.
        covered: (E, S, S) bool.
        values: (E, 3) the numbers, see `NAMES`.
        face_share: of the crop that the judged part of the face takes up.
    """

    frames: npt.NDArray[np.int64]
    covered: _Maps
    values: DoubleArray
    face_share: float


def colours_of(run: Run) -> FloatArray:
    """(T, S, S, 3) float32 brightness and chroma."""
    import cv2

    count, size = run.crops.shape[:2]
    tall = np.ascontiguousarray(run.crops).reshape(-1, size, 3)
    return cv2.cvtColor(tall, cv2.COLOR_RGB2YCrCb).reshape(count, size, size, 3).astype(np.float32)


def usual_look(run: Run, colours: FloatArray) -> Look:
    """The median over at most 48 frames of a run and the spread about it."""
    picked = colours[np.unique(np.linspace(0, len(colours) - 1, 48).astype(int))]
    usual = np.median(picked, axis=0)
    spread = 1.48 * np.median(np.abs(picked - usual), axis=0).mean(axis=-1)
    points, wh = np.median(run.landmarks_px, axis=0), (SIZE_PX, SIZE_PX)
    oval = points[_OVAL]
    face = hull_mask(oval, wh)
    for part, grow in ((_EYES[0], 1.7), (_EYES[1], 1.7), (_LIPS, 1.6)):
        centre = points[part].mean(axis=0)
        face = face * (1.0 - hull_mask(centre + grow * (points[part] - centre), wh))
    inner = hull_mask(oval.mean(axis=0) + 0.8 * (oval - oval.mean(axis=0)), wh)
    inside = (face > 0.5) & (run.inside > 0.5)
    return Look(usual.astype(np.float32), spread.astype(np.float32), inside, inside & (inner < 0.5))


def covered_maps(colours: FloatArray, look: Look) -> _Maps:
    """(T, S, S) bool where something else is seen than the face: one piece that reaches in over its border."""
    import cv2

    found = np.zeros(colours.shape[:3], bool)
    area = float(look.face.sum())
    least = 4.0 + _FAR * cv2.GaussianBlur(look.spread, (0, 0), 1.5)
    for t, frame in enumerate(colours):
        gap = frame - _lit_alike(look, frame)
        far = cv2.GaussianBlur(np.linalg.norm(gap, axis=-1), (0, 0), 0.7)
        far = far * look.face
        # an object is one colour or so: half of what stands out most, or its blurred rim would count
        bar = max(_CONTRAST, 0.4 * float(np.percentile(far[look.face], 98)))
        map_ = far > np.maximum(least, bar)
        map_ = cv2.morphologyEx(map_.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(map_, connectivity=4)
        if count < 2:
            continue
        piece = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        share = float(piece.sum()) / max(area, 1.0)
        if _LEAST_SHARE <= share <= _MOST_SHARE and (piece & look.border).sum() >= 4:
            found[t] = piece
    return found


def _lit_alike(look: Look, frame: FloatArray) -> FloatArray:
    """The usual look in the light of a frame: gain and offset of the brightness, offset of the chroma."""
    old, new = look.usual[look.face][::3], frame[look.face][::3]  # enough to fit two numbers
    design = np.stack([old[:, 0], np.ones(len(old), np.float32)], axis=1).astype(np.float64)
    weight = np.ones(len(old))
    for _ in range(3):  # what is covered loses its say
        weighted = design * weight[:, None]
        normal = weighted.T @ design + np.diag([1e-3, 1e-3])
        gain, offset = np.linalg.solve(normal, weighted.T @ new[:, 0])
        weight = 1.0 / (1.0 + ((new[:, 0] - gain * old[:, 0] - offset) / 8.0) ** 2)
    gain = float(np.clip(gain, 0.3, 3.0))
    offset = float(np.median(new[:, 0] - gain * old[:, 0]))
    lit = look.usual.copy()
    lit[..., 0] = gain * lit[..., 0] + offset
    lit[..., 1:] += np.median(new[:, 1:] - old[:, 1:], axis=0)
    return lit


def events_of(run: Run, steady: npt.NDArray[np.bool_]) -> list[Event]:
    """Everything that crosses the face in a run and leaves frames without it.

    Args:
        run: aligned with `SIZE_PX` and `MARGIN`.
        steady: (T,) whether the head is held as usual.
    """
    colours = colours_of(run)
    look = usual_look(run, colours)
    if look.face.sum() < 200:
        return []
    covered = covered_maps(colours, look)
    busy = covered.any(axis=(1, 2)) & steady
    free = ~covered.any(axis=(1, 2)) & steady
    places = np.flatnonzero(busy)
    if len(places) < _EVENT or free.sum() < _EVENT:
        return []
    pieces = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1)
    return [
        Event(
            piece,
            covered[piece],
            _numbers(colours, look, covered, (piece, free)),
            float(look.face.mean()),
        )
        for piece in pieces
        if len(piece) >= _EVENT
    ]


def _numbers(
    colours: FloatArray,
    look: Look,
    covered: _Maps,
    when: tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]],
) -> DoubleArray:
    """(E, 3) the numbers of every frame of an event against the frames that are free."""
    import cv2

    event, free = when
    grey = np.ascontiguousarray(colours[..., 0])
    fine = np.stack([cv2.Laplacian(g, cv2.CV_32F) for g in grey]) ** 2
    jumps = np.zeros_like(grey)
    jumps[1:-1] = np.abs(grey[:-2] - 2.0 * grey[1:-1] + grey[2:])
    usual = _detail(look.usual[..., 0])
    values = []
    for t in event:
        piece = covered[t].astype(np.uint8)
        inside = cv2.erode(piece, np.ones((3, 3), np.uint8)) > 0
        clear = look.face & (cv2.dilate(piece, np.ones((7, 7), np.uint8)) == 0)
        values.append(
            [
                _through(_detail(grey[t]), usual, inside),
                -_against(fine, t, free, clear),
                _against(jumps, t, free, clear),
            ]
        )
    return np.array(values, np.float64)


def _detail(grey: FloatArray) -> FloatArray:
    import cv2

    fine = cv2.GaussianBlur(grey, (0, 0), 0.8)
    return np.asarray(fine - cv2.GaussianBlur(grey, (0, 0), 4.0), np.float32)


def _through(now: FloatArray, usual: FloatArray, inside: _Maps) -> float:
    """How much of the face's own detail is seen where it is covered: 0 = none, 1 = all; 0 where it has none."""
    if inside.sum() < 12:
        return 0.0
    a, b = now[inside] - now[inside].mean(), usual[inside] - usual[inside].mean()
    energy = float(b @ b)
    return float(np.clip(a @ b / (energy + 4.0 * len(b)), -1.0, 1.0))


def _against(maps: FloatArray, t: int, free: npt.NDArray[np.bool_], clear: _Maps) -> float:
    """Log ratio of a map in one frame to the same pixels of the free frames."""
    if clear.sum() < 40:
        return 0.0
    before = float(np.median(maps[free][:, clear].mean(axis=1)))
    return float(np.log((float(maps[t][clear].mean()) + 1.0) / (before + 1.0)))
