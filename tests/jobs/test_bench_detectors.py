"""Other people's functions as detectors, and all of ours fused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness import testing
from likeness.errors import ContractError, UsageError
from likeness.jobs.bench_detectors import (
    FUSED,
    ExternalDetector,
    build_measured,
    external_table,
    face_square,
    is_external,
    needs_neighbours,
)
from likeness.jobs.bench_rows import Judge
from likeness.jobs.detect import Examiner
from likeness.jobs.judge import shipped_calibration
from likeness.jobs.measuring import Scored, usable_score
from likeness.scoring import covariates_of

CODE = """
def single(image):
    assert image.dtype.name == "uint8" and image.shape[2] == 3
    return image.shape[0]

def several(frames):
    return len(frames)

def broken(image):
    return "high"

def raising(image):
    raise KeyError("weights")

def endless(image):
    return float("inf")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.py"
    path.write_text(CODE)
    return path


def test_a_function_of_one_picture_is_asked_for_every_frame(file: Path) -> None:
    clip, tracks = testing.portrait_clip()
    evidence = build_measured(f"{file}:single", {}).analyse(clip, tracks)
    height = next(iter(clip.frames)).image.shape[0]
    assert evidence.status == "scored" and evidence.score == height
    (part,) = evidence.tracks
    assert len(part.frame_scores) == len(tracks[0]) and part.track_id == tracks[0].track_id


def test_a_function_of_frames_is_asked_once(file: Path) -> None:
    clip, tracks = testing.portrait_clip()
    assert ExternalDetector(f"{file}:several").analyse(clip, tracks).score == len(tracks[0])


def test_a_face_is_cut_out_where_it_is_asked_for(file: Path) -> None:
    clip, tracks = testing.portrait_clip()
    x0, y0, x1, y1 = tracks[0].boxes_px[0]
    side = 1.3 * max(x1 - x0, y1 - y0)
    found = ExternalDetector(f"{file}:single@face").analyse(clip, tracks)
    assert found.score == pytest.approx(side, abs=2)
    assert ExternalDetector(f"{file}:single@face").analyse(clip, ()).status == "not_applicable"
    assert ExternalDetector(f"{file}:single").analyse(clip, ()).score == 512


def test_a_square_at_the_edge_is_cut_off() -> None:
    image = np.arange(100 * 80 * 3, dtype=np.uint8).reshape(100, 80, 3)
    cut = face_square(image, np.array([0, 0, 40, 60], np.float32))
    assert cut.shape == (69, 59, 3) and np.array_equal(cut, image[:69, :59])
    assert face_square(image, np.array([200, 200, 210, 210], np.float32)) is image


@pytest.mark.parametrize("name", ["broken", "endless"])
def test_what_is_no_number_is_refused(file: Path, name: str) -> None:
    clip, tracks = testing.portrait_clip()
    with pytest.raises(ContractError, match="finite number"):
        ExternalDetector(f"{file}:{name}").analyse(clip, tracks)


def test_a_function_that_breaks_down_is_said(file: Path) -> None:
    clip, tracks = testing.portrait_clip()
    with pytest.raises(ContractError, match="KeyError: 'weights'"):
        ExternalDetector(f"{file}:raising").analyse(clip, tracks)


@pytest.mark.parametrize("text", ["gone.py:f", "no_such_module_x:f", ":f", "theirs.py:", "x:1a"])
def test_functions_that_cannot_be_had_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        ExternalDetector(text)


def test_a_module_that_breaks_while_it_loads_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        ExternalDetector(f"{tmp_path / 'bad.py'}:f")


def test_kept_scores_of_a_function_go_by_its_file(file: Path) -> None:
    before = external_table(f"{file}:single")
    assert before == external_table(f"{file}:single")
    assert before != external_table(f"{file}:several") != external_table(f"{file}:single@face")
    file.write_text(CODE + "\n")
    assert before != external_table(f"{file}:single")


def test_names_are_told_apart() -> None:
    assert is_external("a.b:c") and not is_external("boundary")
    assert needs_neighbours("flicker")
    assert not any(needs_neighbours(n) for n in ("boundary", FUSED, "a:b"))


def test_fused_is_what_detect_says() -> None:
    clip, _ = testing.portrait_clip()
    examined = Examiner().examine(clip)
    verdict = examined.verdict
    assert verdict.llr is not None and len(verdict.tracks) == 1
    scores = {e.detector: usable_score(e) for e in verdict.evidence if e.status == "scored"}
    covariates = covariates_of(verdict.tracks[0], 1)
    calibration = shipped_calibration()
    absent = {n: None for n in calibration.detectors if n not in scores}
    row = Scored(0, "g", "clean", "p", {**scores, **absent}, covariates)
    judge = Judge({"all": (FUSED, {}), "boundary": ("boundary", {})}, calibration)
    (fused,) = judge.with_fused([row])
    assert fused.scores["all"] == pytest.approx(verdict.llr, abs=1e-6)
    assert judge.llrs("all", [0.5]) == pytest.approx([0.5])
    nothing = Scored(0, "g", "clean", "p", dict.fromkeys(row.scores), covariates)
    assert judge.with_fused([nothing])[0].scores["all"] is None


def test_weights_of_ones_own_have_no_llrs() -> None:
    judge = Judge(
        {"own": ("boundary", {"weights": "x"}), "theirs": ("a:b", {}), "ours": ("boundary", {})},
        shipped_calibration(),
    )
    assert judge.llrs("own", [1.0]) is None and judge.llrs("theirs", [1.0]) is None
    assert judge.llrs("ours", [1.0]) is not None
