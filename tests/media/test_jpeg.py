from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from likeness.errors import MediaError
from likeness.media import estimate_jpeg_quality, open_clip
from likeness.media.jpeg import ijg_tables, read_jpeg_header, zigzag

from .drawn_media import encode_picture, picture


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 90, 99, 100])
def test_quality_of_the_standard_tables_is_exact(quality):
    header = read_jpeg_header(encode_picture(picture(), quality=quality))
    found = estimate_jpeg_quality([header.tables[0], header.tables[1]])
    assert (found.quality, found.exact) == (quality, True)


def test_other_tables_are_near_and_not_exact():
    tables = ijg_tables(80).reshape(2, 8, 8)
    tables[0, 3, 3] += 2
    found = estimate_jpeg_quality(list(tables))
    assert found.quality == 80 and not found.exact and found.error > 0
    with pytest.raises(MediaError):
        estimate_jpeg_quality([])


def test_the_zigzag_starts_and_ends_as_in_the_standard():
    assert zigzag()[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert zigzag()[-3:].tolist() == [55, 62, 63] and sorted(zigzag()) == list(range(64))


@pytest.mark.parametrize(
    ("options", "process", "subsampling"),
    [
        ({"subsampling": 0}, "baseline", "4:4:4"),
        ({"subsampling": 1}, "baseline", "4:2:2"),
        ({"subsampling": 2, "progressive": True}, "progressive", "4:2:0"),
    ],
)
def test_process_and_subsampling(options, process, subsampling):
    header = read_jpeg_header(encode_picture(picture(), **options))
    assert (header.process, header.subsampling) == (process, subsampling)
    assert header.size_wh == (96, 64) and "JFIF" in header.application


def test_a_damaged_header_ends_the_parse():
    content = encode_picture(picture())
    for end in range(0, 700, 7):
        read_jpeg_header(content[:end])
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.integers(2, 700, 5):
            damaged[place] = int(rng.integers(256))
        read_jpeg_header(bytes(damaged))
    assert read_jpeg_header(b"no picture") is None


def hint(content: bytes) -> str:
    return str(open_clip(content).facts["double_compression_hint"])


def test_a_second_finer_compression_leaves_a_trace(portrait):
    image = portrait[::2, ::2]  # halved: whatever it went through before is gone
    once = encode_picture(image, quality=90)
    again = encode_picture(
        np.asarray(Image.open(io.BytesIO(encode_picture(image, quality=65)))), quality=90
    )
    assert "no trace" in hint(once)
    assert "likely compressed before" in hint(again)


def test_a_flat_picture_cannot_tell():
    assert "cannot tell" in hint(encode_picture(np.full((64, 64, 3), 90, np.uint8)))
