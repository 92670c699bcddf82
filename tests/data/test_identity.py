from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.data.identity import (
    cluster_embeddings,
    embed_images,
    near_pairs,
    resolve_roles,
    write_role_changes,
)
from likeness.data.manifest import Item, apply_roles
from likeness.errors import DataError, ShapeError


def people(count: int, pictures: int, spread: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 1, 16))
    return (
        (centres + spread * rng.normal(size=(count, pictures, 16)))
        .reshape(-1, 16)
        .astype(np.float32)
    )


def test_blocks_do_not_change_the_pairs() -> None:
    embeddings = people(20, 3, 0.05)
    whole = near_pairs(embeddings, 1.0, block=1000)
    assert len(whole) == 20 * 3
    for block in (1, 7, 60):
        split = near_pairs(embeddings, 1.0, block=block)
        assert {tuple(p) for p in split} == {tuple(p) for p in whole}


def test_pictures_of_one_person_are_one_cluster() -> None:
    clusters = cluster_embeddings(people(30, 4, 0.05), 1.0)
    assert np.array_equal(clusters, np.repeat(np.arange(30), 4))


def test_clusters_chain_and_keep_their_numbers_when_rows_far_away_are_added() -> None:
    line = np.array([[0.0], [0.4], [0.8], [5.0]], np.float32)
    assert cluster_embeddings(line, 0.5).tolist() == [0, 0, 0, 1]
    assert cluster_embeddings(line, 0.3).tolist() == [0, 1, 2, 3]
    assert cluster_embeddings(np.zeros((0, 4), np.float32), 0.3).tolist() == []


def test_a_spanning_person_keeps_the_scarcest_role() -> None:
    clusters = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4], np.int64)
    roles = ["train", "calibrate", "calibrate", "train", "train", "select", "test", "train", ""]
    assert resolve_roles(clusters, roles) == [
        "dropped", "calibrate", "calibrate", "train", "train", "select", "test", "dropped", "",
    ]  # fmt: skip
    with pytest.raises(DataError, match="unknown role 'exam'"):
        resolve_roles(np.array([0], np.int64), ["exam"])


def test_written_changes_are_read_back(tmp_path: Path) -> None:
    items = tuple(Item(f"{n}.jpg", "face", 0, "s", str(n), "CC0", "", "train") for n in range(4))
    clusters = np.array([0, 1, 0, 2], np.int64)
    roles = ["dropped", "train", "test", "train"]
    file = tmp_path / "roles.csv"
    assert write_role_changes(file, [i.path for i in items], clusters, roles) == 2
    changed = apply_roles(items, file)
    assert [i.role for i in changed] == roles
    assert changed[0].group == changed[2].group != changed[1].group
    assert [p.name for p in tmp_path.iterdir()] == ["roles.csv"]


def test_bad_embeddings_are_refused() -> None:
    bad = np.zeros((3, 4), np.float32)
    bad[1, 1] = np.nan
    with pytest.raises(DataError, match="NaN"):
        near_pairs(bad, 0.5)
    with pytest.raises(ShapeError):
        near_pairs(np.zeros((3, 4)), 0.5)


def test_embeddings_come_from_a_callable() -> None:
    images = [np.full((4, 4, 3), n, np.uint8) for n in (1, 5)]
    rows = embed_images(images, lambda image: np.array([image.mean(), 1.0], np.float32))
    assert rows.tolist() == [[1.0, 1.0], [5.0, 1.0]]
