"""The benchmark on a small folder of drawn people: the portrait in many variations."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness import testing
from likeness.apps.benching import write_rows
from likeness.data.manifest import read_items
from likeness.errors import DataError
from likeness.jobs.bench import BenchOptions, bench
from likeness.jobs.testsets import test_sets as sets_of

PEOPLE = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose people are the portrait, stretched and tinted."""
    import cv2

    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for person in range(PEOPLE):
        size = (int(rng.integers(440, 560)), int(rng.integers(440, 560)))
        picture = cv2.resize(testing.portrait(), size).astype(np.float32) * rng.uniform(0.7, 1.0, 3)
        path = root / f"{person}.png"
        Image.fromarray(picture.astype(np.uint8)).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        rows.append(
            (path.name, "face", "real", "drawn", f"person{person}", "public domain", digest, "")
        )
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "kind", "label", "source", "group", "licence", "sha256", "note"))
        writer.writerows(rows)
    with (root / "splits.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "role"))
        writer.writerows((row[0], "test") for row in rows)
    return root


def test_rows_carry_figures_intervals_and_the_audit(folder: Path, tmp_path: Path) -> None:
    options = BenchOptions(
        {"residual_statistics": ("residual_statistics", {})}, cache=tmp_path / "faces"
    )
    (row,) = bench(folder, options)
    assert (row.test_set, row.step, row.coverage) == ("drawn pseudo-fakes", "clean", 1.0)
    assert row.score_metrics is not None and row.llr_metrics is not None
    assert row.score_metrics.n_real == row.score_metrics.n_fake == PEOPLE
    assert 0.0 <= (row.score_metrics.values["auc"] or -1) <= 1.0
    assert "auc" in row.score_metrics.intervals
    assert row.score_metrics.values["tpr_at_fpr_1pct"] is None  # 12 people cannot show 1 %
    assert row.audit_auc is not None
    again = bench(folder, options)
    assert again[0].flat() == row.flat()
    write_rows(tmp_path / "rows.csv", [row.flat()])
    (stored,) = csv.DictReader((tmp_path / "rows.csv").open())
    assert stored["commit"] and float(stored["auc"]) == pytest.approx(
        row.score_metrics.values["auc"], abs=1e-4
    )


def test_sets_pair_every_fake_source_with_its_format_matched_reals(data_dir: Path) -> None:
    sets = {s.name: s for s in sets_of(read_items(data_dir))}
    gan = sets["ffhq256 / stylegan1_256"]
    assert {i.source for i in gan.reals} == {"ffhq256"} and all(i.label == 1 for i in gan.fakes)
    for test_set in sets.values():
        assert all(i.role == "test" for i in (*test_set.reals, *test_set.fakes))


def test_a_folder_without_test_files_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="role 'select'"):
        bench(folder, BenchOptions({}, role="select"))
