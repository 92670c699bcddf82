"""Which generator? The mean spectrum of what a high-pass leaves, per generator, and how alike a picture's own is.

After Marra et al., "Do GANs leave artificial fingerprints?" (MIPR 2019). They average residuals pixel by pixel; here the
log power per frequency is averaged, which survives cropping, and is set against that of photographs. A picture gets a name
only where it is more alike to one fingerprint than almost all pictures that are not of that generator, so that two in a
hundred get a name that is not theirs; otherwise the generator is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.detectors._cnn_generated_patches import PATCH_PX
from likeness.errors import DataError, WeightsError
from likeness.types import FloatArray, ImageArray

MISNAMED = 0.02
"""Share of the pictures that are of none of the generators and get a name all the same, over all names together."""
_FLOOR = 1e-3
_LOWEST = 8  # cycles per patch: below lies the scene
SIZE = PATCH_PX * (PATCH_PX // 2 + 1)


def spectrum_of(patches: ImageArray) -> FloatArray:
    """Mean log power of the luma of patches, frequency by frequency, less the mean of its radius.

    A change of light, contrast, blur or resolution moves whole radii and cancels out; what is left is where power stands
    out in direction: lattices, grids, the axes.

    Args:
        patches: (K, 96, 96, 3) uint8 RGB, K >= 1.

    Returns:
        (4704,) float32.
    """
    luma = patches.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    window = np.hanning(PATCH_PX + 1)[:-1].astype(np.float32)
    centred = (luma - luma.mean((1, 2), keepdims=True)) * np.outer(window, window)
    power = np.log(np.abs(np.fft.rfft2(centred)) + _FLOOR).mean(0).ravel()
    radius = _radius()
    counts = np.maximum(np.bincount(radius), 1)
    flat = power - (np.bincount(radius, power) / counts)[radius]
    return np.where(radius >= _LOWEST, flat, 0.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Fingerprints of the generators that are known.

    Attributes:
        names: G generators.
        mean: (4704,) float32 of photographs.
        scale: (4704,) float32 standard deviation over photographs, > 0.
        prints: (G, 4704) float32 unit vectors: mean of the generator less that of photographs, per standard deviation.
        limits: (G,) float64 likeness above which a generator is named.
    """

    names: tuple[str, ...]
    mean: FloatArray
    scale: FloatArray
    prints: FloatArray
    limits: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, spectra: FloatArray, kinds: Sequence[str], folds: Sequence[int]) -> Fingerprints:
        """Fit fingerprints; limits come from pictures that the fingerprints had not seen.

        Args:
            spectra: (N, 4704), see `spectrum_of`.
            kinds: generator of each; "" = photograph.
            folds: fold of each; what was made of one picture shares one.

        Raises:
            DataError: fewer than two folds, or no photographs or generators.
        """
        kind, fold = np.asarray(kinds), np.asarray(folds)
        names = tuple(sorted(set(kinds) - {""}))
        if len(set(folds)) < 2 or not names or "" not in kinds:
            raise DataError("fingerprints: expected photographs, generators and two folds or more")
        found = np.zeros((len(kind), len(names)))
        for k in sorted(set(folds)):
            part = cls._around(spectra[fold != k], kind[fold != k], names)
            found[fold == k] = part.likeness(spectra[fold == k])
        limits = np.array(
            [
                np.quantile(found[kind != n, g], 1 - MISNAMED / len(names))
                for g, n in enumerate(names)
            ]
        )
        whole = cls._around(spectra, kind, names)
        return cls(names, whole.mean, whole.scale, whole.prints, limits)

    @classmethod
    def _around(
        cls, spectra: FloatArray, kind: npt.NDArray[Any], names: tuple[str, ...]
    ) -> Fingerprints:
        photographs = spectra[kind == ""]
        mean = photographs.mean(0)
        scale = np.maximum(photographs.std(0), 0.05 * photographs.std() + 1e-6)
        # A generator of which a fold has nothing gets no print there, and is like nothing.
        own = [spectra[kind == n] for n in names]
        prints = np.stack([((x.mean(0) if len(x) else mean) - mean) / scale for x in own])
        prints /= np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), 1e-9)
        single = np.float32
        return cls(
            names,
            mean.astype(single),
            scale.astype(single),
            prints.astype(single),
            np.full(len(names), np.inf),
        )

    def likeness(self, spectra: FloatArray) -> npt.NDArray[np.float64]:
        """(N, 4704) to (N, G) correlations with each fingerprint, in [-1, 1]."""
        scaled = (spectra - self.mean) / self.scale
        length = np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-9)
        return np.round((scaled / length @ self.prints.T).astype(np.float64), 6)

    def name(self, spectrum: FloatArray) -> str:
        """The generator of one picture, or "unknown"."""
        found = self.likeness(spectrum[None])[0]
        best = int(np.argmax(found - self.limits))
        return self.names[best] if found[best] > self.limits[best] else "unknown"

    def to_arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Arrays for safetensors; the names go into the metadata."""
        return {f"{prefix}{n}": getattr(self, n) for n in ("mean", "scale", "prints", "limits")}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str, names: Sequence[str]
    ) -> Fingerprints:
        """Inverse of `to_arrays`; raises `WeightsError` for arrays of other shapes."""
        found = [np.asarray(arrays.get(f"{prefix}{n}", ())) for n in ("mean", "scale", "prints")]
        limits = np.asarray(arrays.get(f"{prefix}limits", ()), np.float64)
        shapes = [a.shape for a in (*found, limits)]
        if shapes != [(SIZE,), (SIZE,), (len(names), SIZE), (len(names),)]:
            raise WeightsError(
                f"weights: {prefix}*: expected fingerprints of {len(names)} generators over {SIZE} "
                f"frequencies, got {shapes}; train them again"
            )
        return cls(tuple(names), found[0], found[1], found[2], limits)


def _radius() -> npt.NDArray[np.int64]:
    fy = np.fft.fftfreq(PATCH_PX)[:, None] * PATCH_PX
    fx = np.fft.rfftfreq(PATCH_PX)[None] * PATCH_PX
    return np.hypot(fy, fx).astype(np.int64).ravel()
