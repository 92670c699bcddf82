"""Fits of `calibrate` on drawn scores: who earns an llr, what the fusion makes of it, what the tables say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from likeness import registry
from likeness.errors import DataError
from likeness.jobs import calibrate as job
from likeness.jobs import calibrate_fit as fit
from likeness.jobs import calibrate_tables as tables
from likeness.jobs.cross_fitting import cross_fitted
from likeness.jobs.judge import Calibration, shipped_calibration
from likeness.jobs.measuring import Scored

PARTS = {
    "residual_statistics": ("blended", "stills"),
    "restless": ("blended", "clips"),
    "noise": ("blended", "clips"),
}
COVARIATES = {"log_eye_distance": 4.0, "sharpness": 2.0, "jpeg_quality": 80.0, "abs_yaw": 3.0}


@pytest.fixture(autouse=True)
def drawn_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three detectors that exist on paper only."""
    stub = SimpleNamespace(
        part=lambda kind, name: SimpleNamespace(info={"question": PARTS[name][0]}),
        load=lambda kind, name: SimpleNamespace(WEIGHTS={f"{name}-1": "x"}),
    )
    for module in (fit, job):
        monkeypatch.setattr(module, "fitted_on", lambda name: PARTS[name][1])
        monkeypatch.setattr(module, "own_calibration", lambda name: None)
    monkeypatch.setattr(fit, "registry", stub)


def drawn(people: int = 40, clips: bool = True, seed: int = 0) -> list[Scored]:
    """A real and a fake item per person; `restless` tells them apart, `noise` nothing."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for label in (0, 1):
            scores = {
                "residual_statistics": 0.8 * label + rng.normal(),
                "restless": (2.0 * label + rng.normal()) if clips else None,
                "noise": rng.normal() if clips else None,
            }
            covariates = {k: v + 0.1 * rng.normal() for k, v in COVARIATES.items()}
            kind = "unsteady" if label else "real"
            path = f"video/real/drawn/{person}.mp4"
            rows.append(
                Scored(label, f"p{person}", "clean", path, scores, covariates, (), kind, clips)
            )
    return rows


def test_a_cue_that_tells_nothing_is_found_out() -> None:
    rows = fit.auc_rows(list(PARTS), drawn())
    assert {r["detector"] for r in rows} == set(PARTS)
    assert fit.best_auc("restless", rows) > 0.85
    assert fit.best_auc("noise", rows) < fit.LEAST_AUC
    assert fit.best_auc("unknown", rows) == 0.0


def test_a_handful_of_items_counts_for_nothing() -> None:
    assert fit.auc_rows(list(PARTS), drawn(people=7)) == []


def test_stills_and_clips_are_calibrated_on_their_own_material() -> None:
    stills = fit.fit_stills(list(PARTS), drawn(30, clips=False))
    assert set(stills) == {"residual_statistics"}
    clips = fit.fit_clips(list(PARTS), [*drawn(20), *drawn(99, clips=False, seed=5)])
    assert set(clips) == {"restless", "noise"}
    assert clips["restless"][1].n_identities == 20
    assert clips["restless"][0] == "restless-1"
    with pytest.raises(DataError, match="restless"):
        fit.fit_clips(["restless"], drawn(5, clips=False))


def test_the_fusion_leans_on_what_tells_and_survives_what_does_not_apply() -> None:
    stills = fit.fit_stills(["residual_statistics"], drawn(60, clips=False, seed=1))
    mixed = [*drawn(40, seed=2), *drawn(40, clips=False, seed=3)]
    fitted = fit.fit_all(list(PARTS), stills, mixed)
    (question,) = fitted.fusion.questions
    weight = dict(zip(question.detectors, question.weights, strict=True))
    assert weight["restless"] > weight["noise"] >= 0.0
    llrs = fitted.llrs(mixed)
    assert np.isfinite(llrs).all()
    silent = Scored(0, "g", "clean", "p", dict.fromkeys(PARTS), COVARIATES)
    assert np.isnan(fitted.llrs([silent])).all()


def test_the_table_shows_what_a_cue_brings() -> None:
    stills = fit.fit_stills(["residual_statistics"], drawn(60, clips=False, seed=1))
    rows = {r["left_out"]: r for r in tables.leave_one_out(list(PARTS), stills, drawn(40, seed=2))}
    assert set(rows) == {*PARTS, "(nothing)", "every cue: the fusion as it was"}
    assert rows["restless"]["auc"] < rows["(nothing)"]["auc"] - 0.05
    assert abs(rows["noise"]["auc"] - rows["(nothing)"]["auc"]) < 0.05
    assert rows["(nothing)"]["clips_auc"] == rows["(nothing)"]["unsteady_auc"]


def test_real_clips_are_listed_with_and_without_the_cues() -> None:
    stills = fit.fit_stills(["residual_statistics"], drawn(60, clips=False, seed=1))
    clips, pictures = drawn(30, seed=2), drawn(5, clips=False)
    rows = tables.real_clip_rows(list(PARTS), stills, [*clips, *pictures])
    assert len(rows) == 30
    assert [r["llr"] for r in rows] == sorted((r["llr"] for r in rows), reverse=True)
    assert any(r["llr"] != r["llr_without_cues"] for r in rows)


def test_nobody_is_told_by_a_fit_that_saw_them() -> None:
    groups = np.repeat([f"p{i}" for i in range(20)], 2)

    def check(rows: np.ndarray, test: np.ndarray) -> np.ndarray:
        assert not set(groups[rows]) & set(groups[test])
        return np.ones(len(test))

    assert cross_fitted(groups, check).tolist() == [1.0] * 40


def test_clips_are_chosen_evenly_per_person() -> None:
    from likeness.data.manifest import Item

    items = [
        Item(f"v/mead/{who}_{n}.mp4", "video", 0, "mead", who, "t", "ab", "calibrate")
        for who in ("a", "b")
        for n in range(5)
    ]
    chosen = job.fusion_clips(items, 2)
    assert [i.path[-7:-4] for i in chosen] == ["a_0", "a_4", "b_0", "b_4"]
    assert len(job.fusion_clips(items, 9)) == 10 and job.fusion_clips(items, 9, "test") == []


def test_illustrations_survive_the_file() -> None:
    from dataclasses import replace

    calibration = replace(shipped_calibration(), illustrations={"noise": 0.55})
    again = Calibration.from_dict(calibration.to_dict())
    assert again.illustrations == {"noise": 0.55}
    old = {k: v for k, v in calibration.to_dict().items() if k != "illustrations"}
    assert Calibration.from_dict(old).illustrations == {}


def test_a_detector_is_not_asked_about_pictures_that_it_was_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit, "registry", registry)  # what the detectors themselves say
    names = ("self_blended", "residual_statistics")
    places = {"a.png": ("ffhq256", "train"), "b.png": ("ffhq256", "test"), "c.mp4": ("mead", "")}
    items = [SimpleNamespace(path=p, source=s, role=r) for p, (s, r) in places.items()]
    rows = [
        Scored(0, p, "clean", p, dict.fromkeys(names, 1.0), COVARIATES, (), "real") for p in places
    ]
    kept = fit.without_own_training(names, rows, items)
    assert [s.scores["self_blended"] for s in kept] == [None, 1.0, 1.0]
    assert all(s.scores["residual_statistics"] == 1.0 for s in kept)
