"""Where in a picture noise or compression history differ from the rest: pictures for a person, not evidence by themselves.

A region that was pasted in, resized, denoised or retouched has other noise than its surroundings at the same light and
texture; one that was JPEG before at another quality shows a ghost when the picture is compressed at that quality again
(Farid 2009, "Exposing Digital Forgeries from JPEG Ghosts"). So do sharp lettering, snow, water and a shallow depth of field.
"""

from __future__ import annotations

import numpy as np

from likeness import media
from likeness.detectors._noise_measures import (
    ALIKE,
    CELL,
    COARSE,
    FINE,
    OUTLIERS,
    Cells,
    Mask,
    Region,
    cell_maps,
    conditions,
    cut,
    weighted_fit,
)
from likeness.types import DoubleArray, FloatArray, Heatmap, ImageArray

NOISE = "noise unlike the rest"
"""What the maps of noise show, beside those of compression."""
MOST_PIXELS = 25_000_000
MOST_GHOST_PIXELS = 6_000_000
QUALITIES = (50, 55, 60, 65, 70, 75, 80, 85, 90)
_STRIP = 512
_FEWEST_CELLS = 100
_SHOWN = (FINE, COARSE, ALIKE, OUTLIERS)
_WINDOW = 5  # cells over which the maps are averaged
_SLACK = 1.0  # robust standard deviations that no cell is blamed for
_FULL = 3.0  # those at which the map is nearly full
_GHOST_DEPTH = 0.15  # grey levels squared by which the error must vary with quality at all


def face_map(cells: Cells, inside: Mask) -> FloatArray:
    """(R, C) float32 in [0, 1): how far each cell of a face lies off what its surroundings predict; 0 outside."""
    around = ~inside & cells.usable
    odd = _oddness(cells, around)
    return np.where(inside, _shade(odd), 0.0).astype(np.float32)


def picture_map(image: ImageArray) -> FloatArray | None:
    """(R, C) float32 in [0, 1), one cell per 8 px: noise that the rest of the picture does not predict.

    Returns:
        None for pictures above 25 megapixels, and for those with fewer than 100 cells that can be judged.
    """
    height, width = (side // CELL * CELL for side in image.shape[:2])
    if not min(height, width) >= 8 * CELL or height * width > MOST_PIXELS:
        return None
    strips = [
        cell_maps(cut(image, (0, top, width, min(top + _STRIP, height))))
        for top in range(0, height, _STRIP)
        if min(top + _STRIP, height) - top >= 2 * CELL or height <= _STRIP
    ]
    cells = Cells(
        np.concatenate([s.maps for s in strips], axis=1),
        *(
            np.concatenate([getattr(s, name) for s in strips])
            for name in ("light", "texture", "noise")
        ),
    )
    if int(cells.usable.sum()) < _FEWEST_CELLS:
        return None
    return _shade(_oddness(cells, cells.usable)).astype(np.float32)


def ghost_map(image: ImageArray) -> FloatArray | None:
    """(R, C) float32 in [0, 1], one cell per 8 px: parts that were JPEG before at a quality that the rest was not.

    Every cell's error after compressing the picture again is followed over the qualities; a ghost is a dip that the rest
    of the picture does not share, or the lack of one that it has: what was pasted into a JPEG picture, or changed in it,
    has lost that picture's history. A region of another file shows its own only if it lies on the picture's 8 px grid.

    Returns:
        None for pictures above 6 megapixels or below 100 cells.
    """
    import cv2

    height, width = (side // CELL * CELL for side in image.shape[:2])
    if height * width > MOST_GHOST_PIXELS or height * width < _FEWEST_CELLS * CELL * CELL:
        return None
    luma = cv2.cvtColor(np.ascontiguousarray(image[:height, :width]), cv2.COLOR_RGB2GRAY)
    errors = np.stack([_recompressed(luma, quality) for quality in QUALITIES])
    low, high = errors.min(axis=0), errors.max(axis=0)
    relative = (errors - low) / np.maximum(high - low, 1e-6)
    clear = (high - low > _GHOST_DEPTH) & (luma_cells(luma) > 16.0) & (luma_cells(luma) < 240.0)
    if int(clear.sum()) < _FEWEST_CELLS:
        return None
    usual = np.median(relative[:, clear], axis=1)
    spread = np.median(np.abs(relative[:, clear] - usual[:, None]), axis=1) + 0.05
    off = (np.abs(usual[:, None, None] - relative) / spread[:, None, None]).max(axis=0)
    return np.where(clear, np.tanh(np.maximum(off - 2.0, 0.0) / 8.0), 0.0).astype(np.float32)


def luma_cells(luma: ImageArray) -> FloatArray:
    """(R, C) float32 mean brightness per cell."""
    import cv2

    size = (luma.shape[1] // CELL, luma.shape[0] // CELL)
    return np.asarray(cv2.resize(luma.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def as_heatmap(
    values: FloatArray,
    frame_index: int,
    track_id: int | None,
    name: str,
    corner_px: tuple[int, int] = (0, 0),
) -> Heatmap:
    """The map of what `name` says, laid over the frame; one cell per 8 px from `corner_px` (left, top)."""
    left, top = corner_px[0] - 0.5, corner_px[1] - 0.5
    right, bottom = left + values.shape[1] * CELL, top + values.shape[0] * CELL
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    # Rounded: where a buffer lies in memory moves the last bits of the fit, and must not move a map.
    return Heatmap(np.round(values, 4), frame_index, track_id, corners, name)


def map_of_face(image: ImageArray, region: Region, inside: Mask) -> FloatArray:
    """`face_map` of a region of a picture."""
    return face_map(cell_maps(cut(image, region)), inside)


def _oddness(cells: Cells, reference: Mask) -> DoubleArray:
    """(R, C) mean robust deviation of the smoothed maps from what the reference cells predict; 0 where unusable."""
    import cv2

    known, values = conditions(cells), cells.maps[list(_SHOWN)]
    weight = np.full(int(reference.sum()), 1.0 / max(1, int(reference.sum())))
    fitted = weighted_fit(known[reference], values[:, reference].T, weight)
    rest = values - (known @ fitted).transpose(2, 0, 1)
    usable = cells.usable.astype(np.float64)
    count = cv2.blur(usable, (_WINDOW, _WINDOW)) + 1e-6
    smooth = np.stack([cv2.blur(r * usable, (_WINDOW, _WINDOW)) / count for r in rest])
    middle = np.median(smooth[:, reference], axis=1)
    scale = 1.4826 * np.median(np.abs(smooth[:, reference] - middle[:, None]), axis=1) + 0.01
    off = (smooth - middle[:, None, None]) / scale[:, None, None]
    return np.asarray(np.sqrt(np.square(off).mean(axis=0)) * usable)


def _shade(odd: DoubleArray) -> DoubleArray:
    return np.asarray(np.tanh(np.maximum(odd - _SLACK, 0.0) / _FULL))


def _recompressed(luma: ImageArray, quality: int) -> FloatArray:
    """(R, C) float32 squared error per cell, over its neighbours too, after compressing at this quality."""
    import cv2

    grey = np.repeat(luma[..., None], 3, axis=2)  # whose brightness is coded as it is
    again = media.jpeg_round_trip(grey, quality)[..., 1].astype(np.float32)
    error = np.square(luma.astype(np.float32) - again)
    size = (luma.shape[1] // CELL, luma.shape[0] // CELL)
    return np.asarray(cv2.blur(cv2.resize(error, size, interpolation=cv2.INTER_AREA), (3, 3)))
