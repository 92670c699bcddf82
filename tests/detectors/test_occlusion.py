from __future__ import annotations

import numpy as np
import pytest
from moving import recording, track_of

from likeness import media
from likeness.data.occluders import pass_in_front
from likeness.detectors.occlusion import Config, Occlusion, build
from likeness.types import Evidence

Recording = tuple[list[np.ndarray], np.ndarray]
SEEDS = (0, 1, 2, 4)


@pytest.fixture(scope="module")
def occlusion() -> Occlusion:
    return build(Config())


@pytest.fixture(scope="module")
def real(portrait: np.ndarray) -> Recording:
    return recording(portrait)


def crossed(occlusion: Occlusion, real: Recording, seed: int, bleed: float) -> Evidence:
    images, _ = pass_in_front(*real, np.random.default_rng(seed), bleed)
    return occlusion.analyse(media.clip_from_frames(images), [track_of(real[1])])


def test_a_face_that_nothing_crosses_is_not_judged(occlusion: Occlusion, real: Recording) -> None:
    images, landmarks = real
    evidence = occlusion.analyse(media.clip_from_frames(images), [track_of(landmarks)])
    assert evidence.status == "not_applicable" and "nothing is seen to cross" in evidence.note
    short = occlusion.analyse(media.clip_from_frames(images[:8]), [track_of(landmarks[:8])])
    assert "too few" in short.note
    picture = occlusion.analyse(media.clip_from_frames(images[:1]), [track_of(landmarks[:1])])
    assert picture.status == "not_applicable"


def test_light_that_changes_all_over_is_no_object(occlusion: Occlusion, real: Recording) -> None:
    images, landmarks = real
    dimmed = [i // 2 if 12 <= t < 28 else i for t, i in enumerate(images)]
    evidence = occlusion.analyse(media.clip_from_frames(dimmed), [track_of(landmarks)])
    assert evidence.status == "not_applicable"


def test_what_crosses_the_face_is_found_when_and_where_it_does(
    occlusion: Occlusion, real: Recording
) -> None:
    images, masks = pass_in_front(*real, np.random.default_rng(0))
    evidence = occlusion.analyse(media.clip_from_frames(images), [track_of(real[1])])
    assert evidence.status == "scored" and evidence.llr is None
    frames = evidence.tracks[0].frame_indices
    assert frames.min() >= 8 and frames.max() <= 32 and {17, 20, 23} <= set(frames.tolist())
    (heatmap,) = evidence.heatmaps
    rows, columns = np.nonzero(heatmap.values)
    first, right, _, below = heatmap.corners_px
    share = (np.stack([columns, rows], axis=1) + 0.5) / 64
    spots = np.rint(first + share[:, :1] * (right - first) + share[:, 1:] * (below - first))
    spots = spots.astype(int)
    hit = masks[heatmap.frame_index][spots[:, 1].clip(0, 299), spots[:, 0].clip(0, 299)]
    assert float((hit > 0.5).mean()) > 0.8
    (curve,) = evidence.curves
    assert curve.values[0] == 0.0 and 0.05 < curve.values[20] <= 1.0


def test_a_face_that_shows_through_scores_higher(occlusion: Occlusion, real: Recording) -> None:
    gaps = []
    for seed in SEEDS:
        whole, bled = (crossed(occlusion, real, seed, bleed) for bleed in (0.0, 0.5))
        assert whole.status == "scored"
        if bled.status == "scored":
            gaps.append(bled.score - whole.score)
    assert len(gaps) >= 2 and np.mean(gaps) > 0.5 and min(gaps) > 0.0


def test_a_head_that_is_turned_away_meanwhile_is_left_out(
    occlusion: Occlusion, real: Recording
) -> None:
    images, _ = pass_in_front(*real, np.random.default_rng(0))
    track = track_of(real[1])
    track.pose_deg[6:19, 0] = 25.0
    track.pose_deg[22:35, 0] = -25.0
    track.pose_deg[19:22, 1] = 25.0
    evidence = occlusion.analyse(media.clip_from_frames(images), [track])
    assert evidence.status == "not_applicable"
