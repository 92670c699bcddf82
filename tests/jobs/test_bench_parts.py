"""Figures of parts of a benchmark, on drawn scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from likeness.data.manifest import Item
from likeness.jobs import bench_rows
from likeness.jobs.bench_matrix import (
    HERE,
    Cell,
    clip_cells,
    left_out_lines,
    matrix_lines,
    still_cells,
)
from likeness.jobs.bench_parts import alarm_lines, area_lines, bin_lines, control_lines
from likeness.jobs.bench_rows import BenchRow, Judge, auc_line, frames_of, set_rows
from likeness.jobs.calibrate_fit import own_calibration
from likeness.jobs.judge import shipped_calibration
from likeness.jobs.measuring import Parts, Scored


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_rows, "RESAMPLES", 40)
    monkeypatch.setattr(bench_rows, "RESAMPLES_LADDER", 10)


JUDGE = Judge({"a": ("x:y", {}), "b": ("x:z", {})}, shipped_calibration())
LABELS = ["a", "b"]


def rows(
    count: int = 40, gain: float = 2.0, prefix: str = "p", clip: bool = False, **more: object
) -> list[Scored]:
    """`count` people, each real and fake; detector a tells them apart by `gain`, b says nothing."""
    return list(_rows(count, gain, prefix, clip, **more))


def _rows(count: int, gain: float, prefix: str, clip: bool, **more: object) -> Iterator[Scored]:
    rng = np.random.default_rng(0)
    for person in range(count):
        for label in (0, 1):
            scores = {"a": float(rng.normal(gain * label)), "b": float(rng.normal())}
            covariates = {
                "abs_yaw": 40.0 if person % 2 else 5.0,
                "log_eye_distance": float(np.log(40.0)),
                "skin_ita_deg": 48.0 if person % 4 else -40.0,
            }
            parts = {n: Parts(v, (v, v + 1.0)) for n, v in scores.items()} if clip else {}
            kind = str(more.get("kind", "pseudo_fake")) if label else "real"
            yield Scored(
                label,
                f"{prefix}{person}",
                str(more.get("step", "clean")),
                f"{prefix}/{30 + person % 3 * 20}_{person % 2}_0_{person}.jpg",
                scores,
                covariates,
                (),
                kind,
                clip,
                parts,
            )


def items(found: list[Scored], source: str = "utkface") -> dict[str, Item]:
    return {s.path: Item(s.path, "face", 0, source, s.group, "", "ab" * 8, "test") for s in found}


def test_bins_separate_turned_faces() -> None:
    scored = [
        s if s.covariates["abs_yaw"] < 15 else _like(s, a=0.0 if s.label else 1.0)
        for s in rows(gain=5.0)
    ]
    lines = {(x.keys["bin"], x.keys["detector"]): x for x in bin_lines("set", scored, LABELS)}
    assert lines["frontal, below 15°", "a"].value == pytest.approx(1.0, abs=0.02)
    assert lines["30° and more", "a"].value == 0.0
    assert ("15-30°", "a") not in lines  # nobody is there
    turned = lines["turned, 15° and more", "a"]
    assert turned.value == 0.0 and turned.n_real == 20 and turned.high is not None
    assert lines["32-48 px", "a"].n_real == 40 and ("below 32 px", "a") not in lines


def _like(scored: Scored, **scores: float | None) -> Scored:
    return Scored(**{**vars(scored), "scores": {**scored.scores, **scores}})


def test_false_alarms_are_counted_by_group_at_one_threshold() -> None:
    scored = []
    for s in rows():
        old = "_0_0_" in s.path  # men
        scored.append(_like(s, a=9.0 if old and not s.label else 0.0 + s.label))
    lines = list(alarm_lines("set", scored, items(scored), JUDGE))
    of_a = {(x.keys["by"], x.keys["group"]): x for x in lines if x.keys["detector"] == "a"}
    assert of_a["sex", "female"].value == 0.0 and of_a["sex", "female"].facts["people"] == 20
    assert of_a["sex", "male"].n_real == 20
    everybody = of_a["everybody", "all"]
    assert everybody.facts["people"] == 40 and everybody.facts["alarms"] <= 4
    assert (
        of_a["age", "30-44"].n_real
        + of_a["age", "45-59"].n_real
        + of_a["age", "60 and more"].n_real
        == 40
    )
    assert of_a["skin tone", "6 dark"].n_real == 10 and of_a["skin tone", "2 light"].n_real == 30
    assert all(0.0 <= x.low <= x.value <= x.high <= 1.0 for x in lines)  # type: ignore[operator]


def test_other_data_have_no_labels_of_people() -> None:
    scored = rows()
    found = {x.keys["by"] for x in alarm_lines("set", scored, items(scored, "elsewhere"), JUDGE)}
    assert found == {"everybody", "skin tone"}


def test_the_control_sees_a_detector_of_sources() -> None:
    first = [s for s in rows(prefix="p") if not s.label]
    second = [_like(s, a=s.scores["a"] + 9.0) for s in rows(prefix="q") if not s.label]
    known = {**items(first, "one"), **items(second, "two")}
    lines = {
        (x.keys["source_a"], x.keys["detector"]): x
        for x in control_lines([*first, *second], known, LABELS)
    }
    assert lines["one", "a"].value == 1.0 and lines["one", "a"].facts["contains_half"] is False
    assert lines["one", "b"].facts["contains_half"] is True
    assert lines["one, one half", "a"].facts["contains_half"] is True
    assert lines["one", "a"].n_real == lines["one", "a"].n_fake == 40


def test_two_few_people_give_no_interval_and_too_few_items_no_figure() -> None:
    line = auc_line({}, rows(9), "a")
    assert line is not None and line.low is None and line.high is None and line.n_real == 9
    assert auc_line({}, rows(7), "a") is None
    assert auc_line({}, [_like(s, a=None) for s in rows()], "a") is None


def test_clips_have_rows_of_faces_and_of_frames() -> None:
    scored = rows(12, clip=True)
    found = list(set_rows("set", scored, JUDGE, (None, None, None)))
    assert [(r.detector, r.level) for r in found] == [
        ("a", "track"), ("a", "image"), ("b", "track"), ("b", "image"),
    ]  # fmt: skip
    image = found[1].score_metrics
    assert image is not None and image.n_real == 24 and image.n_real_groups == 12
    assert len(frames_of(scored, "a")) == 48
    assert found[0].llr_metrics is None  # somebody else's function


def _row(step: str, value: float, level: str = "image") -> BenchRow:
    (row,) = [
        r for r in set_rows("set", rows(12, 8.0 * value, step=step), JUDGE, (None,) * 3)
        if r.detector == "a"
    ]  # fmt: skip
    return row


def test_what_is_left_along_the_ladder() -> None:
    clean, jpeg = _row("clean", 1.0), _row("jpeg_30", 0.0)
    (line,) = area_lines([clean, jpeg])
    assert clean.score_metrics and jpeg.score_metrics
    values = [r.score_metrics.values["auc"] or 0.0 for r in (clean, jpeg)]  # type: ignore[union-attr]
    assert line.facts["share_left"] == pytest.approx(
        (values[1] - 0.5) / (values[0] - 0.5), abs=1e-3
    )
    assert line.facts["area_jpeg"] == pytest.approx(sum(values) / 2, abs=1e-3)
    assert list(area_lines([clean])) == []  # no ladder was measured
    wide = replace(clean.score_metrics.intervals["auc"], low=0.49)
    by_chance = replace(clean, score_metrics=replace(clean.score_metrics, intervals={"auc": wide}))
    (line,) = area_lines([by_chance, jpeg])
    assert line.facts["share_left"] is None  # nothing that could be kept


def test_all_sets_together_are_those_that_can_be_trusted() -> None:
    good, other = (
        [_row("clean", 1.0), _row("jpeg_30", 0.3)],
        [_row("clean", 0.5), _row("jpeg_30", 0.1)],
    )
    leaky = [replace(r, test_set="leaky", audit_passes=False) for r in good]
    lines = {
        x.keys["test_set"]: x
        for x in area_lines([*good, *(replace(r, test_set="other") for r in other), *leaky])
    }
    assert set(lines) == {"set", "other", "leaky", "all sets"}
    both = lines["all sets"]
    assert both.facts["sets"] == 2 and both.n_real == 24
    clean = [lines[n].facts["clean_auc"] for n in ("set", "other")]
    worse = [lines[n].value for n in ("set", "other")]
    assert both.facts["clean_auc"] == pytest.approx(np.mean(clean), abs=1e-3)
    share = (np.mean(worse) - 0.5) / (np.mean(clean) - 0.5)  # type: ignore[arg-type]
    assert both.facts["share_left"] == pytest.approx(share, abs=1e-3)


def test_a_network_without_calibration_is_asked_for_its_own_probability() -> None:
    judge = Judge({"a": ("mesonet", {"weights": "x.h5"}), "b": ("x:z", {})}, shipped_calibration())
    found = {
        (r.detector, r.level): r
        for r in set_rows("set", rows(12, 8.0, clip=True), judge, (None,) * 3)
    }
    frames, track = found["a", "image"], found["a", "track"]
    assert frames.of_frames and frames.confident is not None and track.confident is not None
    scores = rows(12, 8.0, clip=True)
    sure = [s for s in scores if abs(s.scores["a"] or 0.0) >= np.log(4.0)]
    right = [s for s in sure if ((s.scores["a"] or 0.0) > 0) == bool(s.label)]
    assert track.confident_items == len(sure) < 24
    assert track.confident.values["confident_accuracy"] == pytest.approx(len(right) / len(sure))
    assert track.flat()["confident_items"] == len(sure)
    assert (
        found["b", "track"].confident is None
        and found["b", "track"].flat()["confident_items"] is None
    )


def test_a_detector_outside_the_fusion_has_the_calibration_that_it_ships() -> None:
    shipped = shipped_calibration()
    others = {k: v for k, v in shipped.detectors.items() if k != "cnn_generated"}
    labels = {
        "own": ("cnn_generated", {}),
        "brought": ("cnn_generated", {"x": 1}),
        "a": ("x:y", {}),
    }
    judge = Judge(labels, replace(shipped, detectors=others))
    known = own_calibration("cnn_generated")
    llrs = judge.llrs("own", [-1.0, 2.0])
    assert known is not None and llrs is not None
    assert llrs.tolist() == known[1].llr([-1.0, 2.0]).tolist()
    assert judge.llrs("brought", [-1.0, 2.0]) is None  # other weights, other scores
    assert judge.llrs("a", [0.0]) is None


def test_generators_are_told_from_the_reals_of_their_own_sources() -> None:
    swaps = rows(10, 4.0, "mead", clip=True, kind="landmark_swap")
    others = [s for s in rows(20, 0.0, "other", clip=True) if not s.label]
    known = {**items(swaps, "mead"), **items(others, "portraits")}
    (cell,) = clip_cells([*swaps, *others], known)
    assert cell.generator == "landmark_swap (clips)" and len(cell.scored) == 20
    lines = {(x.keys["detector"], x.keys["level"]): x for x in matrix_lines([cell], LABELS)}
    assert set(lines) == {(d, v) for d in LABELS for v in ("video", "track", "image")}
    assert lines["a", "video"].n_real == 10 and lines["a", "image"].n_real == 20


def test_a_changed_background_is_the_partner_of_its_fake() -> None:
    scored = rows(10, clip=True, kind="unsteady")
    halves = [Scored(**{**vars(s), "kind": "unsteady_real"}) for s in scored if not s.label][:4]
    (cell,) = clip_cells([*scored, *halves], items(scored, "mead"))
    reals = [s for s in cell.scored if not s.label]
    assert len(reals) == 10 and sum(s.kind == "unsteady_real" for s in reals) == 4


def test_a_generator_is_left_out_of_the_fit() -> None:
    """Two generators that only a shows, one that only b shows: without it the fusion does not listen to b."""
    cells = still_cells({"x": rows(40, 3.0, "x"), "y": rows(40, 3.0, "y")})
    turned = [_like(s, a=s.scores["b"], b=s.scores["a"]) for s in rows(40, 3.0, "z")]
    cells.append(Cell("z", "clean", tuple(turned)))
    lines = {(x.keys["generator"], x.keys["fitted_on"]): x for x in left_out_lines(cells, LABELS)}
    assert set(lines) == {(g, f) for g in "xyz" for f in ("all generators", "all others")}
    assert lines["z", "all generators"].value > lines["z", "all others"].value + 0.1  # type: ignore[operator]
    assert lines["x", "all others"].value > 0.9  # type: ignore[operator]
    assert {x.keys["detector"] for x in lines.values()} == {HERE}
    assert list(left_out_lines(cells, ["a"])) == []  # nothing to fuse
    assert list(left_out_lines(cells[:1], LABELS)) == []
