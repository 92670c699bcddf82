"""Clips of pictures in memory with their own times and sound."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import MediaError
from likeness.media import clip_from_frames

IMAGES = [np.full((4, 6, 3), level, np.uint8) for level in (1, 2, 3)]


def test_times_are_kept_with_their_gaps() -> None:
    clip = clip_from_frames(IMAGES, 25.0, times_s=[0.5, 0.54, 3.0])
    assert clip.timestamps_s.tolist() == [0.5, 0.54, 3.0]
    assert [f.time_s for f in clip.frames] == [0.5, 0.54, 3.0]
    assert clip.fps == 25.0 and clip.kind == "video"


def test_without_times_frames_follow_one_another() -> None:
    assert clip_from_frames(IMAGES, 10.0).timestamps_s.tolist() == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize("times", [[0.0, 1.0], [0.0, 2.0, 1.0], [0.0, np.nan, 1.0]])
def test_impossible_times_are_refused(times: list[float]) -> None:
    with pytest.raises(MediaError, match="finite times in order"):
        clip_from_frames(IMAGES, times_s=times)


def test_sound_comes_along() -> None:
    class Sound:
        sample_rate_hz = 8000

        def samples(self) -> np.ndarray:
            return np.ones(4, np.float32)

    sound = Sound()
    assert clip_from_frames(IMAGES, audio=sound).audio is sound
    assert clip_from_frames(IMAGES).audio is None
