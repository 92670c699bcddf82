from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from likeness.errors import MediaError, UsageError
from likeness.media import (
    clip_from_frames,
    encode_original,
    h264_round_trip,
    jpeg_round_trip,
    open_clip,
)

from .drawn_media import encode_picture, numbered, picture


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def test_only_pixels_of_a_file_leave_as_original():
    (drawn,) = clip_from_frames([picture()]).frames
    with pytest.raises(MediaError, match="hash"):
        encode_original(drawn)
    (frame,) = open_clip(encode_picture(picture(), "PNG")).frames
    saved = Image.open(io.BytesIO(encode_original(frame)))
    assert saved.format == "JPEG" and saved.size == (96, 64)
    assert psnr(np.asarray(saved), frame.image) > 35


def test_an_original_can_be_a_small_box():
    (frame,) = open_clip(encode_picture(picture(), "PNG")).frames
    box = Image.open(io.BytesIO(encode_original(frame, box_px=(10.5, -5, 50.2, 200))))
    assert box.size == (41, 64)
    assert max(Image.open(io.BytesIO(encode_original(frame, size_px=20))).size) == 20
    with pytest.raises(MediaError, match="box"):
        encode_original(frame, box_px=(200, 0, 300, 10))


def test_jpeg_loses_more_at_lower_quality():
    image = picture()
    ratios = [psnr(jpeg_round_trip(image, q), image) for q in (20, 50, 80, 95)]
    assert ratios == sorted(ratios) and ratios[-1] > 33
    assert psnr(jpeg_round_trip(image, 90, "4:4:4"), image) > psnr(
        jpeg_round_trip(image, 90), image
    )
    np.testing.assert_array_equal(jpeg_round_trip(image, 50), jpeg_round_trip(image, 50))


@pytest.mark.parametrize(("quality", "subsampling"), [(0, "4:2:0"), (101, "4:2:0"), (50, "4:1:7")])
def test_jpeg_options_are_checked(quality, subsampling):
    with pytest.raises(UsageError):
        jpeg_round_trip(picture(), quality, subsampling)


@pytest.mark.parametrize("size_wh", [(96, 64), (97, 63), (17, 33)])
def test_h264_returns_every_frame_in_order_and_size(size_wh):
    frames = numbered(12, size_wh)
    back = h264_round_trip(frames, 25.0, 10)
    assert len(back) == 12 and all(f.shape == frames[0].shape for f in back)
    for before, after in zip(frames, back, strict=True):
        assert abs(before.mean() - after.mean()) < 4
        assert psnr(before, after) > 24


def test_h264_loses_more_at_higher_crf_and_is_repeatable():
    frames = [picture(i) for i in range(4)]
    fine, coarse = h264_round_trip(frames, 30, 8), h264_round_trip(frames, 30, 40)
    assert psnr(fine[1], frames[1]) > psnr(coarse[1], frames[1]) + 5
    for a, b in zip(fine, h264_round_trip(frames, 30, 8), strict=True):
        np.testing.assert_array_equal(a, b)
    assert h264_round_trip([], 25, 20) == []
    with pytest.raises(UsageError):
        h264_round_trip(frames, 25, 99)
