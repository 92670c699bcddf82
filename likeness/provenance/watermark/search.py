"""Finding the mark blindly: one transform of the whitened picture, every scale, offset and flip, one bound."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.fft

from likeness.errors import ShapeError, UsageError
from likeness.provenance.watermark.bounds import FALSE_POSITIVE_RATE, Hypotheses
from likeness.provenance.watermark.code import (
    CODED_BITS,
    PAYLOAD_BITS,
    decode_payload,
    encode_payload,
)
from likeness.provenance.watermark.pattern import DESIGN, Design, Lattice, lattice, wave_signs
from likeness.provenance.watermark.whitening import ComplexArray, Spectrum, canonical_size, whiten
from likeness.types import FloatArray, ImageArray, check_array

LEAST_CANONICAL_PX: Final = 64
"""Pictures narrower than this on the canonical grid (about 64 : 1) are not searched."""

_SCALE_STEP: Final = (
    0.003  # of log scale; half of it turns the outermost waves by a fifth of a period at most
)
_SCALES: Final = np.exp(_SCALE_STEP * np.arange(-144, 136))  # 0.649 to 1.499
_UNCROPPED: Final = 144  # index of scale 1
_FINE: Final = np.exp(_SCALE_STEP / 3 * np.arange(-1, 2))
_COARSE_GRID, _FINE_GRID = 128, 384  # offsets along each side of the tile
_CANDIDATES: Final = 3
_HOPELESS_Z: Final = (
    4.5  # on unmarked pictures the best of a hundred thousand offsets alone reaches this
)
_BATCH: Final = 40  # scales at a time: what fits the processor's cache
_BANDS: Final = 8


@dataclass(frozen=True)
class WatermarkFinding:
    """What the search for a watermark gave.

    Attributes:
        found: whether the bound on a false positive is at most 1e-6.
        payload: the 64-bit number, if found and readable. Of marks that are found but too weak to be read, one in 2**16
            gives a wrong number.
        log10_false_positive: bound on the probability that the whole search gives as good a match on unmarked pictures.
        z: statistic of the synchronisation waves at the best hypothesis, in standard deviations.
        z_whole: statistic of all waves with the payload's signs; None where no payload was decoded.
        scale: size of the pattern relative to an uncropped picture: 1.25 after 20 % of width and height were cropped.
        offset_px: shift in pixels of the canonical grid, x and y, modulo the tile.
        flipped: whether the picture is mirrored.
        frames: pictures that were combined.
        hypotheses: scales, offsets and flips that the bound counts.
        coded_bits: hard decisions of the 320 coded bits before error correction, packed; empty if nothing was searched.
    """

    found: bool
    payload: int | None = None
    log10_false_positive: float = 0.0
    z: float = 0.0
    z_whole: float | None = None
    scale: float = 1.0
    offset_px: tuple[float, float] = (0.0, 0.0)
    flipped: bool = False
    frames: int = 0
    hypotheses: int = 0
    coded_bits: bytes = field(default=b"", repr=False)


def hypotheses(design: Design = DESIGN) -> Hypotheses:
    """Everything that a search may look at, counted in full even where it stops early."""
    coarse = 2 * len(_SCALES) * _COARSE_GRID**2
    fine = 2 * len(_SCALES) * len(_FINE) * _FINE_GRID**2
    return Hypotheses(sync=coarse + fine, whole=fine * 2**PAYLOAD_BITS)


def find_watermark(images: Iterable[ImageArray], design: Design = DESIGN) -> WatermarkFinding:
    """Look for the mark in a picture, or in frames of one video that carry the same mark.

    Frames are whitened and averaged, then searched once: what moves averages out, the mark stays.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size, at least one; 8 to 32 spread over a video are plenty.
        design: of the pattern.

    Returns:
        A finding; `found` is False where there is no mark, or the picture is too narrow to hold one.

    Raises:
        UsageError: no pictures.
        ShapeError: a picture of another size or type.

    Example:
        >>> from skimage import data
        >>> from likeness.provenance.watermark import Embedder, find_watermark
        >>> marked = Embedder((512, 512), payload=7).embed(data.astronaut())
        >>> find_watermark([marked]).payload
        7
    """
    white, size_wh, frames = _combined(images)
    counted = hypotheses(design)
    if white is None:
        return WatermarkFinding(False, frames=frames, hypotheses=counted.sync)
    spectrum = Spectrum(white, size_wh, design)
    near = slice(_UNCROPPED - 1, _UNCROPPED + 2)
    best = _Best(frames, counted)
    z, scale, flipped = _candidates(spectrum, _SCALES[near], (False,), design)[0]
    if z > _HOPELESS_Z:
        best.refine(spectrum, scale, flipped, design)
    if not best.finding.found or best.finding.payload is None:
        for _, scale, flipped in _candidates(spectrum, _SCALES, (False, True), design):
            best.refine(spectrum, scale, flipped, design)
    return best.finding


def why_not_carried(images: Iterable[ImageArray], payload: int) -> str | None:
    """Why marked pictures do not carry their mark, such as blank or overexposed ones; None if they do."""
    finding = find_watermark(images)
    if finding.found and finding.payload == payload:
        return None
    return (
        f"the watermark does not hold on this content (z {finding.z:.1f}, "
        f"{'not found' if not finding.found else 'payload unreadable'}): "
        "blank, overexposed or very small pictures cannot carry it"
    )


class _Best:
    """The best finding so far."""

    def __init__(self, frames: int, counted: Hypotheses) -> None:
        self.finding = WatermarkFinding(False, frames=frames, hypotheses=counted.sync)
        self._counted = counted

    def refine(self, spectrum: Spectrum, scale: float, flipped: bool, design: Design) -> None:
        """Look around a candidate with the exact transform, decode where it is best, keep it if it beats the rest."""
        waves = lattice(design)
        z, fine, offset = -1.0, scale, (0, 0)
        values: ComplexArray = np.empty(0, np.complex64)
        for factor in _FINE:
            tried = spectrum.exact(scale * factor, flipped)
            surface = _correlate(tried[None, waves.sync], waves, _FINE_GRID)[0]
            place = int(surface.argmax())
            if surface.flat[place] > z:
                z, fine, values = float(surface.flat[place]), float(scale * factor), tried
                offset = (place % _FINE_GRID, place // _FINE_GRID)
        turn = 2 * np.pi * (waves.kx * offset[0] + waves.ky * offset[1]) / _FINE_GRID
        inphase = (values * np.exp(1j * (turn - waves.phase))).real
        soft = _soft_bits(inphase / spectrum.weights, waves)
        payload = decode_payload(soft)
        z_whole = None
        if payload is not None:
            agreeing = float(inphase @ wave_signs(payload, design))
            z_whole = agreeing / _norm(values[None])[0]
        bound = self._counted.log10_false_positive(z, z_whole)
        if (bound, -z) >= (self.finding.log10_false_positive, -self.finding.z):
            return
        found = bound <= math.log10(FALSE_POSITIVE_RATE)
        step = design.tile_px / _FINE_GRID
        self.finding = WatermarkFinding(
            found=found,
            payload=payload if found else None,
            log10_false_positive=bound,
            z=z,
            z_whole=z_whole,
            scale=fine,
            offset_px=(offset[0] * step, offset[1] * step),
            flipped=flipped,
            frames=self.finding.frames,
            hypotheses=self.finding.hypotheses,
            coded_bits=np.packbits(soft > 0).tobytes(),
        )


def _combined(
    images: Iterable[ImageArray],
) -> tuple[FloatArray | None, tuple[int, int], int]:
    """Mean of the whitened pictures (None if they are too narrow), their size, their number."""
    total: FloatArray | None = None
    shape: tuple[int, ...] | None = None
    frames = 0
    for image in images:
        check_array("find_watermark.images", image, (None, None, 3), np.uint8)
        if shape is not None and image.shape != shape:
            raise ShapeError("find_watermark.images", f"all of {shape}", str(image.shape))
        shape = image.shape
        frames += 1
        if 0 in shape or min(canonical_size((shape[1], shape[0]))) < LEAST_CANONICAL_PX:
            continue
        white = whiten(image)
        total = white if total is None else np.add(total, white, out=total)
    if shape is None:
        raise UsageError("the search for a watermark needs at least one picture, got none")
    if total is not None:
        total /= np.float32(frames)
    return total, (shape[1], shape[0]), frames


def _candidates(
    spectrum: Spectrum,
    scales: npt.NDArray[np.float64],
    flips: tuple[bool, ...],
    design: Design,
) -> list[tuple[float, float, bool]]:
    """The most promising (z, scale, flipped), the best first."""
    waves = lattice(design)
    sync = np.flatnonzero(waves.sync)
    found = []
    for flipped in flips:
        for start in range(0, len(scales), _BATCH):
            batch = scales[start : start + _BATCH]
            surfaces = _correlate(spectrum.coarse(batch, sync, flipped), waves, _COARSE_GRID)
            peaks = surfaces.reshape(len(batch), -1).max(axis=1)
            found += [(float(z), float(s), flipped) for z, s in zip(peaks, batch, strict=True)]
    return sorted(found, reverse=True)[:_CANDIDATES]


def _correlate(values: ComplexArray, waves: Lattice, grid: int) -> FloatArray:
    """Statistic of the synchronisation waves over a grid of offsets.

    Args:
        values: (S, K) complex64 of the synchronisation waves.
        waves: the lattice.
        grid: offsets along each side of the tile.

    Returns:
        (S, grid, grid) float32, rows are offsets in y.
    """
    kx, ky = waves.kx[waves.sync], waves.ky[waves.sync]
    table = np.zeros((len(values), grid, int(kx.max()) + 1), np.complex64)
    table[:, ky % grid, kx] = values * np.exp(-1j * waves.phase[waves.sync])
    columns = scipy.fft.ifft(table, axis=1, overwrite_x=True)  # most columns are empty: left out
    surfaces = scipy.fft.irfft(columns, grid, axis=2)
    surfaces *= (grid * grid / 2 / _norm(values)).astype(np.float32)[:, None, None]
    return surfaces


def _norm(values: ComplexArray) -> npt.NDArray[np.float64]:
    return np.sqrt(np.sum(np.abs(values) ** 2, axis=1, dtype=np.float64) / 2) + 1e-9


def _soft_bits(inphase: FloatArray, waves: Lattice) -> npt.NDArray[np.float64]:
    """(320,) evidence of each coded bit: its waves, weighed by how well the synchronisation waves near them came through."""
    band = np.arange(len(inphase)) * _BANDS // len(inphase)
    sums = np.bincount(band[waves.sync], inphase[waves.sync], _BANDS)
    through = sums / np.bincount(band[waves.sync], minlength=_BANDS)
    through = np.convolve(np.pad(through, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    weighted = inphase * np.maximum(through, 0.02)[band]
    return np.bincount(waves.coded[~waves.sync], weighted[~waves.sync], CODED_BITS).astype(
        np.float64
    )


def coded_bit_errors(finding: WatermarkFinding, payload: int) -> float:
    """Share of the 320 coded bits that were read wrong before error correction; 0.5 is chance."""
    if not finding.coded_bits:
        return 0.5
    read = np.unpackbits(np.frombuffer(finding.coded_bits, np.uint8))[:CODED_BITS]
    return float(np.mean(read != (encode_payload(payload) > 0)))
