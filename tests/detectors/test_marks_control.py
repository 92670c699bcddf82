"""Control on one portrait: the watermark moves what the detectors measure less than noise of the same energy does.

What it does to real media is measured by benchmarks/watermark_score_shift.py.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from likeness import media, testing
from likeness.jobs.detect import DetectOptions, build_detectors, measuring_detectors
from likeness.jobs.judge import judge, shipped_calibration
from likeness.provenance.watermark import Embedder
from likeness.types import ImageArray

LEAST_MOVED = 0.1  # log10 likelihood ratio
PAYLOADS = (1, 2**60 + 7)
GIVE_A_RATIO = (
    "residual_statistics",
    "self_blended",
    "blur_mismatch",
    "boundary",
    "noise_residual",
    "file",
)
MOVED_TOO_FAR = {
    ("blur_mismatch", 1): 0.111,
    ("boundary", 2**60 + 7): 0.104,
    ("self_blended", 2**60 + 7): 0.123,
    ("file", 2**60 + 7): 0.150,
}
"""They read fine detail. Known and measured: the test says so the day that one stays within the goal, or moves further."""
MOVED_MORE_THAN_BY_NOISE = {("self_blended", 2**60 + 7): 1.10}
"""How many times as far: the second version of its weights, by this payload alone. Known and measured too."""
KNOWN = pytest.mark.xfail(reason="known: moved by more than 0.1", strict=True)


class Measured(NamedTuple):
    scores: dict[str, float]
    llrs: dict[str, float]


class Look(NamedTuple):
    plain: Measured
    marked: Measured
    noisy: Measured


@pytest.fixture(scope="module")
def look():
    """A function from a payload to what every detector but `marks` says of the portrait plain, marked and noisy."""
    detectors = build_detectors(DetectOptions(detectors=measuring_detectors()))
    _, tracks = testing.portrait_clip()
    plain = testing.portrait()

    def measure(image: ImageArray) -> Measured:
        clip = media.clip_from_frames([image])
        evidence = [d.analyse(clip, tracks) for d in detectors.values()]
        verdict = judge(clip, tracks, evidence, shipped_calibration())
        llrs = {e.detector: e.llr for e in verdict.evidence if e.llr is not None}
        scores = {e.detector: e.score for e in evidence if e.score is not None}
        return Measured(scores, {**llrs, "file": verdict.llr})

    @cache
    def of(payload: int) -> Look:
        marked = Embedder((512, 512), payload).embed(plain)
        rng = np.random.default_rng(payload)
        deviation = np.std(marked.astype(np.float32) - plain)
        noise = rng.normal(0.0, deviation, plain.shape[:2])[..., None]
        noisy = np.clip(np.rint(plain + noise), 0, 255).astype(np.uint8)
        return Look(measure(plain), measure(marked), measure(noisy))

    return of


def test_the_list_of_detectors_with_a_ratio_is_complete(look):
    plain, marked, _ = look(PAYLOADS[0])
    assert plain.llrs.keys() == marked.llrs.keys() == set(GIVE_A_RATIO)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        pytest.param(name, payload, marks=[KNOWN] if (name, payload) in MOVED_TOO_FAR else [])
        for name in GIVE_A_RATIO
        for payload in PAYLOADS
    ],
)
def test_the_watermark_moves_no_likelihood_ratio_of_the_portrait(look, name, payload):
    plain, marked, _ = look(payload)
    assert abs(marked.llrs[name] - plain.llrs[name]) < LEAST_MOVED


@pytest.mark.parametrize(("name", "payload"), MOVED_TOO_FAR)
def test_what_moves_too_far_moves_no_further_than_was_measured(look, name, payload):
    plain, marked, _ = look(payload)
    moved = abs(marked.llrs[name] - plain.llrs[name])
    assert moved == pytest.approx(MOVED_TOO_FAR[name, payload], abs=0.005)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_watermark_moves_every_score_less_than_noise_of_its_energy_does(look, payload):
    plain, marked, noisy = look(payload)
    for name, score in plain.scores.items():
        if noisy.scores[name] == score:  # a cue that looks at no fine detail
            assert marked.scores[name] == score, name
        else:
            assert marked.scores[name] != score, name  # the control looks at marked pixels
            moved = abs(marked.scores[name] - score) / abs(noisy.scores[name] - score)
            known = MOVED_MORE_THAN_BY_NOISE.get((name, payload))
            assert moved < 1.0 if known is None else moved == pytest.approx(known, abs=0.03), name
