"""The contract suite on cues over time: what it lets through and what it finds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from likeness import testing
from likeness.errors import ContractError
from likeness.testing import detectors, drawn
from likeness.types import Evidence

NAME = "restless"


class Restless:
    """Scores how much the face changes from frame to frame; needs three frames."""

    def __init__(self, sign: float = 1.0, least: int = 3) -> None:
        self.sign, self.least = sign, least

    def analyse(self, clip, tracks) -> Evidence:
        told = {"detector": NAME, "cue": "c", "question": "blended"}
        if not tracks or len(tracks[0]) < self.least:
            return Evidence(**told, status="not_applicable", note="too few frames")
        crops = []
        for frame, box in zip(clip.frames, tracks[0].boxes_px, strict=True):
            centre = ((box[:2] + box[2:]) / 2).astype(int)
            crops.append(
                frame.image[centre[1] - 20 : centre[1] + 20, centre[0] - 20 : centre[0] + 20]
            )
        means = np.array([c.mean(axis=(0, 1)) for c in crops])
        jumps = np.abs(np.diff(means, n=2, axis=0)) if len(means) > 2 else np.ones(1)
        score = self.sign * float(jumps.mean())
        return Evidence(**told, status="scored", score=score)


@pytest.fixture
def info(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    values: dict[str, object] = {"fitted_on": "clips", "strength_pair": "unsteady"}
    stub = SimpleNamespace(part=lambda kind, name: SimpleNamespace(info=values))
    monkeypatch.setattr(detectors, "registry", stub)
    return values


def test_a_cue_over_time_that_keeps_the_contract_passes(info) -> None:
    testing.check_over_time(NAME, Restless())
    testing.check_strength(NAME, Restless())


def test_an_answer_about_a_picture_is_a_breach(info) -> None:
    with pytest.raises(ContractError, match="too few"):
        testing.check_over_time(NAME, Restless(least=2))
    info["fitted_on"] = "stills"
    testing.check_over_time(NAME, Restless(least=1))  # whoever judges pictures may answer


def test_a_score_that_falls_with_unrest_is_a_breach(info) -> None:
    with pytest.raises(ContractError, match="rises"):
        testing.check_strength(NAME, Restless(sign=-1.0))


def test_the_pair_is_steady_at_zero_and_the_same_every_time() -> None:
    still, loud = drawn.unsteady(0.0), drawn.unsteady(1.0)
    assert len(still) == len(loud) == drawn.CLIP_DRAWS
    first, second = (list(pair[0][0].frames)[5].image for pair in (still, loud))
    assert (first != second).any()
    again = list(drawn.unsteady(1.0)[0][0].frames)[5].image
    np.testing.assert_array_equal(second, again)


def test_an_unknown_pair_or_fit_is_named(info) -> None:
    info["strength_pair"] = "loud"
    with pytest.raises(ContractError, match="unsteady"):
        testing.check_strength(NAME, Restless())
