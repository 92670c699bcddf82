from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from likeness.errors import LimitError, MediaError
from likeness.media import Limits, open_clip

from .drawn_media import encode_picture, picture


def only(clip) -> np.ndarray:
    (frame,) = clip.frames
    return frame.image


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "GIF", "JPEG", "AVIF"])
def test_every_format_gives_its_pixels(format):
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    image = picture()
    options = {"lossless": True} if format == "WEBP" else {}
    clip = open_clip(encode_picture(image, format, **options), name="x")
    assert (clip.kind, clip.fps, clip.size_wh, len(clip.frames)) == ("image", 0.0, (96, 64), 1)
    exact = format in ("PNG", "TIFF", "WEBP")
    difference = np.abs(only(clip).astype(int) - image)
    assert difference.max() == 0 if exact else difference.mean() < 12
    assert next(iter(clip.frames)).sha256 == clip.sha256 and len(clip.sha256) == 64
    assert clip.timestamps_s.tolist() == [0.0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = picture()
    content = encode_picture(image, "PNG", exif=exif)
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    clip = open_clip(content)
    np.testing.assert_array_equal(only(clip), expected)
    assert clip.size_wh == (expected.shape[1], expected.shape[0])


def test_transparency_is_laid_over_white():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:4, :, :] = (200, 10, 20, 255)
    image = only(open_clip(encode_picture(rgba, "PNG")))
    assert image[0, 0].tolist() == [200, 10, 20] and image[7, 7].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "1", "CMYK", "I;16", "F", "YCbCr", "LAB"])
def test_odd_modes_become_rgb(mode):
    grey = Image.fromarray(picture()[:, :, 0])
    if mode == "I;16":
        odd = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "LAB":
        odd = Image.fromarray(
            np.stack([np.asarray(grey)] + [np.full((64, 96), 128, np.uint8)] * 2, 2), "LAB"
        )
    else:
        odd = grey.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr") else grey.convert(mode)
    out = io.BytesIO()
    odd.save(out, "PNG" if mode in ("L", "LA", "P", "1", "I;16") else "TIFF")
    image = only(open_clip(out.getvalue()))
    assert image.shape == (64, 96, 3) and image.dtype == np.uint8
    if mode != "1":
        assert np.corrcoef(image[:, :, 1].ravel(), np.asarray(grey).ravel())[0, 1] > 0.97
    if mode == "I;16":
        np.testing.assert_array_equal(image[:, :, 0], np.asarray(grey))


def test_an_animation_is_a_video():
    frames = [Image.fromarray(picture(i)) for i in range(6)]
    out = io.BytesIO()
    frames[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=[100, 50, 50, 50, 50, 50],
        lossless=True,
    )
    clip = open_clip(out.getvalue())
    assert clip.kind == "video" and len(clip.frames) == 6
    np.testing.assert_allclose(clip.timestamps_s, [0, 0.1, 0.15, 0.2, 0.25, 0.3])
    backwards = open_clip(out.getvalue(), Limits(cache_bytes=0, spill_bytes=0))
    for index in (5, 2, 2, 0):
        (frame,) = backwards.frames.at([index])
        np.testing.assert_array_equal(frame.image, np.asarray(frames[index]))


def test_gif_delays_of_nothing_count_as_a_tenth_of_a_second():
    frames = [Image.fromarray(picture(i)) for i in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=0)
    clip = open_clip(out.getvalue())
    assert clip.fps == pytest.approx(10.0) and clip.kind == "video"


def png_of(size_wh: tuple[int, int], extra: bytes = b"") -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size_wh, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + extra
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size_wh", [(12_000, 12_000), (65_535, 65_535), (2**31 - 1, 1)])
def test_a_bomb_is_refused_before_it_is_decoded(size_wh, monkeypatch):
    def decoded(*_args, **_kwargs):
        raise AssertionError("the bomb was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(LimitError, match="pixels"):
        open_clip(png_of(size_wh))


def test_a_text_chunk_bomb_is_refused():
    text = zlib.compress(bytes(80_000_000), 9)
    body = b"zTXt" + b"Comment\x00\x00" + text
    bomb = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    with pytest.raises(MediaError):
        open_clip(png_of((8, 8), bomb))


def test_an_animation_of_too_many_frames_is_refused():
    frames = [Image.fromarray(picture(i, (8, 8))) for i in range(40)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=20)
    with pytest.raises(LimitError, match="frames"):
        open_clip(out.getvalue(), Limits(frames=10))


def test_a_picture_without_area_or_end_is_an_error():
    with pytest.raises(MediaError):
        open_clip(png_of((0, 5)))
    with pytest.raises(MediaError):
        open_clip(encode_picture(picture(), "JPEG")[:600])


def test_facts_name_camera_and_software():
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "ACME\nCorp", "Retouch 3 \x1b[31m"
    exif[0x8769] = {0x9003: "2024:01:02 03:04:05"}
    facts = open_clip(encode_picture(picture(), "JPEG", exif=exif, quality=83)).facts
    assert facts["camera_make"] == "ACME Corp" and facts["date"] == "2024:01:02 03:04:05"
    assert "\x1b" not in str(facts["software"])
    assert facts["jpeg_quality"] == 83 and facts["jpeg_tables"] == "standard (IJG)"
    assert facts["chroma_subsampling"] == "4:2:0" and facts["jpeg_process"] == "baseline"
