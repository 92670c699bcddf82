"""Statistics of an aligned face crop: the features of `residual_statistics`.

Maps of |residual| (second derivatives, differences of Gaussians, half-resolution Laplacian, chroma Laplacians) are reduced
to an 8x8 grid of logarithms, to rings around the face contour and to inner-outer contrasts, so that a model can see
whether the face is a foreign body in its own picture. All terms but the means are relative to the crop's own average:
a soft picture is not suspicious for being soft.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from likeness.scoring.models import LinearModel
from likeness.types import FaceCrop

VERSION = "residual-1"
SIZE_PX = 160
MARGIN = 0.25
GRID = 8
_HALF = SIZE_PX // 2
_CELL = _HALF // GRID
_EPSILON = 0.05  # grey levels; keeps flat areas finite
_RINGS = np.array(
    [-0.5, -0.35, -0.24, -0.16, -0.1, -0.05, 0.0, 0.05, 0.1, 0.16, 0.24, 0.35], np.float32
)
_RING_COUNT = len(_RINGS) + 1
_SPECTRUM_BINS = 40
_PATCH = 128
Map = npt.NDArray[np.float32]
RESIDUALS = (
    "dxx",
    "dyy",
    "dxy",
    "diagonal",
    "dog1",
    "dog2",
    "dog4",
    "half",
    "cb",
    "cr",
    "contrast",
)
_TONES = ("y_mean", "cb_mean", "cr_mean")


def of_face(
    image: npt.NDArray[np.uint8], landmarks_px: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], FaceCrop]:
    """Features of the face with these landmarks in a whole picture, and the crop that they were taken from.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32.

    Returns:
        (F,) float32 and the aligned crop of 160 px.
    """
    from likeness.faces import align

    crop = align(image, landmarks_px, SIZE_PX, MARGIN)
    return of_crop(crop.image, crop.mask, native_patch(image, landmarks_px)), crop


def native_patch(
    image: npt.NDArray[np.uint8], landmarks_px: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(128, 128) float32 luma around the face's centre at the picture's own resolution, mirrored at its borders."""
    import cv2

    centre = 0.5 * (landmarks_px.min(axis=0) + landmarks_px.max(axis=0))
    left, top = (round(float(v)) - _PATCH // 2 for v in centre)
    h, w = image.shape[:2]
    x0, y0 = min(max(left, 0), max(w - 1, 0)), min(max(top, 0), max(h - 1, 0))
    x1, y1 = min(max(left + _PATCH, x0 + 1), w), min(max(top + _PATCH, y0 + 1), h)
    part = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY)
    missing = (y0 - top, top + _PATCH - y1, x0 - left, left + _PATCH - x1)
    if any(missing):
        border = cv2.BORDER_REFLECT if min(part.shape) > 1 else cv2.BORDER_REPLICATE
        above, below, before, after = (max(m, 0) for m in missing)
        part = cv2.copyMakeBorder(part, above, below, before, after, border)
        part = part[:_PATCH, :_PATCH]
    return part.astype(np.float32)


def of_crop(
    image: npt.NDArray[np.uint8],
    mask: npt.NDArray[np.float32],
    patch: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Features of one aligned crop.

    Args:
        image: (160, 160, 3) uint8 RGB.
        mask: (160, 160) float32, 1 on the face.
        patch: (128, 128) float32 luma of the face, never resized; see `native_patch`.

    Returns:
        (F,) float32; names in `names()`.
    """
    y, cb, cr = _luma_chroma(image)
    residuals, squares = _residual_maps(y, cb, cr)
    tones = np.stack([_reduce(channel) for channel in (y, cb, cr)])
    distance = _signed_distance(mask)
    averages = _averages(distance, (residuals, squares, tones, _slopes(distance, tones)))
    logs = np.log(_grid(residuals) + _EPSILON)  # (M, 8, 8)
    means = logs.mean(axis=(1, 2))
    relative = logs - means[:, None, None]
    ratios = relative[[0, 1, 4, 7]] - relative[-1]
    tone_grid = _grid(tones)
    tone_relative = (tone_grid - tone_grid.mean(axis=(1, 2), keepdims=True)) / 32.0
    rings, seams = _ring_terms(averages, means)
    values = np.concatenate(
        [
            relative.ravel(),
            ratios.ravel(),
            tone_relative.ravel(),
            means,
            rings,
            seams,
            _spectrum(patch),
        ]
    )
    # Sums in double precision, then rounded: where a buffer lies in memory must not move a score.
    return np.round(values, 5).astype(np.float32)


@cache
def names() -> tuple[str, ...]:
    """One name per feature, in order; `cell:` features carry their row and column."""
    cells = [(r, c) for r in range(GRID) for c in range(GRID)]
    out = [f"cell:{m}:{r}:{c}" for m in RESIDUALS for r, c in cells]
    out += [f"cell:ratio_{RESIDUALS[i]}:{r}:{c}" for i in (0, 1, 4, 7) for r, c in cells]
    out += [f"tone:{m}:{r}:{c}" for m in _TONES for r, c in cells]
    out += [f"mean:{m}" for m in RESIDUALS]
    out += [f"ring:{m}:{k}" for m in (*RESIDUALS, *_TONES) for k in range(_RING_COUNT)]
    out += [f"inner_outer:{m}" for m in (*RESIDUALS, *_TONES)]
    out += [f"tail_{side}:{m}" for side in ("in", "out") for m in RESIDUALS]
    out += [f"seam:{m}:{k}" for m in ("y", "cb", "cr") for k in range(_RING_COUNT)]
    out += [f"spectrum:{k}" for k in range(_SPECTRUM_BINS)]
    return tuple(out)


def cell_contributions(linear: LinearModel, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(8, 8) float32 in [0, 1): what each cell of the grid adds to the linear logit; 0 = nothing or less."""
    parts = linear.contributions(x[None])[0]
    cells = np.zeros((GRID, GRID))
    for name, value in zip(names(), parts, strict=True):
        kind, _, rest = name.partition(":")
        if kind in ("cell", "tone"):
            _, row, column = rest.split(":")
            cells[int(row), int(column)] += value
    return np.tanh(4.0 * np.maximum(cells, 0.0)).astype(np.float32)


def _luma_chroma(image: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
    import cv2

    y, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32))
    return [y, cb, cr]


def _residual_maps(
    y: Map, cb: Map, cr: Map
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(M, 80, 80) mean |residual| and mean residual^2, at half resolution."""
    import cv2

    second = np.array([1, -2, 1], np.float32)
    one = np.array([1], np.float32)
    slope = np.array([-0.5, 0, 0.5], np.float32)
    diagonal = np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]], np.float32) * 0.5
    soft = cv2.GaussianBlur(y, (0, 0), 0.8)
    full = [
        cv2.sepFilter2D(y, -1, second, one),
        cv2.sepFilter2D(y, -1, one, second),
        cv2.sepFilter2D(y, -1, slope, slope),
        cv2.filter2D(y, -1, diagonal),
        cv2.subtract(y, soft),
        *(cv2.Laplacian(cv2.GaussianBlur(c, (3, 3), 0.8), cv2.CV_32F) for c in (cb, cr)),
    ]
    # Coarser bands lose nothing at half resolution and cost a quarter.
    half = _reduce(y)
    softer = cv2.GaussianBlur(half, (0, 0), 0.8)
    softest = cv2.GaussianBlur(half, (0, 0), 1.6)
    coarse = [
        cv2.subtract(_reduce(soft), softer),
        cv2.subtract(softer, softest),
        cv2.Laplacian(half, cv2.CV_32F),
    ]
    order = (0, 1, 2, 3, 4, 7, 8, 9, 5, 6)  # as RESIDUALS
    absolute = [_reduce(np.abs(m)) for m in full] + [np.abs(m) for m in coarse]
    squares = [_reduce(cv2.multiply(m, m)) for m in full] + [cv2.multiply(m, m) for m in coarse]
    variance = cv2.subtract(
        cv2.sqrBoxFilter(half, cv2.CV_32F, (5, 5)), cv2.pow(cv2.blur(half, (5, 5)), 2)
    )
    variance = cv2.max(variance, 0.0)
    a = np.empty((len(RESIDUALS), _HALF, _HALF), np.float32)
    q = np.empty_like(a)
    for k, index in enumerate(order):
        a[k], q[k] = absolute[index], squares[index]
    a[-1], q[-1] = cv2.sqrt(variance), variance
    return a, q


def _reduce(full: Map) -> Map:
    import cv2

    return cv2.resize(full, (_HALF, _HALF), interpolation=cv2.INTER_AREA)


def _grid(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    average = _cell_averages()
    return np.asarray(average @ maps.astype(np.float64) @ average.T)


@cache
def _cell_averages() -> npt.NDArray[np.float64]:
    return np.asarray(np.kron(np.eye(GRID), np.full((1, _CELL), 1.0 / _CELL)))


def _signed_distance(mask: Map) -> Map:
    """Distance to the face contour at half resolution in face radii; negative inside."""
    import cv2

    small = (_reduce(mask) > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(small, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - small, cv2.DIST_L2, 3)
    radius = max(float(np.sqrt(small.sum() / np.pi)), 1.0)
    # Without any face, or without anything else, OpenCV answers with the largest float there is.
    return np.asarray(np.clip((outside - inside) / radius, -4.0, 4.0), np.float32)


def _averages(distance: Map, maps: tuple[npt.NDArray[np.float32], ...]) -> npt.NDArray[np.float64]:
    """(M, R + 2) mean of every map over each ring around the contour, then inside it and outside it."""
    ring = np.searchsorted(_RINGS, distance.ravel())
    count = np.bincount(ring, minlength=_RING_COUNT)
    # bincount sums in double precision and needs no (6400, R) matrix of weights
    sums = np.stack([np.bincount(ring, m.ravel(), _RING_COUNT) for group in maps for m in group])
    inner = _RINGS.searchsorted(np.float32(0.0)) + 1  # no pixel lies on the contour itself
    sides = np.stack([sums[:, :inner].sum(axis=1), sums[:, inner:].sum(axis=1)], axis=1)
    counts = np.concatenate([count, [count[:inner].sum(), count[inner:].sum()]])
    return np.asarray(np.concatenate([sums, sides], axis=1) / np.maximum(counts, 1))


def _ring_terms(
    averages: npt.NDArray[np.float64], means: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ring profiles, inner-outer contrasts and tails; and per ring how much steeper the contour is across than along."""
    m, t = len(RESIDUALS), len(_TONES)
    residuals, squares, tones, across, along = np.split(averages, np.cumsum([m, m, t, t]))
    energy = np.log(residuals[:, :_RING_COUNT] + _EPSILON) - means[:, None]
    tone = tones[:, :_RING_COUNT]
    tone = (tone - tone.mean(axis=1, keepdims=True)) / 32.0
    side = np.log(residuals[:, _RING_COUNT:] + _EPSILON)  # inside, outside
    tails = np.log(squares[:, _RING_COUNT:] + _EPSILON) - 2.0 * side
    contrast = side[:, 0] - side[:, 1]
    tone_contrast = (tones[:, _RING_COUNT] - tones[:, _RING_COUNT + 1]) / 32.0
    rings = np.concatenate(
        [energy.ravel(), tone.ravel(), contrast, tone_contrast, tails[:, 0], tails[:, 1]]
    )
    seams = np.log(across[:, :_RING_COUNT] + 0.5) - np.log(along[:, :_RING_COUNT] + 0.5)
    return rings, seams.ravel()


def _slopes(distance: Map, tones: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(6, 80, 80) |gradient| of each tone across the contour, then along it."""
    import cv2

    smooth = cv2.GaussianBlur(distance, (9, 9), 1.5)
    nx, ny = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    norm = cv2.add(cv2.magnitude(nx, ny), 1e-6)
    nx, ny = nx / norm, ny / norm
    slopes = np.empty((2 * len(tones), _HALF, _HALF), np.float32)
    for k, tone in enumerate(tones):
        gx, gy = cv2.Sobel(tone, cv2.CV_32F, 1, 0), cv2.Sobel(tone, cv2.CV_32F, 0, 1)
        np.abs(gx * nx + gy * ny, out=slopes[k])
        np.abs(gy * nx - gx * ny, out=slopes[len(tones) + k])
    return slopes


@cache
def _spectrum_plan() -> tuple[
    npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]
]:
    window = np.outer(np.hanning(_PATCH), np.hanning(_PATCH)).astype(np.float32)
    fy = np.fft.fftfreq(_PATCH)[:, None]
    fx = np.fft.rfftfreq(_PATCH)[None, :]
    radius = np.sqrt(fx * fx + fy * fy) / 0.5
    index = np.minimum((radius * _SPECTRUM_BINS).astype(np.int64), _SPECTRUM_BINS).ravel()
    count = np.bincount(index, minlength=_SPECTRUM_BINS + 1)[:_SPECTRUM_BINS].astype(np.float32)
    return window, index, np.maximum(count, 1.0)


def _spectrum(patch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Azimuthal mean of the log spectrum of the un-resized patch, 40 bins to Nyquist, relative to their mean."""
    import scipy.fft

    window, index, count = _spectrum_plan()
    spectrum = scipy.fft.rfft2((patch - patch.mean()) * window)
    power = spectrum.real**2 + spectrum.imag**2
    energy = np.bincount(index, power.ravel(), _SPECTRUM_BINS + 1)[:_SPECTRUM_BINS] / count
    logs = np.log(energy + 1.0)
    return np.asarray(logs - logs.mean(), np.float32)
