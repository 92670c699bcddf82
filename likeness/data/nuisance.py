"""What a picture gives away without being looked at: size, colour, sharpness, compression, file and metadata.

Whatever tells real from fake by these alone is a leak of the data set, not a trace of manipulation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.types import DoubleArray, ImageArray, check_array

CROP_FEATURES = (
    "width",
    "height",
    "mean_red",
    "mean_green",
    "mean_blue",
    "colourfulness",
    "log_sharpness",
    "contrast",
    "log_blockiness",
    "estimated_quality",
)
FILE_FEATURES = (
    "width",
    "height",
    "log_bytes",
    "log_bytes_per_pixel",
    "is_jpeg",
    "jpeg_quality",
    "jpeg_luma_sum",
    "jpeg_chroma_sum",
    "jpeg_halved_chroma",
    "jpeg_progressive",
    "has_exif",
    "has_profile",
    "has_comment",
    "application_segments",
    "name_length",
    "name_digit_share",
    "name_upper_share",
)
_HEAD_BYTES = 1 << 18


def crop_features(image: ImageArray) -> DoubleArray:
    """(10,) float64 in the order of `CROP_FEATURES`, from exactly the crop that a detector receives.

    Args:
        image: (H, W, 3) uint8 RGB. Colourfulness after Hasler and Suesstrunk 2003; sharpness is the variance of the Laplacian.
    """
    import cv2

    from likeness.faces.compression import estimated_jpeg_quality

    check_array("crop_features.image", image, (None, None, 3), np.uint8)
    height, width = image.shape[:2]
    pixels = image.reshape(-1, 3).astype(np.float32)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    red_green = pixels[:, 0] - pixels[:, 1]
    yellow_blue = 0.5 * (pixels[:, 0] + pixels[:, 1]) - pixels[:, 2]
    colourfulness = np.hypot(red_green.std(), yellow_blue.std())
    colourfulness += 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())
    edges = cv2.Laplacian(grey, cv2.CV_32F).var() if min(height, width) > 2 else 0.0
    return np.array(
        [
            width,
            height,
            *pixels.mean(0),
            colourfulness,
            np.log10(edges + 0.1),
            grey.std(),
            np.log10(blockiness(grey)),
            estimated_jpeg_quality(image, [0, 0, width, height]),
        ],
        np.float64,
    )


def blockiness(grey: ImageArray) -> float:
    """How much stronger steps are on the strongest 8 x 8 grid than elsewhere; about 1 without block coding.

    Args:
        grey: (H, W) uint8; the grid may start anywhere, as crops do.
    """
    ratios = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey.astype(np.float32), axis=axis)).mean(1 - axis)
        if len(steps) < 16:
            return 1.0
        columns = np.array([steps[start::8].mean() for start in range(8)])
        ratios.append((columns.max() + 0.01) / (np.median(columns) + 0.01))
    return float(np.mean(ratios))


def file_features(path: str | Path) -> DoubleArray:
    """(17,) float64 in the order of `FILE_FEATURES`, from the file as it came; pixels are not decoded.

    Raises:
        DataError: the file cannot be read.
        MediaError: not a picture or clip.
    """
    from likeness.media import open_clip
    from likeness.media.jpeg import estimate_jpeg_quality, read_jpeg_header

    path = Path(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error
    header = read_jpeg_header(head)
    width, height = header.size_wh if header else open_clip(path).size_wh
    jpeg = [0.0] * 10
    if header:
        tables = [header.tables[n] for n in sorted(header.tables)][:2]
        names = " ".join(header.application).lower()
        jpeg = [
            1.0,
            float(estimate_jpeg_quality(tables).quality) if tables else 0.0,
            float(tables[0].sum()) if tables else 0.0,
            float(tables[1].sum()) if len(tables) > 1 else 0.0,
            float(header.subsampling == "4:2:0"),
            float("progressive" in header.process),
            float("exif" in names),
            float("icc" in names),
            float(bool(header.comment)),
            float(len(header.application)),
        ]
    name = path.stem
    share = [sum(map(test, name)) / max(len(name), 1) for test in (str.isdigit, str.isupper)]
    per_pixel = size / max(width * height, 1)
    numbers = [
        width,
        height,
        np.log10(size + 1),
        np.log10(per_pixel + 1e-6),
        *jpeg,
        len(name),
        *share,
    ]
    return np.array(numbers, np.float64)
