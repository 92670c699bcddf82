from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from likeness import media, registry, testing
from likeness.data.known_faces import take_rows
from likeness.detectors._blink_events import blinks_of
from likeness.detectors.blink import LEAST_EXAMINED_S, blink_logit, readable_runs
from likeness.faces import regions
from likeness.types import Clip, Evidence, FaceTrack

FPS = 25.0
LIDS = (regions.RIGHT_EYE, regions.LEFT_EYE)


@pytest.fixture(scope="module")
def face() -> FaceTrack:
    _, (track,) = testing.portrait_clip()
    return track


def closing(times: np.ndarray, blinks: Sequence[float], length_s: float = 0.2) -> np.ndarray:
    """(T,) 0 = open, 1 = shut: a raised cosine at each time."""
    out = np.zeros(len(times))
    for at in blinks:
        near = np.abs(times - at) < length_s
        out[near] = np.maximum(out[near], 0.5 + 0.5 * np.cos(np.pi * (times[near] - at) / length_s))
    return out


def filmed(face: FaceTrack, times: np.ndarray, shut: np.ndarray, narrow: float = 1.0) -> FaceTrack:
    """The face at these times, with lids as far shut as (T,) or (T, 2) say; it sways a little, as heads do."""
    track = take_rows(face, np.zeros(len(times), np.int64))
    points = track.landmarks_px.astype(np.float64)
    both = shut if shut.ndim == 2 else np.stack([shut, shut], axis=1)
    for k, eye in enumerate(LIDS):
        middle = points[:, list(eye)].mean(axis=1)[:, 1]
        off = points[:, list(eye), 1] - middle[:, None]
        points[:, list(eye), 1] = (
            middle[:, None]
            + off * narrow * (0.95 + 0.05 * np.sin(3 * times) - 0.85 * both[:, k])[:, None]
        )
    rng = np.random.default_rng(0)
    points += 3.0 * np.sin(times)[:, None, None] + rng.normal(0, 0.15, (len(times), 478, 2))
    return replace(
        track,
        landmarks_px=points.astype(np.float32),
        times_s=times,
        frame_indices=np.rint(times * FPS).astype(np.int64),
        pose_deg=np.zeros((len(times), 3), np.float32),
    )


def judged(track: FaceTrack) -> Evidence:
    clip: Clip = media.clip_from_frames([testing.portrait()] * 2)
    return registry.build("detectors", "blink").analyse(clip, [track])


def seconds(count: float, fps: float = FPS) -> np.ndarray:
    return np.arange(int(count * fps)) / fps


@pytest.mark.parametrize("narrow", [1.0, 0.5])
def test_blinks_are_counted_whatever_the_shape_of_the_eyes(face: FaceTrack, narrow: float) -> None:
    times = seconds(12)
    evidence = judged(filmed(face, times, closing(times, (1.0, 4.0, 9.5)), narrow))
    assert evidence.status == "scored"
    assert [round(s.start_s + 0.1, 1) for s in evidence.spans] == [1.0, 4.0, 9.5]
    rate, duration, whole, together = evidence.readings
    assert rate.value == pytest.approx(15.0)
    assert 150.0 < duration.value < 250.0
    assert whole.value == 100.0 or narrow < 1.0
    assert together.value > 60.0
    assert evidence.llr is None


def test_fewer_blinks_score_higher(face: FaceTrack) -> None:
    times = seconds(12)
    scores = [
        judged(filmed(face, times, closing(times, blinks))).score
        for blinks in ((), (3.0,), (3.0, 6.0, 9.0))
    ]
    assert None not in scores
    assert scores[0] > 0.0 > scores[1] > scores[2]


def test_a_squint_and_shut_eyes_are_no_blinks(face: FaceTrack) -> None:
    times = seconds(12)
    squint = 0.25 * closing(times, (3.0,), 0.5)
    shut = ((times > 5) & (times < 7)).astype(float)
    evidence = judged(filmed(face, times, np.maximum(squint, shut)))
    assert evidence.readings[0].value == 0.0
    assert not evidence.spans
    assert "does not blink" in evidence.note


def test_a_wink_is_told_from_a_blink(face: FaceTrack) -> None:
    times = seconds(12)
    shut = np.stack([closing(times, (2.0, 5.0)), 0.1 * closing(times, (2.0, 5.0))], axis=1)
    evidence = judged(filmed(face, times, shut))
    assert len(evidence.readings) == 4
    assert evidence.readings[3].value < 40.0


def test_stretches_with_gaps_add_up_and_nothing_blinks_across_them(face: FaceTrack) -> None:
    times = np.concatenate([seconds(2) + start for start in (0.0, 10.0, 20.0, 30.0, 40.0)])
    ends = closing(times, (2.0, 10.0))  # one is cut off, one is half over when watching begins
    evidence = judged(filmed(face, times, np.maximum(ends, closing(times, (21.0,)))))
    assert [round(s.start_s) for s in evidence.spans] == [21]
    assert evidence.readings[0].value == pytest.approx(6.0, rel=0.02)
    (curve,) = evidence.curves
    assert int(np.isnan(curve.values).sum()) == 4
    assert (np.diff(curve.times_s) > 0).all()


def test_what_cannot_be_counted_is_not_applicable(face: FaceTrack) -> None:
    long, short, slow = seconds(12), seconds(5), seconds(20, 8.0)
    none = lambda times: np.zeros(len(times))  # noqa: E731
    still = filmed(face, long, none(long))
    shaken = face.landmarks_px + np.random.default_rng(1).normal(0, 3, (len(long), 1, 2))
    still = replace(still, landmarks_px=shaken.astype(np.float32))  # a photograph in a hand
    turned = filmed(face, long, none(long))
    turned = replace(turned, pose_deg=np.full((len(long), 3), 50.0, np.float32))
    small = filmed(face, long, none(long))
    tiny = replace(small.quality, eye_distance_px=np.full(len(long), 20.0, np.float32))
    cases = {
        "could be watched for": [
            filmed(face, short, none(short)),
            filmed(face, slow, none(slow)),
            turned,
            replace(small, quality=tiny),
        ],
        "still picture": [still],
        "single picture": [face],
    }
    for words, tracks in cases.items():
        for track in tracks:
            evidence = judged(track)
            assert evidence.status == "not_applicable"
            assert words in evidence.note


def test_a_turned_moment_is_left_out(face: FaceTrack) -> None:
    times = seconds(12)
    track = filmed(face, times, closing(times, (6.0,)))
    pose = track.pose_deg.copy()
    pose[(times > 5) & (times < 7), 0] = 60.0
    away = replace(track, pose_deg=pose)
    assert judged(away).readings[0].value == 0.0
    assert sum(len(run) for run in readable_runs(away)) == pytest.approx(250, abs=2)


def test_the_odds_are_those_of_the_rates_that_they_assume() -> None:
    """Against a numerical integral over people's rates."""
    from scipy.stats import gamma, poisson

    rates = np.linspace(1e-4, 3.0, 40001)
    people = gamma.pdf(rates, 1.5, scale=17.0 / 60.0 / 1.5)
    for count, time in ((0, 8.0), (1, 10.0), (0, 20.0)):
        seen = np.trapezoid(poisson.pmf(count, rates * time) * people, rates)
        expected = np.log(poisson.pmf(count, time / 60.0) / seen)
        assert blink_logit(count, time) == pytest.approx(np.clip(expected, -3, 3), abs=0.02)
    assert blink_logit(0, 8.0) < blink_logit(0, 60.0) <= 3.0
    assert blink_logit(40, 60.0) == -3.0
    assert LEAST_EXAMINED_S <= 8.0


def test_noise_is_not_taken_for_blinks() -> None:
    rng = np.random.default_rng(3)
    times = seconds(20)
    ratio = 0.3 + rng.normal(0.0, 0.03, (len(times), 2))
    assert blinks_of(times, ratio, np.array([0.32, 0.32])) == []
