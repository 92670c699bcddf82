"""Put a generated face into its frame so that it belongs there: outline, colour, sharpness, grain, steady over time.

Colour and outline are worked out on the aligned crop, where a face that moves stands still: what is smoothed over time there
does not smear. Sharpness and grain are worked out in the frame, where pixels have their true size. Pixels outside the
outline are not touched.

What is in front of a face (hands, microphones) is found in `occluders`, from the whole clip; colour fits ignore such
pixels in any case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from likeness.errors import ConfigError, UsageError
from likeness.faces import regions
from likeness.faces.colour import ColourMethod, apply_colour, fit_colour, skin_weight
from likeness.faces.geometry import hull_mask, invert
from likeness.faces.mask_shape import MaskShape, shaped
from likeness.faces.smoothing import Fading
from likeness.types import DoubleArray, FaceCrop, FloatArray, Frame, ImageArray, check_array

MergeColour = Literal["none", "mean_std_lab", "mkl", "histogram", "blur_ratio", "seamless"]
MergeMask = Literal["product", "learned", "hull"]
_OVAL = list(regions.FACE_OVAL)
_DETAIL_PX = 176
_FIT_PX = 112  # colours are fitted on a small copy: means and quantiles do not need more


@dataclass(frozen=True)
class MergeConfig:
    """How a face is merged; lengths are shares of the face's width, times are in seconds.

    Attributes:
        mask: what is pasted: the generated crop's own mask (`learned`), the oval of the target's landmarks (`hull`), or
            only where both agree (`product`).
        erode: taken off the outline all round; negative grows it.
        erode_top, erode_bottom, erode_left, erode_right: taken off further at that edge of the upright face.
        feather: softness of the rim (standard deviation).
        occluders: whether what passes in front of the face is left alone; see `occluders.UsualFace`. Not with `hull`.
        colour: see `colour.fit_colour`; `seamless` is `mean_std_lab` and then the membrane of `membrane.fit_membrane`.
        colour_strength: 0 leaves the colours, 1 fits them in full.
        sharpness: 0 leaves it, 1 matches it in full.
        grain: 0 adds none, 1 as much as the target has more of.
        colour_fade_s, mask_fade_s, detail_fade_s: how slowly each follows; 0 = every frame for itself.
        seed: of the grain.
    """

    mask: MergeMask = "product"
    erode: float = 0.0
    erode_top: float = 0.02
    erode_bottom: float = 0.0
    erode_left: float = 0.0
    erode_right: float = 0.0
    feather: float = 0.035
    occluders: bool = False
    colour: MergeColour = "seamless"
    colour_strength: float = 1.0
    sharpness: float = 1.0
    grain: float = 1.0
    colour_fade_s: float = 0.4
    mask_fade_s: float = 0.08
    detail_fade_s: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("colour_strength", "sharpness", "grain"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"merge: {name} is within 0-1, got {getattr(self, name)}")
        for name in ("colour_fade_s", "mask_fade_s", "detail_fade_s"):
            if not 0.0 <= getattr(self, name) <= 10.0:
                raise ConfigError(f"merge: {name} is within 0-10 s, got {getattr(self, name)}")
        if self.occluders and self.mask == "hull":
            raise ConfigError("merge: occluders need mask = product or learned, got hull")
        self.shape()

    def shape(self) -> MaskShape:
        """The outline's part of it."""
        return MaskShape(
            self.erode,
            self.erode_top,
            self.erode_bottom,
            self.erode_left,
            self.erode_right,
            self.feather,
        )


@dataclass
class MergeState:
    """What one frame hands to the next, for one person of one clip; start with an empty one."""

    fading: dict[str, Fading] = field(default_factory=dict)

    def follow(
        self, name: str, value: FloatArray | float, now_s: float, time_s: float
    ) -> FloatArray:
        """The faded value of that name."""
        if name not in self.fading:
            self.fading[name] = Fading(time_s)
        return np.asarray(self.fading[name].follow(value, now_s), np.float32)


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
    fit = fit_colour(method, new, old, skin_weight(new, old, rim, points))
    fit = state.follow("colour", fit, now_s, config.colour_fade_s)
    whole = (slice(0, alpha.shape[0]), slice(0, alpha.shape[0]))
    part = whole if method == "blur_ratio" else _box_of(alpha)  # a ratio has a place in the crop
    own = np.ascontiguousarray(generated.image[part])
    face = apply_colour(method, own, fit)
    if config.colour == "seamless":
        gap = fit_membrane(apply_colour(method, new, fit), old, rim)
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
    centre = _middle(alpha)
    old, new, alpha = detail.grey_of(part[centre]), detail.grey_of(face[centre]), alpha[centre]
    noise = detail.grain_sigma(old, alpha)
    if config.sharpness > 0.0:
        wanted = detail.fineness(old, alpha, noise)
        change = config.sharpness * detail.fit_sharpness(new, wanted, alpha)
        change = float(state.follow("sharpness", change, now_s, fade_s))
        face = detail.sharpened(face, change)
        new = detail.sharpened(new, change)
    if config.grain > 0.0:
        missing = max(noise**2 - detail.grain_sigma(new, alpha) ** 2, 0.0) ** 0.5
        missing = float(state.follow("grain", config.grain * missing, now_s, fade_s))
        face = detail.with_grain(face, missing, np.random.default_rng([config.seed, frame.index]))
    return face
