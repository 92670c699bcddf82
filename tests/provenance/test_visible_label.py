from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from likeness.errors import OutputError, ShapeError
from likeness.provenance.visible_label import DEFAULT_LABEL, encode_labelled


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def strip_height(image: np.ndarray) -> int:
    """Rows from the bottom whose left edge is dark: the banner on a bright picture."""
    dark = image[::-1, 0].max(axis=1) < 60
    return int(np.argmin(dark)) if not dark.all() else len(dark)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    ("h", "w"), [(64, 64), (96, 80), (128, 128), (300, 64), (64, 300), (512, 512), (720, 1280)]
)
def test_the_banner_is_there_at_every_size(h: int, w: int, kind: str):
    bright = np.full((h, w, 3), 210, np.uint8)
    image = decoded(encode_labelled(bright, format=kind))
    assert image.shape == bright.shape
    strip = strip_height(image)
    assert 0.06 * h < strip <= 0.5 * h
    banner = image[-strip:].min(axis=2)
    text = banner > 128
    assert 0.02 < text.mean() < 0.5  # white letters, not an empty or a full bar
    assert np.flatnonzero(text.any(axis=0)).max() > 0.5 * w  # across the picture, not in a corner
    assert np.abs(image[: h - strip - 8].astype(int) - 210).max() <= 3  # the rest is left alone


def test_letters_are_as_large_as_they_can_be():
    small, large = (
        strip_height(decoded(encode_labelled(np.full((s, s, 3), 210, np.uint8))))
        for s in (256, 1024)
    )
    assert large > 2 * small


def test_the_label_decides_the_pixels():
    grey = np.full((128, 128, 3), 210, np.uint8)
    assert encode_labelled(grey, "PSEUDO-FAKE one") != encode_labelled(grey, "PSEUDO-FAKE two")
    assert encode_labelled(grey) == encode_labelled(grey, DEFAULT_LABEL)


def test_what_cannot_be_labelled_is_not_encoded():
    with pytest.raises(OutputError, match="64 px"):
        encode_labelled(np.zeros((63, 200, 3), np.uint8))
    fine = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(OutputError, match="empty"):
        encode_labelled(fine, "  ")
    with pytest.raises(OutputError, match="shorten"):
        encode_labelled(fine, "word " * 60)
    with pytest.raises(OutputError, match="shorten"):
        encode_labelled(fine, "w" * 60)
    with pytest.raises(OutputError, match="GIF"):
        encode_labelled(fine, format="GIF")
    with pytest.raises(ShapeError):
        encode_labelled(np.zeros((64, 64), np.uint8))
