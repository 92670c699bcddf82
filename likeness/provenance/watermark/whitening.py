"""Pictures as the search sees them: luma on the canonical grid, evened out in space and then in frequency."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import scipy.fft

from likeness.provenance.watermark.pattern import Design, canonical_scale, lattice
from likeness.types import FloatArray, ImageArray

ComplexArray = npt.NDArray[np.complexfloating]

_LOCAL_MEAN_PX: Final = 6.0  # sigma, canonical: longer waves are the picture's own light and shade
_LOCAL_POWER_PX: Final = 4.0
_FLOOR: Final = 1.0  # grey levels squared: below it there is nothing but rounding
_MOST_WHITE: Final = 2.0
_PADDED: Final = (
    1.6  # the nearest bin of the transform is then at most 0.31 of a resolution cell away
)
_NOISE_BINS: Final = 21  # about three points of the lattice across
_MOST_MAGNITUDE: Final = 2.0
_TILT: Final = 0.5


def canonical_size(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height on the canonical grid, odd so that the middle lies on a pixel."""
    scale = canonical_scale(size_wh)
    width, height = (int(side * scale) // 2 * 2 + 1 for side in size_wh)
    return width, height


def whiten(image: ImageArray) -> FloatArray:
    """Luma of a picture on the canonical grid, divided by its local strength.

    The mark was made stronger where the picture is busy; this undoes it, and weighs every place by what it can tell.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (h, w) float32 in [-2, 2], both odd, h * w about 512**2.
    """
    size_wh = (image.shape[1], image.shape[0])
    shrinks = canonical_scale(size_wh) < 1
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    luma = cv2.resize(luma, canonical_size(size_wh), interpolation=method)
    luma -= cv2.GaussianBlur(luma, (0, 0), _LOCAL_MEAN_PX)
    power = cv2.GaussianBlur(luma * luma, (0, 0), _LOCAL_POWER_PX)
    luma /= np.sqrt(2 * power + np.float32(_FLOOR))
    return np.clip(luma, -_MOST_WHITE, _MOST_WHITE, out=luma)


class Spectrum:
    """What a whitened picture holds at the frequencies of the pattern's waves, for any scale and flip.

    Values are divided by the magnitude of the spectrum around them, so that unmarked pictures give about 1 everywhere, and their
    magnitude is limited: what sticks out is a line or a texture of the picture, not the mark. Then each wave gets its weight.

    Attributes:
        weights: (K,) float64 per wave, the same for every picture.

    Args:
        white: (h, w) float32, one whitened picture or the mean of several.
        size_wh: size of the picture before whitening.
        design: of the pattern.
    """

    def __init__(self, white: FloatArray, size_wh: tuple[int, int], design: Design) -> None:
        self._white = white
        self._waves = lattice(design)
        # Codecs take the short waves first.
        self.weights = (self._waves.radius / self._waves.radius.mean()) ** -_TILT
        height, width = white.shape
        scale = canonical_scale(size_wh)
        # Cycles per analysed pixel for one period per tile: rounding to odd sizes stretches each axis a little.
        self._step_x = size_wh[0] * scale / width / design.tile_px
        self._step_y = size_wh[1] * scale / height / design.tile_px
        self._rows, self._columns = (
            scipy.fft.next_fast_len(int(_PADDED * side), real=True) for side in white.shape
        )
        padded: FloatArray = np.zeros((self._rows, self._columns), np.float32)
        padded[:height, :width] = white
        padded = np.roll(padded, (-(height // 2), -(width // 2)), (0, 1))
        values = scipy.fft.rfft2(padded)
        bins = (_NOISE_BINS, _NOISE_BINS)
        self._noise = cv2.blur(np.abs(values), bins, borderType=cv2.BORDER_REFLECT_101) + 1e-6
        self._values = values / self._noise

    def coarse(
        self, scales: npt.NDArray[np.float64], waves: npt.NDArray[np.intp], flipped: bool
    ) -> ComplexArray:
        """(S, K) complex64 from the nearest bins of one transform."""
        row, column = self._bins(scales[:, None], waves, flipped)
        values = self._values[row, column]
        return _limited(np.conj(values) if flipped else values, self.weights[waves])

    def exact(self, scale: float, flipped: bool) -> ComplexArray:
        """(K,) complex64 of all waves at one scale, by a transform that is exact at their frequencies."""
        waves = self._waves
        most = int(max(waves.kx.max(), np.abs(waves.ky).max()))
        height, width = self._white.shape
        across = _kernel(width, self._step_x / scale, np.arange(most + 1))
        down = _kernel(height, self._step_y / scale, np.arange(-most, most + 1))
        # Real parts are copied out: BLAS takes no strided arrays, and this is most of a search.
        half = self._white @ np.ascontiguousarray(across.real.T) + 1j * (
            self._white @ np.ascontiguousarray(across.imag.T)
        )
        table = down @ half.astype(np.complex64)
        every = np.arange(len(waves.kx))
        values = table[(-waves.ky if flipped else waves.ky) + most, waves.kx]
        values = values / self._noise[self._bins(np.array(scale), every, flipped)]
        return _limited(np.conj(values) if flipped else values, self.weights)

    def _bins(
        self, scale: npt.NDArray[np.float64], waves: npt.NDArray[np.intp], flipped: bool
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        kx, ky = self._waves.kx[waves], self._waves.ky[waves]
        row = np.rint((-ky if flipped else ky) * (self._step_y * self._rows) / scale)
        column = np.rint(kx * (self._step_x * self._columns) / scale)
        return row.astype(np.intp) % self._rows, column.astype(np.intp)


def _limited(values: ComplexArray, weights: npt.NDArray[np.float64]) -> ComplexArray:
    magnitude = np.maximum(np.abs(values), 1e-9)
    return (values * np.minimum(1.0, _MOST_MAGNITUDE / magnitude) * weights).astype(np.complex64)


def _kernel(length: int, step: float, periods: npt.NDArray[np.int64]) -> ComplexArray:
    """(n, length) complex64 of the transform about the middle pixel."""
    places = (np.arange(length) - length // 2) * step
    return np.exp(-2j * np.pi * periods[:, None] * places).astype(np.complex64)
