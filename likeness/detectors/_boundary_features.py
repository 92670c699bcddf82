"""Numbers that a person could check: steps, fuzziness and doubled lines along the contour of a face.

The face is unrolled along two closed lines, the face's own oval and the hull of brows, eyes, nose and mouth, each also a
little smaller and larger: a blend may end on any of them. A real face changes tone and texture across such a line in
different ways at different places; a blend changes it in the same way all along.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.types import FloatArray, ImageArray

VERSION = "boundary-1"
NAMES = (
    "colour step along the contour",
    "brightness step along the contour",
    "texture step along the contour",
    "texture of the inner face against cheeks and forehead",
    "width of the jaw's edge",
    "second edge beside the jaw's",
    "second dark line above the brows",
)
UNITS = ("levels", "levels", "log ratio", "log ratio", "% of the face", "", "")
_RAYS = 64
_OVAL_REACH, _INNER_REACH = (0.62, 1.18), (0.85, 1.35)
_SAMPLES = 40
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # their upper edges
_SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 2


def of_crop(image: ImageArray, landmarks_px: FloatArray) -> FloatArray:
    """Measure one crop.

    Args:
        image: (160, 160, 3) uint8 RGB, see `_boundary_crop.crop_of`.
        landmarks_px: (478, 2) float32 in the crop.

    Returns:
        (7,) float32, see `NAMES`; not finite where the face lies outside its crop.
    """
    tones, texture = _views(image)
    oval = landmarks_px[list(regions.FACE_OVAL)]
    inner = _hull(landmarks_px[[*regions.BROWS, *regions.EYES, *regions.NOSE, *regions.LIPS_OUTER]])
    steps = []
    for line, reach, upto in ((oval, _OVAL_REACH, 0.95), (inner, _INNER_REACH, 1.35)):
        places = _unrolled(line, reach)
        across, textures = _sampled(tones, places), _sampled(texture, places)
        inside = np.linspace(*reach, _SAMPLES) < upto  # the oval itself is an edge in every face
        steps.append(_steps(across, textures, inside))
        if line is oval:
            width, second = _edge(across[_lower(places)])
    colour, brightness, fine = np.max(steps, axis=0)
    values = [colour, brightness, fine, _inner_texture(texture, oval, inner), width, second]
    values.append(_second_brow(tones[..., 0], landmarks_px))
    # sums in another order must not move a score
    return np.round(np.array(values, np.float64), 4).astype(np.float32)


def _views(image: ImageArray) -> tuple[FloatArray, FloatArray]:
    """(S, S, 3) float32 luma and chroma, and (S, S, 1) log of the local energy of the finest detail."""
    import cv2

    tones = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    fine = np.abs(cv2.filter2D(tones[..., 0], cv2.CV_32F, _SECOND_DIFFERENCE))
    texture = np.log(cv2.blur(fine, (5, 5)) + np.float32(0.3))
    return tones, texture[..., None]


def _hull(points: FloatArray) -> FloatArray:
    import cv2

    return np.asarray(cv2.convexHull(points)[:, 0], np.float32)


def _unrolled(line: FloatArray, reach: tuple[float, float]) -> FloatArray:
    """(64, 40, 2) places on rays from the line's centre, evenly spread along it, inside to outside."""
    closed = np.concatenate([line, line[:1]])
    run = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0.0, run[-1], _RAYS, endpoint=False)
    points = np.stack([np.interp(at, run, closed[:, k]) for k in (0, 1)], axis=-1)
    centre = points.mean(axis=0)
    scale = np.linspace(*reach, _SAMPLES)[None, :, None]
    return np.asarray(centre + scale * (points - centre)[:, None], np.float32)


def _sampled(view: FloatArray, places: FloatArray) -> FloatArray:
    """(64, 40, C) values of a (S, S, C) view."""
    import cv2

    taken = cv2.remap(
        view, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(taken.reshape(*places.shape[:2], -1), np.float32)


def _steps(
    tones: FloatArray, textures: FloatArray, inside: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Largest step that is shared all along the line, over what is usual between neighbouring lines."""
    tone = np.median(_difference(tones, 4), axis=0)  # (40, 3) luma, red and blue difference
    fine = np.abs(np.median(_difference(textures, 6), axis=0))[:, 0]
    colour, brightness = np.hypot(tone[:, 1], tone[:, 2]), np.abs(tone[:, 0])
    found = [x[inside] for x in (colour, brightness, fine)]
    return tuple(float(x.max() - np.median(x)) for x in found)  # type: ignore[return-value]


def _difference(values: FloatArray, width: int) -> FloatArray:
    """Mean of the `width` samples outside each place minus that of as many inside; (R, 40, C), 0 where there are too few."""
    sums = np.cumsum(np.pad(values.astype(np.float64), ((0, 0), (1, 0), (0, 0))), axis=1)
    mean = (sums[:, width:] - sums[:, :-width]) / width  # mean of samples i .. i + width - 1
    out = np.zeros(values.shape, np.float64)
    out[:, width : values.shape[1] - width] = mean[:, width + 1 :] - mean[:, : -width - 1]
    return np.asarray(out, np.float32)


def _lower(places: FloatArray) -> npt.NDArray[np.bool_]:
    """Rays that point to the jaw rather than to the hairline."""
    line = places[:, _SAMPLES // 2]
    return np.asarray(line[:, 1] > line[:, 1].mean())


def _edge(tones: FloatArray) -> tuple[float, float]:
    """How wide the jaw's edge is, in hundredths of the face, and how strong a second edge beside it is, 0-1."""
    slopes = np.diff(tones[:, 14:], axis=1)
    slope = np.sqrt(slopes[..., 0] ** 2 + 4 * slopes[..., 1] ** 2 + 4 * slopes[..., 2] ** 2)
    best = slope.argmax(axis=1)
    height = np.take_along_axis(slope, best[:, None], 1)[:, 0]
    away = np.abs(np.arange(slope.shape[1])[None] - best[:, None])
    area = np.where(away <= 6, slope, 0.0).sum(axis=1)
    peak = np.zeros(slope.shape, bool)
    peak[:, 1:-1] = (slope[:, 1:-1] >= slope[:, :-2]) & (slope[:, 1:-1] >= slope[:, 2:])
    second = np.where(peak & (away >= 4) & (away <= 12), slope, 0.0).max(axis=1)
    weight = height**2 + 1e-3  # rays along which nothing changes say nothing
    step = 0.5 * (_OVAL_REACH[1] - _OVAL_REACH[0]) / _SAMPLES * 100  # hundredths of the face
    width = step * float(np.average(area / (height + 1e-3), weights=weight))
    return width, float(np.average(second / (height + 1e-3), weights=weight))


def _inner_texture(texture: FloatArray, oval: FloatArray, inner: FloatArray) -> float:
    """Detail within the hull of the features against detail of the skin between it and the oval."""
    from likeness.faces import hull_mask

    seen = texture[::2, ::2, 0]
    wh = (seen.shape[1], seen.shape[0])
    centre = oval.mean(axis=0)
    within = hull_mask((centre + 0.9 * (oval - centre)) / 2, wh) > 0.5
    core = hull_mask(inner / 2, wh) > 0.5
    rest = within & ~core
    if min(int(core.sum()), int(rest.sum())) < 20:
        return np.nan
    return float(seen[core].mean(dtype=np.float64) - seen[rest].mean(dtype=np.float64))


def _second_brow(luma: FloatArray, landmarks_px: FloatArray) -> float:
    """Depth of a second dark line close above the brows over that of the brows themselves, at most 1."""
    eyes = landmarks_px[[*regions.RIGHT_EYE_CORNERS, *regions.LEFT_EYE_CORNERS]].mean(axis=0)
    up = eyes - landmarks_px[152]  # from the chin; its length is about half a face
    heights = np.linspace(-0.08, 0.12, 30)[None, :, None]
    places = landmarks_px[list(_BROWS)][:, None] + heights * up
    values = _sampled(luma[..., None], np.asarray(places, np.float32))[..., 0]
    above = values[:, 12:]  # from the upper edge of the brow
    ghost = (np.maximum.accumulate(above, axis=1) - above).max(axis=1)  # falls after having risen
    depth = values.max(axis=1) - values[:, :12].min(axis=1)
    return float(np.median(np.minimum(ghost / (depth + 8.0), 1.0)))
