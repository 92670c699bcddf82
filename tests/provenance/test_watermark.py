"""Embedding and finding: how the mark looks, and what it survives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from likeness import media
from likeness.errors import ShapeError, UsageError
from likeness.provenance.watermark import Embedder, can_carry, find_watermark, why_not_carried
from tests.media.drawn_media import picture

PAYLOAD = 0x0123456789ABCDEF


@pytest.fixture(scope="module")
def marked(portrait: np.ndarray) -> np.ndarray:
    return Embedder((512, 512), PAYLOAD).embed(portrait)


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    """Two thirds of a second, 480x360: a drawn, slowly moving scene with a little noise."""
    scene = cv2.resize(picture(3, (160, 120)), (544, 424), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(scene[i // 2 :, i // 2 :][:360, :480]) for i in range(16)]


def luma(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def levels(image: np.ndarray, contrast: float, brightness: float) -> np.ndarray:
    values = (image.astype(np.float64) - 127.5) * contrast + 127.5 + 255 * brightness
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    side = round(image.shape[0] * factor)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, (side, side), interpolation=method)


ATTACKS = {
    "none": lambda image: image,
    "jpeg 50": lambda image: media.jpeg_round_trip(image, 50),
    "half size": lambda image: scaled(image, 0.5),
    "odd size": lambda image: scaled(image, 0.731),
    "larger": lambda image: scaled(image, 1.5),
    "crop 20 % top left": lambda image: np.ascontiguousarray(image[:410, :410]),
    "crop 20 % anywhere": lambda image: np.ascontiguousarray(image[37:447, 93:503]),
    "wider border": lambda image: cv2.copyMakeBorder(image, 60, 60, 60, 60, cv2.BORDER_CONSTANT),
    "brighter": lambda image: levels(image, 1.0, 0.2),
    "darker": lambda image: levels(image, 1.0, -0.2),
    "more contrast": lambda image: levels(image, 1.2, 0.0),
    "less contrast": lambda image: levels(image, 0.8, 0.0),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_still_keeps_its_mark(marked: np.ndarray, attack: str) -> None:
    finding = find_watermark([ATTACKS[attack](marked)])
    assert finding.found
    assert finding.payload == PAYLOAD
    assert finding.log10_false_positive < -6
    assert finding.flipped == (attack == "mirrored")


def test_the_finding_says_how_the_picture_was_cropped(marked: np.ndarray) -> None:
    finding = find_watermark([ATTACKS["crop 20 % anywhere"](marked)])
    assert finding.scale == pytest.approx(512 / 410, rel=4e-3)
    assert find_watermark([ATTACKS["half size"](marked)]).scale == pytest.approx(1.0, rel=4e-3)


def test_the_mark_cannot_be_seen(portrait: np.ndarray, marked: np.ndarray) -> None:
    error = np.mean((portrait.astype(np.float64) - marked) ** 2)
    assert 10 * np.log10(255**2 / error) >= 40
    assert structural_similarity(luma(portrait), luma(marked)) >= 0.98


def test_only_luma_moves() -> None:
    grey = np.full((128, 256, 3), 120, np.uint8) + np.arange(3, dtype=np.uint8)
    out = Embedder((256, 128), 1).embed(grey).astype(int)
    assert np.array_equal(out[..., 0] - 120, out[..., 2] - 122)
    assert np.ptp(out[..., 0]) >= 3


def test_video_keeps_its_mark_through_h264(clip: list[np.ndarray]) -> None:
    embedder = Embedder((480, 360), PAYLOAD)
    frames = media.h264_round_trip([embedder.embed(frame) for frame in clip], 25.0, 28)
    finding = find_watermark(frames[::2])
    assert finding.found
    assert finding.payload == PAYLOAD
    assert finding.frames == 8


def test_frames_together_tell_more_than_one(clip: list[np.ndarray]) -> None:
    embedder = Embedder((480, 360), PAYLOAD)
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(embedder.embed(f) + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8)
        for f in clip
    ]
    assert find_watermark(noisy).z > 1.3 * find_watermark(noisy[:1]).z


@pytest.mark.parametrize("payload", [0, 2**64 - 1])
def test_payloads_at_the_ends_of_the_range(portrait: np.ndarray, payload: int) -> None:
    finding = find_watermark([Embedder((512, 512), payload).embed(portrait)])
    assert finding.payload == payload


@pytest.mark.parametrize("size_wh", [(511, 513), (333, 257), (1200, 128), (130, 1290)])
def test_odd_and_narrow_sizes(size_wh: tuple[int, int]) -> None:
    image = cv2.resize(picture(1, (120, 90)), size_wh, interpolation=cv2.INTER_CUBIC)
    finding = find_watermark([Embedder(size_wh, 99).embed(image)])
    assert finding.payload == 99


def test_large_pictures_are_looked_at_small() -> None:
    image = cv2.resize(picture(2, (256, 144)), (3840, 2160), interpolation=cv2.INTER_CUBIC)
    out = Embedder((3840, 2160), 7).embed(image)
    assert find_watermark([out]).payload == 7
    assert find_watermark([cv2.resize(out, (640, 360), interpolation=cv2.INTER_AREA)]).payload == 7


def test_embedding_is_deterministic_in_threads_too(
    portrait: np.ndarray, marked: np.ndarray
) -> None:
    before = portrait.copy()
    embedder = Embedder((512, 512), PAYLOAD)
    with ThreadPoolExecutor(2) as pool:
        outs = list(pool.map(embedder.embed, [portrait] * 4))
    assert all(np.array_equal(out, marked) for out in outs)
    assert np.array_equal(portrait, before)
    assert find_watermark([marked]) == find_watermark([marked])


def test_emphasis_makes_the_mark_stronger_there(portrait: np.ndarray, marked: np.ndarray) -> None:
    face = np.zeros((512, 512), np.float32)
    face[60:240, 150:300] = 1
    out = Embedder((512, 512), PAYLOAD).embed(portrait, face)
    plain, more = (np.abs(i.astype(int) - portrait).astype(float) for i in (marked, out))
    assert more[80:220, 170:280].mean() > 1.15 * plain[80:220, 170:280].mean()
    assert more[300:].mean() <= 1.01 * plain[300:].mean()


def test_unmarked_media_are_not_marked(portrait: np.ndarray, clip: list[np.ndarray]) -> None:
    for images in ([portrait], clip[::4]):
        finding = find_watermark(images)
        assert not finding.found
        assert finding.payload is None


def test_blank_pictures() -> None:
    """A black picture stays unmarked, and what was put on it is gone after a JPEG: that is said."""
    black = np.zeros((256, 256, 3), np.uint8)
    assert not find_watermark([black]).found
    shown = media.jpeg_round_trip(Embedder((256, 256), 3).embed(black), 50)
    assert "cannot carry" in str(why_not_carried([shown], 3))
    grey = Embedder((256, 256), 3).embed(black + np.uint8(128))
    assert why_not_carried([grey], 3) is None
    assert why_not_carried([grey], 4) is not None


def test_what_is_too_small_or_too_narrow_is_refused() -> None:
    assert can_carry((1280, 720), "video") is None
    assert "128 px" in str(can_carry((640, 127), "image"))
    assert "12 : 1" in str(can_carry((2000, 128), "image"))
    with pytest.raises(UsageError, match="larger target"):
        Embedder((64, 64), 1)
    sliver = np.zeros((4, 4000, 3), np.uint8)
    assert not find_watermark([sliver]).found  # a value: foreign pictures come in any shape
    assert not find_watermark([np.zeros((1, 1, 3), np.uint8)]).found


def test_wrong_input_is_named(portrait: np.ndarray) -> None:
    embedder = Embedder((512, 512), 1)
    with pytest.raises(ShapeError, match=r"embed\.image"):
        embedder.embed(portrait[:256])
    with pytest.raises(ShapeError, match=r"embed\.image"):
        embedder.embed(portrait.astype(np.float32))
    with pytest.raises(ShapeError, match="emphasis"):
        embedder.embed(portrait, np.ones((256, 256), np.float32))
    with pytest.raises(ShapeError, match="images"):
        find_watermark([portrait, portrait[:256]])
    with pytest.raises(UsageError, match="at least one picture"):
        find_watermark([])
    with pytest.raises(UsageError, match=r"2\*\*64"):
        Embedder((512, 512), 2**64)
