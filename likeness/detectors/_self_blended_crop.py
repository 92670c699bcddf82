"""What `self_blended` cuts out of a frame: one face at two scales, and the phase of each crop."""

from __future__ import annotations

import numpy as np

from likeness.types import FaceCrop, FloatArray, ImageArray

SIZE_PX = 160
MARGINS = (0.05, 0.2)
"""Of the mesh box on each side: a crop 1.1 times the face's size, in which the face is largest, and one of 1.4 times with
hair, ears and neck, against which a pasted face must hold. Wider ones would show little but mirrored borders on the training pictures."""
SCALES = len(MARGINS)
REACH = 4.0
"""Standard deviations at which the phase image is cut off."""


def crops_of(image: ImageArray, landmarks_px: FloatArray) -> list[FaceCrop]:
    """The face at every scale, upright, 160 px; the tightest first.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32 in its pixels.
    """
    from likeness.faces import align

    return [align(image, landmarks_px, SIZE_PX, margin) for margin in MARGINS]


def phase_only(images: ImageArray) -> FloatArray:
    """Pictures rebuilt from the phase of their spectrum alone: what is left when every frequency is equally strong.

    How soft or noisy a picture is stands in the amplitudes, where its edges lie in the phase; so a seam shows here, and the
    sharpness of the camera does not.

    Args:
        images: (N, S, S, 3) uint8 RGB.

    Returns:
        (N, S, S) float32 of unit variance, cut off at four standard deviations.
    """
    from scipy import fft

    luma = images @ np.array([0.299, 0.587, 0.114], np.float32)
    spectrum = fft.rfft2(luma - luma.mean(axis=(1, 2), keepdims=True), workers=1)
    spectrum /= np.abs(spectrum) + np.float32(1.0)  # a flat picture has no phase
    phase = fft.irfft2(spectrum, s=luma.shape[1:], workers=1)
    size = np.sqrt((phase**2).mean(axis=(1, 2), keepdims=True)) + np.float32(1e-6)
    return np.clip(phase / size, -REACH, REACH).astype(np.float32)
