from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness import testing
from likeness.data.known_faces import KnownFace, known_faces, main_face, renumbered, take_rows
from likeness.data.manifest import Item
from likeness.data.pairs import degrade_pair, make_pair, roughen_pair
from likeness.errors import DataError


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KnownFace]:
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(testing.portrait()).save(folder / "one.png")
    item = Item("one.png", "face", 0, "drawn", "ada", "public domain", "0123456789abcdef", "test")
    _, (track,) = testing.portrait_clip()
    return folder, KnownFace(item, track)


def test_a_pair_is_fixed_by_the_item_and_the_seed(known: tuple[Path, KnownFace]) -> None:
    folder, face = known
    first, again, other = (make_pair(folder, face, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.fake[0], again.fake[0]) and first.recipe == again.recipe
    assert not np.array_equal(first.fake[0], other.fake[0])


def test_the_two_members_differ_only_on_the_face(known: tuple[Path, KnownFace]) -> None:
    folder, face = known
    pair = make_pair(folder, face, 3)
    changed = np.abs(pair.fake[0].astype(int) - pair.real[0].astype(int)).max(axis=2) > 0
    x0, y0, x1, y1 = pair.track.boxes_px[0]
    ys, xs = np.nonzero(changed)
    margin = 0.5 * (x1 - x0)
    assert len(xs)
    assert (
        xs.min() > x0 - margin
        and xs.max() < x1 + margin
        and ys.min() > y0 - margin
        and ys.max() < y1 + margin
    )


def test_both_members_are_degraded_alike(known: tuple[Path, KnownFace]) -> None:
    folder, face = known
    pair = make_pair(folder, face, 3)
    same = replace(pair, fake=pair.real)
    for rough in (degrade_pair(same, "noise_5", 1), roughen_pair(same, np.random.default_rng(5))):
        assert np.array_equal(rough.real[0], rough.fake[0])
    assert not np.array_equal(degrade_pair(pair, "noise_5", 1).real[0], pair.real[0])


def test_donors_come_only_from_sources_whose_terms_cover_synthesis(
    known: tuple[Path, KnownFace],
) -> None:
    folder, face = known
    with pytest.raises(DataError, match="do not cover synthesis"):
        make_pair(folder, face, 3, donor=face)


def test_found_faces_come_back_equal_from_the_store(
    known: tuple[Path, KnownFace], tmp_path: Path
) -> None:
    folder, face = known
    (first,) = known_faces(folder, [face.item], tmp_path)
    (stored,) = known_faces(folder, [face.item], tmp_path)
    assert first.track == stored.track
    assert first.item == face.item


def test_rows_of_a_track_can_be_taken_and_renumbered() -> None:
    _, (track,) = testing.portrait_clip(frames=4)
    part = renumbered(take_rows(track, np.array([1, 3])))
    assert part.frame_indices.tolist() == [0, 1]
    assert np.array_equal(part.landmarks_px[1], track.landmarks_px[3])
    assert main_face([part, track]) is track
    assert main_face([]) is None
