"""Pixels through a codec: round trips in memory for the degradation ladder, and original crops for the report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from likeness.errors import MediaError, UsageError
from likeness.types import Frame, ImageArray, check_array

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
_ORIGINAL_QUALITY = 90


def encode_original(
    frame: Frame,
    size_px: int | None = None,
    box_px: Sequence[float] | None = None,
) -> bytes:
    """A frame of the input, or a box of it, as JPEG for a report.

    Only pixels that came from an input file leave this way: a frame without a hash was drawn, degraded or generated, and
    generated media leave through `provenance`, which marks them.

    Args:
        frame: a frame with `sha256`.
        size_px: scale down so that the longer side has at most so many pixels; None keeps the size.
        box_px: xyxy in frame pixels; clipped to the frame.

    Returns:
        Bytes of a JPEG file, quality 90, without metadata.

    Raises:
        MediaError: the frame has no hash, or the box lies outside of it.
    """
    from PIL import Image

    if not frame.sha256:
        raise MediaError(
            "expected a frame of an input file, got one without a hash (drawn, degraded or generated); "
            "generated media are written by likeness.provenance only"
        )
    image = frame.image
    if box_px is not None:
        height, width = image.shape[:2]
        x0, y0 = (max(0, int(np.floor(v))) for v in box_px[:2])
        x1, y1 = (min(n, int(np.ceil(v))) for v, n in zip(box_px[2:], (width, height), strict=True))
        if x1 <= x0 or y1 <= y0:
            raise MediaError(
                f"expected a box inside the {width}x{height} frame, got {tuple(box_px)}"
            )
        image = image[y0:y1, x0:x1]
    picture = Image.fromarray(np.ascontiguousarray(image))
    if size_px is not None:
        picture.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_ORIGINAL_QUALITY, subsampling=0)
    return out.getvalue()


def jpeg_round_trip(image: ImageArray, quality: int, subsampling: str = "4:2:0") -> ImageArray:
    """Compress and decompress in memory.

    Args:
        image: (H, W, 3) uint8 RGB.
        quality: 1 to 100 on the IJG scale.
        subsampling: 4:4:4, 4:2:2 or 4:2:0.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UsageError: unknown quality or subsampling.
    """
    from PIL import Image

    check_array("image", image, (None, None, 3), np.uint8)
    if subsampling not in _SUBSAMPLING or not 1 <= quality <= 100:
        raise UsageError(
            f"expected quality 1-100 and subsampling {', '.join(_SUBSAMPLING)}, got {quality} and {subsampling}"
        )
    out = io.BytesIO()
    Image.fromarray(image).save(
        out, "JPEG", quality=int(quality), subsampling=_SUBSAMPLING[subsampling]
    )
    with Image.open(out) as picture:
        return np.array(picture, np.uint8)


def h264_round_trip(images: Sequence[ImageArray], fps: float, crf: int) -> list[ImageArray]:
    """Encode a clip with x264 and decode it again, in memory.

    One thread, so that the result is the same on every machine. yuv420p needs even sizes: odd ones are padded by
    repeating the edge and cropped back.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size.
        fps: frame rate in Hz.
        crf: constant rate factor, 0 (best) to 51.

    Returns:
        As many (H, W, 3) uint8 RGB images.

    Raises:
        UsageError: sizes differ, or fps or crf out of range.
    """
    if not images:
        return []
    for image in images:
        check_array("images", image, images[0].shape, np.uint8)
    if not 0 <= crf <= 51 or not 0.1 <= fps <= 1000:
        raise UsageError(f"expected crf 0-51 and fps 0.1-1000, got {crf} and {fps}")
    height, width = images[0].shape[:2]
    pad = ((0, height % 2), (0, width % 2), (0, 0))
    packets = _encode([np.pad(image, pad, mode="edge") for image in images], fps, crf)
    decoded = _decode(packets)
    if len(decoded) != len(images):
        raise MediaError(f"expected {len(images)} frames back from x264, got {len(decoded)}")
    return [np.ascontiguousarray(image[:height, :width]) for image in decoded]


def _encode(images: list[ImageArray], fps: float, crf: int) -> list[bytes]:
    import av

    encoder = av.CodecContext.create("libx264", "w")
    rate = Fraction(fps).limit_denominator(1001)
    encoder.width, encoder.height = images[0].shape[1], images[0].shape[0]
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = rate, 1 / rate
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "medium"}
    packets: list[bytes] = []
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="itu601", threads=1)
        frame.pts, frame.time_base = number, encoder.time_base
        packets.extend(bytes(packet) for packet in encoder.encode(frame))
    packets.extend(bytes(packet) for packet in encoder.encode(None))
    return packets


def _decode(packets: list[bytes]) -> list[ImageArray]:
    import av

    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = [f for data in packets for f in decoder.decode(av.Packet(data))]
    frames += decoder.decode(None)
    pictures = [f.reformat(format="rgb24", src_colorspace="itu601", threads=1) for f in frames]
    return [np.asarray(picture.to_ndarray(), np.uint8) for picture in pictures]
