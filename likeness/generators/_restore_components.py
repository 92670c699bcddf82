"""Component dictionaries: average detail of eyes, noses and mouths, matched to a restored face and added by confidence.

After the idea of DFDNet (Li et al., ECCV 2020). There the dictionaries hold features of single high-quality faces; here every
entry is an average over many people, so that nobody's eye is pasted onto somebody else. What an entry adds is what was
still missing, on average, after the network: the difference of the true and the restored component.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from likeness import weights
from likeness.errors import WeightsError
from likeness.types import DoubleArray, FloatArray

FORMAT: Final = "likeness-components-1"
FILE: Final = "components.safetensors"


@dataclass(frozen=True)
class Component:
    """A part of the face and how it is laid upright.

    Attributes:
        name: of its dictionary; both eyes share one.
        points: two landmarks that fix it.
        places: where they come to lie, x and y as shares of `size_wh`.
        size_wh: of the upright part, for faces that the network sees at 192 px.
        mirrored: whether it is turned into its mirror image first.
    """

    name: str
    points: tuple[int, int]
    places: tuple[tuple[float, float], tuple[float, float]]
    size_wh: tuple[int, int]
    mirrored: bool = False

    def matrix(self, landmarks_px: DoubleArray, scale: float) -> DoubleArray:
        """(2, 3) similarity from the face to the upright part, `scale` times larger; a mirrored one for mirrored parts."""
        seen = landmarks_px[list(self.points)].astype(np.float64)
        if self.mirrored:
            seen = seen * (-1.0, 1.0)
        wh = np.array(self.size_wh, np.float64) * scale
        wanted = np.array(self.places) * wh - 0.5
        a, b = (complex(*seen[i]) for i in (0, 1))
        c, d = (complex(*wanted[i]) for i in (0, 1))
        factor = (d - c) / (b - a) if abs(b - a) > 1e-6 else complex(1.0)
        shift = c - factor * a
        linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
        if self.mirrored:
            linear = linear * (-1.0, 1.0)
        return np.concatenate([linear, [[shift.real], [shift.imag]]], axis=1)


_EYE_PLACES = ((0.2, 0.56), (0.8, 0.56))
COMPONENTS: Final = (
    Component("eye", (33, 133), _EYE_PLACES, (48, 36)),
    Component("eye", (263, 362), _EYE_PLACES, (48, 36), mirrored=True),
    Component("nose", (168, 2), ((0.5, 0.12), (0.5, 0.84)), (48, 60)),
    Component("mouth", (61, 291), ((0.16, 0.5), (0.84, 0.5)), (72, 48)),
)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Averages of one component.

    Attributes:
        keys: (K, D) float32 looks, mean 0 and length 1; see `key_of`.
        details: (K, h, w) float32 what was missing of their lightness, in [-1, 1].
        gains: (K,) float32 how much of it is added: fitted on people who are not in the averages.
        sure: lowest and highest likeness that counts as no and as full confidence.
    """

    keys: FloatArray
    details: FloatArray
    gains: FloatArray
    sure: tuple[float, float]

    def match(self, key: FloatArray) -> tuple[int, float]:
        """The nearest entry and the confidence, 0-1."""
        likeness = self.keys @ key
        best = int(np.argmax(likeness))
        low, high = self.sure
        return best, float(np.clip((likeness[best] - low) / max(high - low, 1e-6), 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class ComponentDictionaries:
    """The dictionaries of eyes, nose and mouth.

    Attributes:
        by_name: component -> its dictionary.
        scale: size of upright parts over that of `Component.size_wh`.
    """

    by_name: Mapping[str, Dictionary]
    scale: float

    def added(self, face: FloatArray, landmarks_px: DoubleArray) -> FloatArray:
        """A restored face with the detail of its components.

        Args:
            face: (S, S, 3) float32 RGB in [0, 1].
            landmarks_px: (478, 2) in its pixels.
        """
        import cv2

        from likeness.faces.geometry import invert

        size_wh = (face.shape[1], face.shape[0])
        sum_of_details = np.zeros(face.shape[:2], np.float32)
        for component in COMPONENTS:
            known = self.by_name[component.name]
            matrix = component.matrix(landmarks_px, self.scale)
            part = upright(face, matrix, component, self.scale)
            best, confidence = known.match(key_of(part))
            detail = confidence * known.gains[best] * known.details[best] * window(part.shape)
            back = invert(matrix)
            sum_of_details += cv2.warpAffine(detail, back, size_wh, flags=cv2.INTER_LINEAR)
        return np.clip(face + sum_of_details[..., None], 0.0, 1.0)

    def save(self, path: Path, told: Mapping[str, str]) -> None:
        """Write them as safetensors."""
        arrays: dict[str, Any] = {}
        for name, known in self.by_name.items():
            arrays |= {
                f"{name}.keys": known.keys.astype(np.float16),
                f"{name}.details": known.details.astype(np.float16),
                f"{name}.gains": known.gains,
                f"{name}.sure": np.array(known.sure, np.float32),
            }
        facts = {**told, "format": FORMAT, "scale": repr(self.scale)}
        weights.save_arrays(path, arrays, facts)

    @classmethod
    def load(cls, path: Path, size_px: int) -> ComponentDictionaries:
        """Read them for a network that sees `size_px` pixels; raises `WeightsError` for anything else."""
        arrays, told = weights.load_arrays(path)
        try:
            if told["format"] != FORMAT:
                raise ValueError(f"format {told['format']!r}")
            scale = float(told["scale"])
            known = {c.name: _dictionary(arrays, c, scale) for c in COMPONENTS}
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{path.name}: not component dictionaries ({error})") from error
        if abs(scale - size_px / 192) > 1e-6:
            raise WeightsError(f"{path.name}: made for {192 * scale:.0f} px, not for {size_px} px")
        return cls(known, scale)


def _dictionary(arrays: Mapping[str, Any], component: Component, scale: float) -> Dictionary:
    name = component.name
    keys, details, gains, sure = (
        np.asarray(arrays[f"{name}.{what}"], np.float32)
        for what in ("keys", "details", "gains", "sure")
    )
    count = len(keys)
    shape = part_shape(component, scale)
    wanted = ((count, key_of(np.zeros((*shape, 3), np.float32)).size), (count, *shape), (count,))
    if (keys.shape, details.shape, gains.shape) != wanted or sure.shape != (2,) or count == 0:
        raise ValueError(f"{name}: impossible shapes")
    if not all(np.isfinite(a).all() for a in (keys, details, gains, sure)):
        raise ValueError(f"{name}: not numbers")
    return Dictionary(keys, details, gains, (float(sure[0]), float(sure[1])))


def part_shape(component: Component, scale: float) -> tuple[int, int]:
    """Height and width of an upright part."""
    return round(component.size_wh[1] * scale), round(component.size_wh[0] * scale)


def upright(
    face: FloatArray, matrix: DoubleArray, component: Component, scale: float
) -> FloatArray:
    """(h, w, 3) float32: a component of a face, upright."""
    import cv2

    height, width = part_shape(component, scale)
    part = cv2.warpAffine(
        face, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(part, np.float32)


def lightness(part: FloatArray) -> FloatArray:
    """(h, w) of (h, w, 3) RGB, after ITU-R BT.601."""
    return np.asarray(part @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def key_of(part: FloatArray) -> FloatArray:
    """(D,) float32 of mean 0 and length 1: what a part looks like at half its size, whatever its light."""
    import cv2

    grey = lightness(part)
    small = cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA)
    flat = small.ravel() - small.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-6), np.float32)


def window(shape: tuple[int, ...]) -> FloatArray:
    """(h, w) 1 in the middle, 0 at the border."""
    rows, columns = (
        np.clip(4 * np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2, 0, 1) for n in shape[:2]
    )
    return np.asarray(rows[:, None] * columns[None, :], np.float32)
