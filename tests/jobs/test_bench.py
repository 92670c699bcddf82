"""The benchmark on a small folder of drawn people: the portrait in many variations."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from images_in_outputs import kind_of
from PIL import Image

from likeness import media, testing
from likeness.apps.benching import write_results
from likeness.data.manifest import read_items
from likeness.errors import DataError, UsageError
from likeness.jobs import bench_rows, scored_items
from likeness.jobs.bench import bench
from likeness.jobs.bench_results import BenchOptions, BenchResults
from likeness.jobs.testsets import test_sets as sets_of

PEOPLE = 12
BRIGHTNESS = "def score(image):\n    return float(image.mean())\n"


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    """Intervals are tested elsewhere; here they only have to be there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_rows, "RESAMPLES", 40)
        patch.setattr(bench_rows, "RESAMPLES_LADDER", 10)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose people are the portrait, stretched and tinted."""
    import cv2

    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for person in range(PEOPLE):
        size = (int(rng.integers(230, 290)), int(rng.integers(230, 290)))
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
    (root / "brightness.py").write_text(BRIGHTNESS)
    return root


@pytest.fixture(scope="module")
def options(folder: Path) -> BenchOptions:
    bright = f"{folder / 'brightness.py'}:score"
    return BenchOptions(
        {"residual_statistics": ("residual_statistics", {}), "bright": (bright, {})},
        cache=folder / "faces",
        store=folder / "scores",
        processes=1,
        gallery=2,
    )


@pytest.fixture(scope="module")
def results(folder: Path, options: BenchOptions) -> BenchResults:
    return bench(folder, options)


def test_rows_carry_figures_intervals_and_the_audit(results: BenchResults) -> None:
    row, bright = results.rows
    assert (row.test_set, row.step, row.level, row.coverage) == (
        "drawn pseudo-fakes",
        "clean",
        "image",
        1.0,
    )
    assert row.score_metrics is not None and row.llr_metrics is not None
    assert row.score_metrics.n_real == row.score_metrics.n_fake == PEOPLE
    assert 0.0 <= (row.score_metrics.values["auc"] or -1) <= 1.0
    assert "auc" in row.score_metrics.intervals
    assert row.score_metrics.values["tpr_at_fpr_1pct"] is None  # 12 people cannot show 1 %
    assert row.audit_auc is not None
    # somebody else's function has scores and no likelihood ratios
    assert bright.detector == "bright" and bright.llr_metrics is None
    assert bright.score_metrics is not None and bright.score_metrics.values["auc"] is not None


def test_nothing_is_measured_twice(
    folder: Path, options: BenchOptions, results: BenchResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored_items, "ProcessPoolExecutor", None)  # whoever asks again breaks
    again = bench(folder, options)
    assert [r.flat() for r in again.rows] == [r.flat() for r in results.rows]
    assert again.mistakes == results.mistakes


def test_a_changed_function_is_measured_again(
    folder: Path, options: BenchOptions, results: BenchResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored_items, "ProcessPoolExecutor", None)
    (folder / "brightness.py").write_text(BRIGHTNESS.replace("image", "frame"))
    try:
        with pytest.raises(TypeError):
            bench(folder, options)
    finally:
        (folder / "brightness.py").write_text(BRIGHTNESS)


def test_the_page_shows_the_figures_and_no_generated_pixel(
    folder: Path, results: BenchResults, tmp_path: Path
) -> None:
    written = write_results(tmp_path / "out", results, folder)
    assert {p.name for p in written} >= {"bench.html", "bench_rows.csv", "bench_mistakes.csv"}
    stored = list(csv.DictReader((tmp_path / "out" / "bench_rows.csv").open()))
    auc = results.rows[0].score_metrics.values["auc"]  # type: ignore[union-attr]
    assert stored[0]["commit"] and float(stored[0]["auc"]) == pytest.approx(auc, abs=1e-4)
    page = (tmp_path / "out" / "bench.html").read_text()
    assert f"{auc:.3f}" in page and "<script" not in page and "http:" not in page
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == sum(bool(m.jpeg) for m in results.mistakes) >= 2
    assert any(m.sort == "missed pseudo-fake" for m in results.mistakes)
    for mistake in results.mistakes[:4]:
        (frame,) = media.open_clip(folder / mistake.path).frames
        assert kind_of(mistake.jpeg, [frame], "") == "original" or _shrunk(
            mistake.jpeg, frame.image
        )
    assert {base64.b64decode(p) for p in pictures} == {m.jpeg for m in results.mistakes if m.jpeg}


def _shrunk(jpeg: bytes, image: np.ndarray) -> bool:
    """Whether a small picture is some box of a larger one: colours of the untouched portrait, not of its blend."""
    import cv2

    small = next(iter(media.open_clip(jpeg, name="cut").frames)).image
    best = 255.0
    for side in range(80, 240, 4):
        scaled = cv2.resize(image, None, fx=160 / side, fy=160 / side, interpolation=cv2.INTER_AREA)
        if min(scaled.shape[:2]) >= max(small.shape[:2]):
            best = min(best, float(cv2.matchTemplate(scaled, small, cv2.TM_SQDIFF).min()))
    return best / small.size < 60.0


def test_one_csv_is_written_where_a_csv_is_asked_for(
    folder: Path, results: BenchResults, tmp_path: Path
) -> None:
    assert write_results(tmp_path / "rows.csv", results, folder) == [tmp_path / "rows.csv"]


def test_the_ladder_has_areas(folder: Path, options: BenchOptions) -> None:
    bright = {"bright": options.detectors["bright"]}
    quick = BenchOptions(
        bright, ladder=True, limit=8, cache=options.cache, store=options.store, processes=1
    )
    found = bench(folder, quick)
    assert len(found.rows) == 22 and len({r.step for r in found.rows}) == 22
    (area,) = found.areas
    assert area.facts["area_all"] == pytest.approx(area.value, abs=0.2)
    noise = next(r for r in found.rows if r.step == "noise_10").score_metrics
    assert noise is not None and noise.n_real == 8


def test_sets_pair_every_fake_source_with_its_format_matched_reals(data_dir: Path) -> None:
    sets = {s.name: s for s in sets_of(read_items(data_dir))}
    gan = sets["ffhq256 / stylegan1_256"]
    assert {i.source for i in gan.reals} == {"ffhq256"} and all(i.label == 1 for i in gan.fakes)
    for test_set in sets.values():
        assert all(i.role == "test" for i in (*test_set.reals, *test_set.fakes))


def test_a_folder_without_test_files_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="role 'select'"):
        bench(folder, BenchOptions({"spectrum": ("spectrum", {})}, role="select"))


def test_nothing_to_measure_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="no detector"):
        bench(folder, BenchOptions({}))


def test_a_function_that_is_not_there_is_said(folder: Path) -> None:
    with pytest.raises(UsageError, match="no function 'gone'"):
        bench(folder, BenchOptions({"x": (f"{folder / 'brightness.py'}:gone", {})}, store=None))
