"""The watermark's pattern: a tile of keyed waves on a grid that does not depend on the picture's size.

A picture is thought of as rescaled, its shape kept, to as many pixels as 512 x 512 has: the canonical grid, in whose pixels
tile and frequencies are given. A uniform rescaling then changes nothing at all; a crop changes the pattern's scale by one factor.

The tile repeats, so its spectrum is a lattice. Each lattice point in the band is one wave whose phase is drawn by the key.
One wave in four belongs to the synchronisation sequence; the others carry one bit each in their sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from likeness.provenance.watermark.code import CODED_BITS, encode_payload
from likeness.types import FloatArray

CANONICAL_AREA_PX: Final = 512 * 512
KEY: Final = 0x4C696B656E657373
"""Seed of the phases. It is public, as the whole code: a mark can be forged, and no claim rests on its secrecy."""


@dataclass(frozen=True)
class Design:
    """What fixes the pattern; two sides understand each other only with equal values.

    Attributes:
        tile_px: side of the tile in canonical pixels.
        lowest: lower end of the band in cycles per canonical pixel.
        slope: waves fall off with frequency to this power.
        sync_waves: waves of the synchronisation sequence.
        repeats: waves per coded bit.
        key: seed of the phases.
    """

    tile_px: int = 256
    lowest: float = 0.035
    slope: float = 1.0
    sync_waves: int = 320
    repeats: int = 3
    key: int = KEY


DESIGN: Final = Design()


@dataclass(frozen=True, eq=False)
class Lattice:
    """The waves of a design, by ascending frequency.

    Attributes:
        kx, ky: (K,) int64 periods per tile; kx > 0, ky of either sign, never 0.
        radius: (K,) float64 frequency in cycles per canonical pixel.
        phase: (K,) float64 keyed phases in radians.
        height: (K,) float64 amplitudes; the pattern has unit variance.
        sync: (K,) bool, whether the wave belongs to the synchronisation sequence.
        coded: (K,) int64 which coded bit the wave carries; -1 for synchronisation.
    """

    kx: npt.NDArray[np.int64]
    ky: npt.NDArray[np.int64]
    radius: npt.NDArray[np.float64]
    phase: npt.NDArray[np.float64]
    height: npt.NDArray[np.float64]
    sync: npt.NDArray[np.bool_]
    coded: npt.NDArray[np.int64]


@cache
def lattice(design: Design = DESIGN) -> Lattice:
    """Lay out the waves: the lowest frequencies of the band, roles and phases drawn by the key."""
    count = design.sync_waves + design.repeats * CODED_BITS
    reach = np.arange(-design.tile_px // 2 + 1, design.tile_px // 2)
    kx, ky = (k.ravel() for k in np.meshgrid(reach[reach > 0], reach[reach != 0]))
    radius = np.hypot(kx, ky) / design.tile_px
    order = np.lexsort((ky, kx, radius))
    order = order[radius[order] >= design.lowest][:count]
    kx, ky, radius = kx[order], ky[order], radius[order]
    rng = np.random.Generator(np.random.PCG64(design.key))
    phase = rng.uniform(0.0, 2 * np.pi, count)
    # One synchronisation wave at a random place of each stretch of neighbouring frequencies.
    edges = np.linspace(0, count, design.sync_waves + 1).astype(int)
    sync = np.zeros(count, bool)
    sync[[rng.integers(a, b) for a, b in pairwise(edges)]] = True
    coded = np.full(count, -1)
    coded[~sync] = np.concatenate([rng.permutation(CODED_BITS) for _ in range(design.repeats)])
    height = radius**-design.slope
    height *= np.sqrt(2.0 / np.sum(height**2))
    return Lattice(kx, ky, radius, phase, height, sync, coded)


def canonical_scale(size_wh: tuple[int, int]) -> float:
    """Canonical pixels per pixel of a picture of this size."""
    return float(np.sqrt(CANONICAL_AREA_PX / (size_wh[0] * size_wh[1])))


def wave_signs(payload: int, design: Design = DESIGN) -> npt.NDArray[np.float64]:
    """(K,) of -1 and +1: the payload's coded bits on their waves; synchronisation waves have +1."""
    waves = lattice(design)
    coded = encode_payload(payload).astype(np.float64)
    return np.where(waves.sync, 1.0, coded[waves.coded])


def render(size_wh: tuple[int, int], payload: int, design: Design = DESIGN) -> FloatArray:
    """The pattern at the size of a picture.

    Args:
        size_wh: width and height in pixels.
        payload: 0 <= payload < 2**64.
        design: see `Design`.

    Returns:
        (H, W) float32 of mean about 0 and variance about 1.

    Raises:
        UsageError: payload out of range.
    """
    waves = lattice(design)
    width, height = size_wh
    scale = canonical_scale(size_wh)
    columns, rows = int(waves.kx.max()), int(np.abs(waves.ky).max())
    table = np.zeros((2 * rows + 1, columns + 1), np.complex64)
    table[waves.ky + rows, waves.kx] = (
        waves.height * wave_signs(payload, design) * np.exp(1j * waves.phase)
    )
    across = _waves(width, scale / design.tile_px, np.arange(columns + 1))
    down = _waves(height, scale / design.tile_px, np.arange(-rows, rows + 1))
    half = np.ascontiguousarray(down.T) @ table  # (H, columns + 1)
    left = np.concatenate([half.real, -half.imag], axis=1)  # real, so that one BLAS call does it
    return np.asarray(left @ np.concatenate([across.real, across.imag]), np.float32)


def _waves(length: int, step: float, periods: npt.NDArray[np.int64]) -> npt.NDArray[np.complex64]:
    """(n, length) complex64 waves about the middle of a row of pixels."""
    places = (np.arange(length) + 0.5 - length / 2) * step
    return np.exp(2j * np.pi * periods[:, None] * places).astype(np.complex64)
