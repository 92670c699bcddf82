from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.media import Limits, Sampling, clip_from_frames, open_clip, sample, scene_cuts

from .drawn_media import encode_sound, encode_video, numbered, picture


def scenes() -> list[np.ndarray]:
    """40 dark frames, 10 bright ones, 30 in between."""
    levels = [10] * 40 + [230] * 10 + [110] * 30
    return [
        np.clip(picture(0).astype(int) // 6 + level, 0, 255).astype(np.uint8) for level in levels
    ]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling("all"), list(range(10))),
        (Sampling("every", 4), [0, 4, 8]),
        (Sampling("evenly", 2), [2, 7]),
        (Sampling("evenly", 1), [5]),
        (Sampling("evenly", 99), list(range(10))),
        (Sampling("scenes", 99), list(range(10))),
    ],
)
def test_indices(sampling, expected):
    found = sample(clip_from_frames(numbered(10)), sampling)
    assert found.tolist() == expected and found.dtype == np.int64


@pytest.mark.parametrize("total", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("n", [1, 3, 32, 64])
@pytest.mark.parametrize("kind", ["evenly", "scenes"])
def test_as_many_as_asked_for_ascending_each_once(total, n, kind):
    clip = clip_from_frames([np.zeros((4, 4, 3), np.uint8)] * total)
    found = sample(clip, Sampling(kind, n))
    assert len(found) == min(n, total)
    assert (np.diff(found) > 0).all() and found[0] >= 0 and found[-1] < total


def test_cuts_are_found_and_every_scene_is_sampled():
    clip = open_clip(encode_video(scenes(), rate=25))
    cuts = scene_cuts(clip)
    assert len(cuts) == 2
    np.testing.assert_allclose(cuts, [40, 50], atol=4)
    found = sample(clip, Sampling("scenes", 5))
    edges = [0, *cuts, 80]
    assert len(found) == 5 and (np.histogram(found, edges)[0] >= 1).all()


def test_cuts_are_looked_for_once():
    clip = open_clip(encode_video(scenes()), Limits(cache_bytes=0, spill_bytes=0))
    scene_cuts(clip)
    decoded = clip.frames.decoded_frames
    scene_cuts(clip)
    sample(clip, Sampling("scenes", 5))
    assert clip.frames.decoded_frames == decoded


def test_a_steady_clip_has_no_cut():
    assert scene_cuts(clip_from_frames([picture(0)] * 50)) == ()


def test_sound_has_no_frames_to_sample():
    clip = open_clip(encode_sound(np.ones(8000) * 0.1))
    for kind in ("all", "every", "evenly", "scenes", "stretches"):
        assert sample(clip, Sampling(kind, 4)).tolist() == []


def test_policies_are_checked():
    with pytest.raises(UsageError, match="sampling"):
        Sampling("some")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="stretches"):
        Sampling("stretches", 9, stretch_s=0.0)
    with pytest.raises(UsageError, match="at least 1"):
        Sampling("every", 0)


def test_stretches_keep_neighbours_together() -> None:
    short = clip_from_frames(numbered(10))
    assert sample(short, Sampling("stretches", 24)).tolist() == list(range(10))
    found = sample(long_clip(1000, 25.0), Sampling("stretches", 240))
    runs = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
    assert [len(run) for run in runs] == [48] * 5
    middles = [float(run.mean()) for run in runs]
    np.testing.assert_allclose(middles, [100, 300, 500, 700, 900], atol=1)


@pytest.mark.parametrize(
    ("fps", "rate"), [(10, 10), (24, 24), (25, 25), (30, 30), (50, 25), (60, 30), (120, 24)]
)
def test_fast_clips_are_thinned_to_the_usual_rates(fps: float, rate: float) -> None:
    for total in (200, 5000):
        found = sample(long_clip(total, fps), Sampling("stretches", 240))
        steps = np.diff(found)
        assert fps / steps.min() == pytest.approx(rate)
        assert (steps == steps.min()).mean() > 0.9 and len(found) <= 240
        assert found[0] >= 0 and found[-1] < total


def test_fewer_frames_than_a_stretch_are_one_stretch() -> None:
    found = sample(long_clip(500, 25.0), Sampling("stretches", 20))
    assert len(found) == 20 and (np.diff(found) == 1).all() and found[0] == 240
    short = sample(long_clip(500, 25.0), Sampling("stretches", 96, stretch_s=1.28))
    assert (np.diff(short) > 1).sum() == 2 and len(short) == 96


def long_clip(total: int, fps: float):
    return clip_from_frames([np.zeros((4, 4, 3), np.uint8)] * total, fps=fps)


def test_pictures_picked_out_of_a_fast_clip_are_not_thinned_again() -> None:
    images = [np.zeros((4, 4, 3), np.uint8)] * 12
    picked = clip_from_frames(images, fps=60.0, times_s=np.arange(12) * 0.5)
    assert sample(picked, Sampling("stretches", 240)).tolist() == list(range(12))
