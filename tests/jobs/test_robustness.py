"""The same file under change: measured alike, told apart by the step alone, and stored."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from likeness import media, testing
from likeness.errors import ConfigError, DataError
from likeness.jobs.demo import portrait_path
from likeness.jobs.detect import DetectOptions
from likeness.jobs.robustness import Rescored, Robustness, RobustnessOptions, robustness

FEW = DetectOptions(detectors=("residual_statistics", "blur_mismatch"))


@pytest.fixture(scope="module")
def result() -> Robustness:
    return robustness(portrait_path(), RobustnessOptions(FEW, ("blur",)))


def test_every_step_of_a_family_is_measured_from_mild_to_hard(result: Robustness) -> None:
    assert [s.step for s in result.steps] == ["blur_0.5", "blur_1", "blur_2", "blur_3"]
    assert result.clean is not None and result.clean.step == "clean"
    assert (result.frames, result.of_frames, len(result.sha256)) == (1, 1, 64)
    assert all(s.faces == 1 for s in (result.clean, *result.steps))


def test_a_hard_blur_moves_the_ratio_and_a_soft_one_little(result: Robustness) -> None:
    assert result.clean is not None and result.clean.llr is not None
    ratios = {s.step: s.llr for s in result.steps}
    soft = ratios["blur_0.5"]
    assert soft is not None and soft != result.clean.llr
    hard = ratios["blur_3"]
    assert hard is None or abs(hard - result.clean.llr) > abs(soft - result.clean.llr)


def test_it_comes_back_from_json(result: Robustness) -> None:
    assert Robustness.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False))) == result
    with pytest.raises(DataError, match="format"):
        Robustness.from_dict({**result.to_dict(), "format": "other/1"})
    with pytest.raises(DataError, match="damaged"):
        Robustness.from_dict({**result.to_dict(), "steps": [{"step": "x"}]})


def test_a_flip_is_the_mildest_step_with_another_label() -> None:
    def step(severity: int, label: str) -> Rescored:
        return Rescored(f"s{severity}", "jpeg", severity, 0.0, label, None, 1)  # type: ignore[arg-type]

    clean = step(0, "inconclusive")
    steps = (
        step(5, "manipulation_likely"),
        step(2, "manipulation_likely"),
        step(1, "inconclusive"),
    )
    result = Robustness("x", "", 1, 1, clean, steps)
    flip = result.flips()["jpeg"]
    assert flip is not None and flip.severity == 2
    assert Robustness("x", "", 1, 1, clean, steps[2:]).flips() == {"jpeg": None}


def test_frames_of_a_clip_are_bounded_and_keep_their_times() -> None:
    clip, _ = testing.portrait_clip(12)
    told: list[tuple[int, int | None]] = []
    options = RobustnessOptions(
        DetectOptions(detectors=("residual_statistics",)),
        ("resize",),
        decoded_bytes=4 * 512 * 512 * 3,
    )
    result = robustness(clip, options, lambda _w, done, total: told.append((done, total)))
    assert (result.frames, result.of_frames) == (4, 12)
    assert told == [(i, 4) for i in range(4)]
    assert [s.step for s in result.steps] == ["resize_075", "resize_050", "resize_025"]
    assert len(list(clip.frames.at([0]))) == 1  # whoever opened it closes it


def test_sound_alone_has_no_copies(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.zeros(16000, np.int16).tobytes())
    result = robustness(path)
    assert result.clean is None and not result.steps and "sound alone" in result.note
    assert Robustness.from_dict(result.to_dict()) == result and result.flips() == {}


def test_an_unknown_family_is_refused() -> None:
    clip = media.clip_from_frames([np.zeros((64, 64, 3), np.uint8)])
    with pytest.raises(ConfigError, match="unknown family 'rain'"):
        robustness(clip, RobustnessOptions(families=("rain",)))
