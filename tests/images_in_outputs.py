"""Every picture in what a job wrote: files, and data URIs inside pages and JSON."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from likeness.media import encode_original
from likeness.provenance import find_watermark, read_credentials
from likeness.types import Frame

_URI = re.compile(
    r"data:(image|video|audio)/([a-z0-9.+-]+)(?:;[a-z0-9=-]+)*;base64,([A-Za-z0-9+/=\s]+)"
)
_BASE64 = re.compile(r'"([A-Za-z0-9+/]{200,}={0,2})"')
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")


def images_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(where, bytes) of every picture below a folder."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if content.startswith(_MAGIC):
            yield path.name, content
            continue
        text = content.decode("utf-8", "replace")
        texts = [match[3] for match in _URI.finditer(text)] + _BASE64.findall(text)
        for number, encoded in enumerate(dict.fromkeys(texts)):
            try:
                data = base64.b64decode(encoded, validate=False)
            except binascii.Error:
                continue
            if data.startswith(_MAGIC):
                yield f"{path.name}, picture {number}", data


def kind_of(data: bytes, originals: Sequence[Frame], anchors: str) -> str:
    """What a picture is: marked, an original, a heatmap; or "unmarked", which must not be."""
    found = read_credentials(io.BytesIO(data), "", anchors)
    if found.present:
        return "marked" if found.intact and found.trusted and _in_pixels(data) else "unmarked"
    with Image.open(io.BytesIO(data)) as picture:
        if picture.mode == "RGBA" and np.asarray(picture)[..., 3].max() <= 200:
            return "heatmap"  # see-through everywhere: a map that is laid over a picture
    return "original" if any(_is_cut_of(data, frame) for frame in originals) else "unmarked"


def _in_pixels(data: bytes) -> bool:
    """Whether the pixels carry a watermark, or a dark strip with white words."""
    with Image.open(io.BytesIO(data)) as picture:
        image = np.asarray(picture.convert("RGB"))
    rows = image[-12:].astype(float)
    if np.median(rows) < 45 and (rows > 150).mean() > 0.005:
        return True
    return bool(find_watermark([image]).found)


def _is_cut_of(data: bytes, original: Frame) -> bool:
    """Whether `encode_original` makes the same bytes of some box of an input's frame: no fake of it does."""
    import cv2

    with Image.open(io.BytesIO(data)) as picture:
        image = np.asarray(picture.convert("RGB"))
    height, width = image.shape[:2]
    if height > original.image.shape[0] or width > original.image.shape[1]:
        return False
    found = cv2.matchTemplate(original.image, image, cv2.TM_SQDIFF)
    y, x = np.unravel_index(int(found.argmin()), found.shape)
    boxes = [(x, y, x + width, y + height), None]  # a box at its own size, or all of it, scaled
    return data in [encode_original(original, max(width, height), box) for box in boxes]
