"""Fusion of a question whose detectors bring calibrations of their own, on what they kept of their own kind."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from likeness import weights
from likeness.errors import WeightsError
from likeness.jobs import calibrate_fit as fit
from likeness.jobs import calibrate_own as own
from likeness.jobs.measuring import Scored
from likeness.scoring import CalibrationSample, PlattCalibration
from likeness.scoring.held_out import HeldOutScore, held_out_from_dict, held_out_to_dict

COVARIATES = {"log_eye_distance": 4.0, "sharpness": 2.0, "jpeg_quality": 80.0, "abs_yaw": 3.0}
INFO = {
    "first": {"question": "synthesised", "max_llr": 0.4},
    "second": {"question": "synthesised", "max_llr": 0.6, "candidate": True},
    "blends": {"question": "blended"},
}


def keep(folder: Path, name: str, gain: float, seed: int, count: int = 80) -> None:
    """Scores of `count` real and as many drawn pictures, and the calibration that follows from them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(2 * count) % 2
    scores = gain * labels + rng.normal(size=2 * count)
    groups = [f"p{i}" for i in range(2 * count)]
    rows = zip(scores.tolist(), labels.tolist(), groups, strict=True)
    kept = [(f"{g}.png", HeldOutScore(*row)) for g, row in zip(groups, rows, strict=True)]
    (folder / name).mkdir(exist_ok=True)
    (folder / name / own.HELD_OUT).write_text(json.dumps(held_out_to_dict(kept)))
    platt = PlattCalibration.fit(CalibrationSample(scores, labels, groups, "drawn"))
    stored = {"calibration": platt.to_dict()}
    (folder / name / "calibration.json").write_text(json.dumps(stored))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two detectors of whole pictures that exist on paper only."""
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    stub = SimpleNamespace(
        part=lambda kind, name: SimpleNamespace(info=INFO[name]),
        load=lambda kind, name: SimpleNamespace(WEIGHTS={f"{name}-1": "x"}),
    )
    monkeypatch.setattr(own, "registry", stub)
    monkeypatch.setattr(fit, "registry", stub)
    monkeypatch.setattr(fit, "fitted_on", lambda name: "stills")
    keep(tmp_path, "first", 1.0, seed=1)
    keep(tmp_path, "second", 1.5, seed=2)
    return tmp_path


def blended(people: int = 40) -> list[Scored]:
    """Blends, of which the two say the opposite of what they say of their own kind."""
    rng = np.random.default_rng(7)
    rows = []
    for person in range(people):
        for label in (0, 1):
            noise = rng.normal(size=3)
            scores = {
                "first": -2.0 * label + noise[0],
                "second": -2.0 * label + noise[1],
                "blends": 2.0 * label + noise[2],
            }
            covariates = {k: v + 0.1 * rng.normal() for k, v in COVARIATES.items()}
            kind = "blend" if label else "real"
            rows.append(
                Scored(label, f"b{person}", "clean", f"{person}.png", scores, covariates, (), kind)
            )
    return rows


def test_it_is_fitted_on_its_own_kind_and_not_on_blends(folder: Path) -> None:
    detectors = {n: fit.own_calibration(n) for n in ("first", "second")}
    fused = fit._fit_question("synthesised", ["first", "second"], detectors, blended())
    assert fused.detectors == ("first", "second")
    assert min(fused.weights) > 0.3  # on the blends both would be 0
    llrs = {"first": [0.1, np.nan, np.nan, 9.0], "second": [0.1, 0.1, np.nan, 9.0]}
    both, one, none, most = fused.llr(llrs)
    assert both > one > 0.0  # whoever is out of its domain says nothing, and takes nothing away
    assert np.isnan(none)
    assert most == pytest.approx(
        0.6
    )  # the larger of their `max_llr`, whatever the calibrations say


def test_other_questions_are_left_as_they_were(folder: Path) -> None:
    stills = fit.fit_stills(["blends"], blended())
    stills |= {n: fit.own_calibration(n) for n in ("first", "second")}
    alone = fit.fit_all(["first", "blends"], stills, blended()).fusion.questions
    more = fit.fit_all(["first", "second", "blends"], stills, blended()).fusion.questions
    told = [{q.question: q.to_dict() for q in fitted} for fitted in (alone, more)]
    assert told[0]["blended"] == told[1]["blended"]
    assert told[0]["synthesised"]["detectors"] == ["first"]
    assert told[0]["synthesised"]["weights"] == [1.0]  # one detector passes through, as before


def test_a_candidate_joins_only_if_it_earns_it(folder: Path) -> None:
    names = ["first", "blends", "second"]
    assert own.settle(names)[0] == names
    keep(folder, "second", 0.0, seed=3)  # says nothing of its own kind
    kept, reached = own.settle(names)
    assert kept == ["first", "blends"] and reached["second"] < own.EARNS
    (folder / "second" / own.HELD_OUT).unlink()
    assert own.settle(names) == (["first", "blends"], {"second": 0.0})
    assert own.settle(["blends", "second"])[0] == ["blends"]  # nobody to join


def test_a_picture_counts_only_where_all_kept_it(folder: Path) -> None:
    file = folder / "second" / own.HELD_OUT
    stored = json.loads(file.read_text())
    stored["items"] = stored["items"][10:]
    stored["items"][0][3] = None
    file.write_text(json.dumps(stored))
    kept = own.own_scores(["first", "second"])
    assert kept is not None and len(kept.labels) == 150
    assert np.isnan(kept.scores["second"][0]) and np.isfinite(kept.scores["first"]).all()
    stored["items"][3][1] = 1 - stored["items"][3][1]
    file.write_text(json.dumps(stored))
    with pytest.raises(WeightsError, match="differ"):
        own.own_scores(["first", "second"])


@pytest.mark.parametrize("broken", [{}, {"format": "other", "items": []}, {"items": 3}])
def test_damaged_scores_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match="damaged"):
        held_out_from_dict(broken)
    with pytest.raises(WeightsError, match="damaged"):
        held_out_from_dict({**held_out_to_dict([]), "items": [["a", "b"]]})
