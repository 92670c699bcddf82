from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import OutputError, ShapeError
from likeness.provenance.consent import RESEARCH_LABEL
from likeness.provenance.visible_label import DEFAULT_LABEL, VisibleLabel


def burnt(image: np.ndarray, text: str = DEFAULT_LABEL) -> np.ndarray:
    return VisibleLabel(text, (image.shape[1], image.shape[0])).burn(image)


def strip_height(image: np.ndarray) -> int:
    """Rows from the bottom whose left edge is dark: the banner on a bright picture."""
    dark = image[::-1, 0].max(axis=1) < 60
    return int(np.argmin(dark)) if not dark.all() else len(dark)


@pytest.mark.parametrize("text", [DEFAULT_LABEL, RESEARCH_LABEL])
@pytest.mark.parametrize(
    ("h", "w"), [(64, 64), (96, 80), (128, 128), (300, 64), (64, 300), (512, 512), (720, 1280)]
)
def test_the_banner_is_there_at_every_size(h: int, w: int, text: str):
    bright = np.full((h, w, 3), 210, np.uint8)
    image = burnt(bright, text)
    assert image.shape == bright.shape and (bright == 210).all()
    strip = strip_height(image)
    assert 0.03 * h < strip <= 0.5 * h
    letters = image[-strip:].min(axis=2) > 128
    assert 0.02 < letters.mean() < 0.5  # white letters, not an empty or a full bar
    assert np.flatnonzero(letters.any(axis=0)).max() > 0.4 * w  # across the picture
    assert (image[: h - strip] == 210).all()


def test_large_pictures_lose_little_of_their_height():
    for size in (512, 1024):
        image = burnt(np.full((size, size, 3), 210, np.uint8), RESEARCH_LABEL)
        assert strip_height(image) < 0.08 * size  # one line


@pytest.mark.parametrize("size_wh", [(64, 64), (128, 128), (512, 512)])
def test_every_letter_that_is_drawn_has_a_glyph(
    size_wh: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    """A font draws a box where it has no glyph, as for the no-break space that keeps a line together."""
    from PIL import ImageDraw, ImageFont

    box = bytes(ImageFont.load_default(20).getmask("\U0010ffff"))
    drawn: list[str] = []
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda self, at, text, **rest: drawn.append(text)
    )
    VisibleLabel(RESEARCH_LABEL, size_wh)
    assert " ".join(drawn) == RESEARCH_LABEL
    for letter in set("".join(drawn)) - {" "}:
        assert bytes(ImageFont.load_default(20).getmask(letter)) != box


def test_the_label_decides_the_pixels():
    grey = np.full((128, 128, 3), 210, np.uint8)
    assert not np.array_equal(burnt(grey, "PSEUDO-FAKE one"), burnt(grey, "PSEUDO-FAKE two"))


def test_what_cannot_be_labelled_is_refused():
    for size_wh, text, words in (
        ((200, 63), DEFAULT_LABEL, "64 px"),
        ((64, 64), "  ", "empty"),
        ((64, 64), "word " * 60, "shorten"),
        ((64, 64), "w" * 60, "shorten"),
    ):
        with pytest.raises(OutputError, match=words):
            VisibleLabel(text, size_wh)
    with pytest.raises(ShapeError):
        VisibleLabel(DEFAULT_LABEL, (64, 64)).burn(np.zeros((64, 66, 3), np.uint8))
