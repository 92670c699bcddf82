"""Put a generated face into its frame so that it belongs there: outline, colour, sharpness, grain, steady over time.

Colour and outline are worked out on the aligned crop, where a face that moves stands still: what is smoothed over time there
does not smear. Sharpness and grain are worked out in the frame, where pixels have their true size. Pixels outside the
outline are not touched.

What is in front of a face (hands, microphones) is found in `occluders`, from the whole clip; colour fits ignore such
pixels in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.errors import UsageError
from likeness.faces import regions
from likeness.faces.colour import ColourMethod, apply_colour, fit_colour, skin_weight
from likeness.faces.geometry import hull_mask, invert
from likeness.faces.mask_shape import shaped
from likeness.faces.merge_options import MergeConfig, MergeMask, MergeState
from likeness.types import DoubleArray, FaceCrop, FloatArray, Frame, ImageArray, check_array

_OVAL = list(regions.FACE_OVAL)
_DETAIL_PX = 176
_FIT_PX = 112  # colours are fitted on a small copy: means and quantiles do not need more


@dataclass(frozen=True)
class Merged:
    """A frame with a face merged in.

    Attributes:
        image: (H, W, 3) uint8 RGB; equal to the frame wherever `alpha` is 0.
        box: x0, y0, x1, y1 in whole pixels: the part of the frame that `alpha` covers.
        alpha: (y1 - y0, x1 - x0) float32 share of the generated face per pixel.
    """

    image: ImageArray
    box: tuple[int, int, int, int]
    alpha: FloatArray


def merge(
    frame: Frame,
    target: FaceCrop,
    generated: FaceCrop,
    config: MergeConfig | None = None,
    state: MergeState | None = None,
) -> Merged:
    """Merge a generated face into the frame that its target was cut from.

    Args:
        frame: the target's frame; its time drives what is smoothed.
        target: the face as it was cut out of `frame`, with landmarks if the hull is asked for.
        generated: what a generator made of it: same size and matrix.
        config: see `MergeConfig`.
        state: see `MergeState`; None for a single picture.

    Returns:
        `Merged`.

    Raises:
        UsageError: `generated` does not belong to `target`, or the hull is asked for and there are no landmarks.

    Example:
        >>> from skimage import data
        >>> from likeness.faces import align, find_faces
        >>> from likeness.types import Frame
        >>> image = data.astronaut()
        >>> crop = align(image, find_faces(image).landmarks_px[0], 256)
        >>> merge(Frame(image, 0, 0.0), crop, crop).image.shape
        (512, 512, 3)
    """
    config, state = config or MergeConfig(), state or MergeState()
    check_array("frame.image", frame.image, (None, None, 3), np.uint8)
    if generated.image.shape != target.image.shape or not np.allclose(
        generated.matrix, target.matrix
    ):
        raise UsageError(
            f"merge: expected a generated crop with the target's size and matrix, got "
            f"{generated.image.shape[0]} px for {target.image.shape[0]} px; generators keep both"
        )
    alpha = shaped(_mask(target, generated, config.mask), config.shape())
    alpha = state.follow("mask", alpha, frame.time_s, config.mask_fade_s)
    face = _coloured(target, generated, alpha, config, state, frame.time_s)
    return _set_in(frame, face, alpha, target.matrix, config, state)


def _mask(target: FaceCrop, generated: FaceCrop, choice: MergeMask) -> FloatArray:
    if choice == "learned":
        return generated.mask
    if target.landmarks_px is None:
        if choice == "hull":
            raise UsageError("merge: mask = 'hull' needs the target's landmarks; use 'learned'")
        return generated.mask * target.mask
    size = target.image.shape[0]
    hull = hull_mask(target.landmarks_px[_OVAL], (size, size))
    return hull if choice == "hull" else hull * generated.mask


def _coloured(
    target: FaceCrop,
    generated: FaceCrop,
    alpha: FloatArray,
    config: MergeConfig,
    state: MergeState,
    now_s: float,
) -> ImageArray:
    """The generated picture in the target's colours."""
    if config.colour == "none" or config.colour_strength == 0.0:
        return generated.image
    from likeness.faces.membrane import add_membrane, fit_membrane

    method: ColourMethod = "mean_std_lab" if config.colour == "seamless" else config.colour
    old, new, rim, points = _small(target, generated, alpha)
    oldest_s = config.refit_s if config.colour_fade_s else 0.0
    fit = state.fit(
        "colour",
        now_s,
        oldest_s,
        lambda: fit_colour(method, new, old, skin_weight(new, old, rim, points)),
    )
    fit = state.follow("colour", fit, now_s, config.colour_fade_s)
    whole = (slice(0, alpha.shape[0]), slice(0, alpha.shape[0]))
    part = whole if method == "blur_ratio" else _box_of(alpha)  # a ratio has a place in the crop
    own = np.ascontiguousarray(generated.image[part])
    face = apply_colour(method, own, fit)
    if config.colour == "seamless":
        gap = state.fit(
            "membrane",
            now_s,
            oldest_s,
            lambda: fit_membrane(apply_colour(method, new, fit), old, rim),
        )
        gap = state.follow("membrane", gap, now_s, config.colour_fade_s)
        corner = (part[1].start, part[0].start)
        face = add_membrane(face, gap, 1.0, corner, alpha.shape[0])
    if config.colour_strength < 1.0:
        share = np.float32(config.colour_strength)
        face = np.rint(own + share * (face.astype(np.float32) - own)).astype(np.uint8)
    result = generated.image.copy()
    result[part] = face
    return result


def _box_of(alpha: FloatArray) -> tuple[slice, slice]:
    """Rows and columns of a crop that the outline takes up, two pixels more on each side; at least one pixel."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(alpha.any(axis=axis))
        low, high = (places[0], places[-1]) if len(places) else (0, 0)
        spans.append(slice(max(0, int(low) - 2), int(high) + 3))
    return spans[0], spans[1]


def _small(
    target: FaceCrop, generated: FaceCrop, alpha: FloatArray
) -> tuple[ImageArray, ImageArray, FloatArray, FloatArray | None]:
    """Target, generated, outline and landmarks at the size that colours are fitted at."""
    import cv2

    size = alpha.shape[0]
    wide = min(size, _FIT_PX)
    old, new, rim = (
        cv2.resize(a, (wide, wide), interpolation=cv2.INTER_AREA)
        for a in (target.image, generated.image, alpha)
    )
    points = target.landmarks_px
    if points is not None:
        points = ((points + 0.5) * (wide / size) - 0.5).astype(np.float32)
    return old, new, rim, points


def _set_in(
    frame: Frame,
    face: ImageArray,
    alpha: FloatArray,
    matrix: DoubleArray,
    config: MergeConfig,
    state: MergeState,
) -> Merged:
    """Back into the frame: warp, match sharpness and grain there, blend."""
    import cv2

    box, local = _place(frame.image, alpha, matrix)
    image = frame.image.copy()
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        return Merged(image, (0, 0, 0, 0), np.zeros((0, 0), np.float32))
    wh = (x1 - x0, y1 - y0)
    warped = cv2.warpAffine(
        face, local, wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    soft = np.asarray(cv2.warpAffine(alpha, local, wh, flags=cv2.INTER_LINEAR), np.float32)
    part = image[y0:y1, x0:x1]
    warped = _detailed(warped, part, soft, frame, config, state)
    blend = part + soft[..., None] * (warped - part)
    part[:] = np.clip(np.rint(blend), 0, 255).astype(np.uint8)
    return Merged(image, box, soft)


def _place(
    image: ImageArray, alpha: FloatArray, matrix: DoubleArray
) -> tuple[tuple[int, int, int, int], DoubleArray]:
    """The part of the frame that the outline covers, and the matrix from the crop to it."""
    back = invert(matrix)
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return (0, 0, 0, 0), back
    left, top, right, bottom = columns[0] - 1, rows[0] - 1, columns[-1] + 1, rows[-1] + 1
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    spots = corners @ back[:, :2].T + back[:, 2]
    height, width = image.shape[:2]
    low = np.clip(np.floor(spots.min(axis=0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(spots.max(axis=0)) + 1, 0, (width, height)).astype(int)
    back[:, 2] -= low
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])), back


def _middle(alpha: FloatArray) -> tuple[slice, slice]:
    """Of a large face the middle: enough to read sharpness and grain from."""
    spans = []
    for length in alpha.shape:
        start = max(0, (length - _DETAIL_PX) // 2)
        spans.append(slice(start, min(length, start + _DETAIL_PX)))
    return spans[0], spans[1]


def _detailed(
    face: FloatArray,
    part: ImageArray,
    alpha: FloatArray,
    frame: Frame,
    config: MergeConfig,
    state: MergeState,
) -> FloatArray:
    """Sharpness first, then the grain that is still missing."""
    if config.sharpness == 0.0 and config.grain == 0.0:
        return face
    from likeness.faces import detail

    now_s, fade_s = frame.time_s, config.detail_fade_s
    oldest_s = config.refit_s if fade_s else 0.0
    centre = _middle(alpha)
    old, new, alpha = part[centre], face[centre], alpha[centre]
    if config.sharpness > 0.0:
        change = state.fit("sharpness", now_s, oldest_s, lambda: _sharpness_gap(old, new, alpha))
        change = config.sharpness * change
        by = float(state.follow("sharpness", change, now_s, fade_s))
        face, new = detail.sharpened(face, by), detail.sharpened(new, by)
    if config.grain > 0.0:
        missing = state.fit("grain", now_s, oldest_s, lambda: _missing_grain(old, new, alpha))
        missing = float(state.follow("grain", config.grain * missing, now_s, fade_s))
        face = detail.with_grain(face, missing, np.random.default_rng([config.seed, frame.index]))
    return face


def _sharpness_gap(old: ImageArray, new: FloatArray, alpha: FloatArray) -> float:
    """How to change the new face so that it is as sharp as the old."""
    from likeness.faces import detail

    grey = detail.grey_of(old)
    wanted = detail.fineness(grey, alpha, detail.grain_sigma(grey, alpha))
    return detail.fit_sharpness(detail.grey_of(new), wanted, alpha)


def _missing_grain(old: ImageArray, new: FloatArray, alpha: FloatArray) -> float:
    """Standard deviation of the grain that the new face lacks."""
    from likeness.faces import detail

    noise, own = (detail.grain_sigma(detail.grey_of(part), alpha) for part in (old, new))
    return max(noise**2 - own**2, 0.0) ** 0.5
