from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from likeness import media, registry, testing
from likeness.detectors import _noise_blobs as blobs
from likeness.detectors import _noise_history as history
from likeness.detectors import _noise_picture as whole
from likeness.media.coded_luma import coded_luma
from likeness.types import FloatArray, ImageArray

MOST = 10_000_000
PART = (slice(12, 22), slice(8, 20))  # blocks of 8 px


def _plain() -> ImageArray:
    """(256, 256, 3) the portrait halved, so that whatever it went through before is gone."""
    return np.asarray(cv2.resize(testing.portrait(), (256, 256), interpolation=cv2.INTER_AREA))


def _jpeg(image: ImageArray, quality: int, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def _decoded(content: bytes) -> ImageArray:
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def _part() -> np.ndarray:
    blocks = np.zeros((32, 32), bool)
    blocks[PART] = True
    return blocks


def _spliced(first: int) -> ImageArray:
    """Compressed before with `first`, but for a part that was put in fresh."""
    pixels = np.kron(_part(), np.ones((8, 8), bool))[..., None]
    return np.where(pixels, _plain(), _decoded(_jpeg(_plain(), first)))


def _found(content: bytes) -> tuple[history.History, FloatArray]:
    coded = coded_luma(media.open_clip(content).raw, MOST)
    assert coded is not None
    found = history.block_history(coded.luma, coded.table)
    assert found is not None
    return found, history.odd_part(found)


@pytest.mark.parametrize(("first", "second"), [(60, 90), (75, 95), (70, 85)])
def test_a_part_that_was_put_in_lights_up_where_it_is(first: int, second: int) -> None:
    found, odd = _found(_jpeg(_spliced(first), second))
    assert found.modes >= 10
    assert (odd[_part()] > 0.5).mean() > 0.8
    assert (odd[~_part()] > 0.5).mean() < 0.06
    apart = history.apart(found, _part())
    assert apart is not None and apart > 0.7


def test_a_part_that_was_compressed_before_lights_up_in_a_fresh_picture() -> None:
    pixels = np.kron(_part(), np.ones((8, 8), bool))[..., None]
    picture = np.where(pixels, _decoded(_jpeg(_plain(), 40)), _plain())
    _, odd = _found(_jpeg(picture, 92))
    assert (odd[_part()] > 0.5).mean() > 0.4
    assert (odd[~_part()] > 0.5).mean() < 0.03


@pytest.mark.parametrize("quality", [75, 90, 95, 100])
def test_a_picture_that_was_compressed_once_is_dark(quality: int) -> None:
    found, odd = _found(_jpeg(_plain(), quality))
    assert found.modes < history.FEWEST_MODES and not odd.any()
    assert history.apart(found, _part()) is None


def test_a_picture_that_was_compressed_twice_as_a_whole_is_dark() -> None:
    found, odd = _found(_jpeg(_decoded(_jpeg(_plain(), 75)), 90))
    assert found.modes >= 10 and (odd > 0.5).mean() < 0.01
    apart = history.apart(found, _part())
    assert apart is not None and apart < 0.2


def test_saved_at_a_lower_quality_nothing_is_said() -> None:
    found, odd = _found(_jpeg(_spliced(95), 75))
    assert found.modes < history.FEWEST_MODES and not odd.any()


def test_flat_and_small_pictures_say_nothing() -> None:
    _, odd = _found(_jpeg(np.full((256, 256, 3), 128, np.uint8), 90))
    assert not odd.any()
    assert history.block_history(np.zeros((64, 64), np.uint8), np.full((8, 8), 4, np.int64)) is None


def _evidence(content: bytes):
    return registry.build("detectors", "noise_residual").analyse(media.open_clip(content), ())


def test_the_detector_shows_and_says_it_without_a_face() -> None:
    evidence = _evidence(_jpeg(_spliced(60), 90))
    assert evidence.status == "not_applicable" and "another number of times" in evidence.note
    shares = [r.value for r in evidence.readings if r.name == whole.ODD_PART]
    assert shares and shares[0] == pytest.approx(_part().mean(), abs=0.05)
    untouched = _evidence(_jpeg(_decoded(_jpeg(_plain(), 60)), 90))
    assert "another number" not in untouched.note
    assert len(untouched.heatmaps) == len(evidence.heatmaps) - 1


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (3, lambda blocks: blocks[::-1, ::-1]),
        (5, lambda blocks: blocks.T),
        (6, lambda blocks: np.rot90(blocks, -1)),
        (8, lambda blocks: np.rot90(blocks)),
    ],
)
def test_the_map_is_turned_with_the_picture(
    orientation: int, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = _jpeg(np.ascontiguousarray(_spliced(60)[:, :250]), 90, exif=exif)
    clip = media.open_clip(content)
    found = whole.whole_picture(clip, 0)
    odd = max(found.heatmaps[1:], key=lambda h: (h.values > 0.9).sum())
    where = turn(_part()[:, :31])
    assert odd.values.shape == where.shape
    assert (odd.values[where] > 0.5).mean() > 0.8 and (odd.values[~where] > 0.5).mean() < 0.06
    left, top = odd.corners_px[0] + 0.5
    over = 2  # 250 px are 31 blocks and 2 px, which lie at the far end of the coded picture
    assert (left, top) == {3: (over, 0), 5: (0, 0), 6: (0, 0), 8: (0, over)}[orientation]


def test_only_jpeg_files_with_a_brightness_of_their_own_are_read() -> None:
    assert coded_luma(None, MOST) is None
    png = io.BytesIO()
    Image.fromarray(_plain()).save(png, "PNG")
    assert coded_luma(media.open_clip(png.getvalue()).raw, MOST) is None
    content = _jpeg(_plain(), 90)
    assert coded_luma(media.open_clip(content).raw, 1000) is None
    assert coded_luma(media.open_clip(_jpeg(_plain(), 90, keep_rgb=True)).raw, MOST) is None
    cmyk = io.BytesIO()
    Image.fromarray(_plain()).convert("CMYK").save(cmyk, "JPEG")
    assert coded_luma(media.open_clip(cmyk.getvalue()).raw, MOST) is None
    grey = coded_luma(media.open_clip(_jpeg(_plain()[..., 1], 90)).raw, MOST)
    assert grey is not None and grey.luma.shape == (256, 256) and grey.table.shape == (8, 8)


def test_a_file_that_breaks_is_no_error() -> None:
    class Broken:
        size_bytes, media_type = 4000, "image/jpeg"

        def __init__(self, content: bytes) -> None:
            self.content = content

        def open(self) -> io.BytesIO:
            return io.BytesIO(self.content)

        def sidecar(self) -> None:
            return None

    content = _jpeg(_plain(), 90)
    for end in (0, 2, 100, 700, len(content) // 2):
        assert coded_luma(Broken(content[:end]), MOST) is None  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(content)
        for place in rng.integers(2, 700, 6):
            damaged[place] = int(rng.integers(256))
        coded = coded_luma(Broken(bytes(damaged)), MOST)  # type: ignore[arg-type]
        if coded is not None:
            history.block_history(coded.luma, coded.table)


def _speckled(where: np.ndarray) -> ImageArray:
    grain = np.random.default_rng(3).normal(0.0, 30.0, (256, 256))
    return np.clip(_plain() + (where * grain)[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("row", "column"), [(40, 40), (200, 200)])
def test_a_round_blob_of_noise_is_found_where_it_is_and_a_streak_is_none(
    row: int, column: int
) -> None:
    y, x = np.indices((256, 256))
    found = blobs.find_blobs(_speckled(np.hypot(y - row, x - column) < 7))
    streak = blobs.find_blobs(_speckled((np.abs(y - row) < 4) & (x > 20) & (x < 230)))
    plain = blobs.find_blobs(_plain())
    assert found is not None and streak is not None and plain is not None
    assert max(streak.strongest, plain.strongest) < blobs.USUAL[1] < found.strongest
    peak = np.unravel_index(int(found.map.argmax()), found.map.shape)
    assert abs(peak[0] - row // 4) <= 2 and abs(peak[1] - column // 4) <= 2
    assert not plain.map.any() and blobs.find_blobs(np.zeros((64, 200, 3), np.uint8)) is None
