"""The frozen test set: its ranges are the published ones, and nothing that it depends on has moved."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from likeness.data.frozen_fakes import (
    FROZEN,
    FROZEN_HASH,
    SEED,
    frozen_name,
    frozen_pair,
    frozen_pseudo_fake,
)
from likeness.errors import DataError

KEYS = [hashlib.sha256(bytes([k])).hexdigest() for k in range(24)]
Face = tuple[np.ndarray, np.ndarray]


def test_the_ranges_and_the_engine_are_those_of_the_day_it_was_frozen() -> None:
    assert FROZEN.config_hash() == FROZEN_HASH == "ab58476fe796b04a"
    assert SEED == 20260101 and frozen_name() == "20260101-ab58476fe796b04a"


def test_the_ranges_are_the_published_ones() -> None:
    assert FROZEN.ratios == (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    assert FROZEN.translate == (0.03, 0.015) and FROZEN.scale == 0.95
    assert FROZEN.colour.shift == 20.0 and FROZEN.sharpen_alpha == (0.2, 0.5)


def test_what_is_drawn_has_not_moved(face: Face) -> None:
    """Hash of two dozen drawings: kinds, gaps, ratios and shifts, rounded as the engine writes them."""
    drawn = [frozen_pseudo_fake(*face, key).recipe for key in KEYS]
    assert len({recipe["kind"] for recipe in drawn}) == 3
    text = json.dumps(drawn, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "2bd044f148db4e00"


def test_a_fake_depends_on_the_content_alone(face: Face) -> None:
    first = frozen_pseudo_fake(*face, KEYS[0])
    frozen_pseudo_fake(*face, KEYS[1])
    again, short = (frozen_pseudo_fake(*face, key) for key in (KEYS[0], KEYS[0][:16]))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.image, short.image)
    assert not np.array_equal(first.image, frozen_pseudo_fake(*face, KEYS[1]).image)


@pytest.mark.parametrize("key", ["", "123", "portrait.jpg plain", "-1234567890123"])
def test_a_key_that_is_no_hash_is_refused(face: Face, key: str) -> None:
    with pytest.raises(DataError, match="SHA-256"):
        frozen_pseudo_fake(*face, key)


def test_it_is_what_the_bench_has_always_measured(data_dir: Path) -> None:
    from likeness.data.known_faces import known_faces
    from likeness.data.manifest import read_items, select_items
    from likeness.data.pairs import make_pair
    from likeness.jobs.measuring import TEST_SEED

    items = select_items(read_items(data_dir), source="utkface", role="select")[:2]
    for known in known_faces(data_dir, items, frames=1):
        pair, old = frozen_pair(data_dir, known), make_pair(data_dir, known, TEST_SEED)
        assert np.array_equal(pair.fake[0], old.fake[0]) and pair.recipe == old.recipe
