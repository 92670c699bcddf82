"""Still pictures and animations to RGB, through Pillow, with every size checked before a pixel is decoded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

import numpy as np

from likeness.errors import MissingExtraError
from likeness.media.frames import small_luma
from likeness.media.hostile import parsing
from likeness.media.orientation import Orientation, from_exif
from likeness.media.sniff import Format
from likeness.media.source import ByteSource
from likeness.types import ImageArray

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_DEFAULT_DELAY_MS = 100.0  # what browsers use where an animation states 10 ms or less


@contextmanager
def reading(source: ByteSource) -> Iterator[None]:
    """Pillow at work on `source`: errors typed, warnings about odd files silenced, time charged."""
    with parsing(source.name, "picture"), source.stopwatch.running(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_pillow(source: ByteSource, format: Format) -> Any:
    """The lazily opened Pillow image; its declared size is within the limits, nothing is decoded yet."""
    from PIL import Image

    with reading(source):
        if format.key == "HEIF":
            picture = _open_heif(source)
        else:
            picture = Image.open(cast("IO[bytes]", source.reader()), formats=(format.key,))
        moving = format.key in _ANIMATED and bool(getattr(picture, "is_animated", False))
    source.limits.check_picture(source.name, picture.size, moving=False)
    if moving:
        source.limits.check_picture(source.name, picture.size, moving=True)
    return picture


def is_animation(picture: Any, format: Format) -> bool:
    """Whether the file is a sequence over time (several pages or views of a still do not count)."""
    return format.key in _ANIMATED and bool(getattr(picture, "is_animated", False))


def orientation_of(picture: Any) -> Orientation:
    """EXIF orientation; upright where there is none or where it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return from_exif(picture.getexif().get(0x0112))
    except Exception:  # EXIF blocks are damaged in many ways; the pixels are still good
        return Orientation()


def to_rgb(picture: Any) -> tuple[ImageArray, str]:
    """(H, W, 3) uint8 RGB as coded (not turned), and in words what was done to get there (empty: nothing).

    Transparency is laid over white, 16 bits keep their upper 8, floats are stretched over their own range, CMYK and Lab go
    through the embedded profile where there is one. Profiles of RGB and grey pictures are *not* applied: detectors look
    at pixels as they were coded, and a colour conversion would rewrite all of them.
    """
    from PIL import Image

    mode = picture.mode
    if mode == "RGB":
        return np.array(picture, np.uint8), ""
    if mode.startswith(("I", "F")):
        return _deep(np.asarray(picture), mode)
    if mode in ("CMYK", "LAB"):
        return _by_profile(picture)
    if "A" in mode or mode == "PA" or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        paper = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return np.array(Image.alpha_composite(paper, layered).convert("RGB"), np.uint8), (
            f"{mode}: transparency laid over white"
        )
    return np.array(picture.convert("RGB"), np.uint8), f"{mode} converted to RGB"


class AnimationDecoder:
    """Frames of a GIF, WebP, PNG or AVIF animation by index.

    Attributes:
        decoded: frames decoded so far, passed-over ones included.
        converted: frames turned into RGB so far.
        resized: always 0.
        damaged: indices that cannot be decoded.
    """

    def __init__(self, source: ByteSource, picture: Any) -> None:
        self.decoded = self.converted = self.resized = 0
        self.damaged: set[int] = set()
        self._source, self._picture = source, picture
        self._orientation = orientation_of(picture)
        self._place = -1

    def walk(self) -> Iterator[tuple[ImageArray, float]]:
        """All frames in order as (image, delay in seconds), until the end or the first damage."""
        index = 0
        while True:
            try:
                image = self._image(index)
            except EOFError:
                return
            delay = float(self._picture.info.get("duration") or 0.0)
            yield image, (delay if delay > 10.0 else _DEFAULT_DELAY_MS) / 1000.0
            index += 1

    def image_at(self, index: int) -> ImageArray | None:
        """(H, W, 3) uint8 RGB, upright, or None if the frame is damaged."""
        with reading(self._source):
            try:
                return self._image(index)
            except (EOFError, OSError, SyntaxError, ValueError):
                self.damaged.add(index)
                return None

    def luma_at(self, index: int, size_wh: tuple[int, int]) -> ImageArray | None:
        """(h, w) uint8 brightness, scaled."""
        image = self.image_at(index)
        return None if image is None else small_luma(image, size_wh)

    def close(self) -> None:
        """Release the picture and the file."""
        self._picture.close()
        self._source.close()

    def _image(self, index: int) -> ImageArray:
        self._picture.seek(index)
        self.decoded += index - self._place if index > self._place else index + 1
        self._place = index
        self._source.stopwatch.check()
        image, _ = to_rgb(self._picture)
        self.converted += 1
        return self._orientation.apply(image)


def _open_heif(source: ByteSource) -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError(f"{source.name}: the reader of HEIF pictures", "heif") from error
    picture = pillow_heif.open_heif(source.reader(), convert_hdr_to_8bit=True)
    source.limits.check_picture(source.name, picture.size, moving=False)
    return picture.to_pillow()


def _deep(values: Any, mode: str) -> tuple[ImageArray, str]:
    values = np.nan_to_num(np.asarray(values, np.float64))
    top = float(values.max(initial=0.0))
    if mode.startswith("I") and values.min(initial=0.0) >= 0 and top <= 65535:
        grey = (values if top <= 255 and mode == "I" else values / 257.0).round()
        words = f"{mode}: 16 bits reduced to 8"
    else:
        low = float(values.min(initial=0.0))
        grey = (values - low) * (255.0 / max(top - low, 1e-12))
        words = f"{mode}: stretched from {low:g}..{top:g}"
    grey = np.clip(grey, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2), words


def _by_profile(picture: Any) -> tuple[ImageArray, str]:
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            wanted = ImageCms.createProfile("sRGB")
            done = ImageCms.profileToProfile(picture, given, wanted, outputMode="RGB")
            return np.array(done, np.uint8), f"{picture.mode} converted by its profile"
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a damaged profile: convert without
    return np.array(picture.convert("RGB"), np.uint8), f"{picture.mode} converted without a profile"
