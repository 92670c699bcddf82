"""Classical repair of whole pictures: nothing is learned and nothing is invented beyond what smoothing and sharpening do.

All take and give (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import numpy as np

from likeness.types import FloatArray, ImageArray, check_array

_LEAST_NOISE = 2.0  # grey levels: quieter pictures only lose by it


def noise_sigma(image: ImageArray) -> float:
    """Standard deviation of the noise in grey levels, after Immerkaer 1996; fine texture counts as noise too."""
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if min(grey.shape) < 3:
        return 0.0
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    bent = np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel)[1:-1, 1:-1])
    # the median in place of the mean: edges are few, and they are no noise
    return float(np.median(bent) / 0.6745 / 6.0)


def denoised(image: ImageArray) -> ImageArray:
    """Non-local means (Buades et al., CVPR 2005), as strong as the noise that is estimated."""
    import cv2

    sigma = noise_sigma(image)
    if sigma < _LEAST_NOISE:
        return image.copy()
    strength = float(np.clip(1.1 * sigma, 1.0, 20.0))
    return np.asarray(
        cv2.fastNlMeansDenoisingColored(image, None, strength, 1.3 * strength, 5, 15), np.uint8
    )


def deblurred(image: ImageArray, sigma_px: float = 1.0, noise: float = 0.02) -> ImageArray:
    """Wiener's filter (1949) for a Gaussian blur of `sigma_px`, on the lightness alone.

    Args:
        image: the picture.
        sigma_px: of the blur that is taken back.
        noise: power of the noise over that of the picture; larger = gentler.
    """
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    ycc = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    height, width = image.shape[:2]
    pad = min(16, height - 1, width - 1)
    grey = cv2.copyMakeBorder(
        ycc[..., 0].astype(np.float32), pad, pad, pad, pad, cv2.BORDER_REFLECT_101
    )
    blur = np.multiply.outer(*(_gauss(n, sigma_px) for n in grey.shape))[
        :, : grey.shape[1] // 2 + 1
    ]
    sharp = np.fft.irfft2(
        np.fft.rfft2(grey) * (blur * (1 + noise) / (blur * blur + noise)), grey.shape
    )
    ycc[..., 0] = np.clip(np.rint(sharp[pad : pad + height, pad : pad + width]), 0, 255)
    return np.asarray(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB), np.uint8)


def deblocked(image: ImageArray) -> ImageArray:
    """A bilateral filter (Tomasi and Manduchi, ICCV 1998) that flattens the ringing and the blocks of a JPEG."""
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    return np.asarray(cv2.bilateralFilter(image, 5, 12.0, 2.0), np.uint8)


def enlarged(image: ImageArray, factor: int = 2) -> ImageArray:
    """Lanczos resampling (Duchon 1979), `factor` times as large."""
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    wh = (image.shape[1] * factor, image.shape[0] * factor)
    return np.asarray(cv2.resize(image, wh, interpolation=cv2.INTER_LANCZOS4), np.uint8)


def _gauss(count: int, sigma_px: float) -> FloatArray:
    """(count,) response of a Gaussian blur at the frequencies of a discrete Fourier transform."""
    frequencies = np.fft.fftfreq(count)
    return np.exp(-2.0 * (np.pi * sigma_px * frequencies) ** 2).astype(np.float32)
