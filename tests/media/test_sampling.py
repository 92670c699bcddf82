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
    for kind in ("all", "every", "evenly", "scenes"):
        assert sample(clip, Sampling(kind, 4)).tolist() == []


def test_policies_are_checked():
    with pytest.raises(UsageError, match="sampling"):
        Sampling("some")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least 1"):
        Sampling("every", 0)
