from __future__ import annotations

import io
import threading

import numpy as np
import pytest

from likeness.errors import LimitError, MediaError, ShapeError
from likeness.media import Limits, clip_from_frames, open_clip

from .drawn_media import encode_sound, encode_video, numbered, picture


def test_ten_detectors_decode_once(b_frames):
    clip = open_clip(b_frames)
    wanted = [5, 40, 41, 99]
    list(clip.frames.at(wanted))
    decoded, converted = clip.frames.decoded_frames, clip.frames.converted_frames
    for _ in range(10):
        assert [f.index for f in clip.frames.at(wanted)] == wanted
    assert (clip.frames.decoded_frames, clip.frames.converted_frames) == (decoded, converted)
    assert converted == len(wanted) + 1  # and the first frame, which opening looked at


def test_only_what_is_asked_for_is_converted(b_frames):
    clip = open_clip(b_frames)
    list(clip.frames.at([10]))
    assert clip.frames.converted_frames == 2


def test_frames_that_do_not_fit_go_to_a_file_and_come_back(b_frames):
    one = 96 * 64 * 3
    clip = open_clip(b_frames, Limits(cache_bytes=3 * one, spill_bytes=20 * one))
    first = {f.index: f.image.copy() for f in clip.frames.at(range(12))}
    converted = clip.frames.converted_frames
    again = {f.index: f.image for f in clip.frames.at(range(12))}
    assert clip.frames.converted_frames == converted
    for index, image in again.items():
        np.testing.assert_array_equal(image, first[index])
    list(clip.frames.at(range(100)))
    assert len(list(clip.frames.at(range(100)))) == 100  # beyond both, decoded again


def test_nothing_fits_and_everything_still_comes(b_frames):
    clip = open_clip(b_frames, Limits(cache_bytes=0, spill_bytes=0))
    for _ in range(2):
        assert [f.index for f in clip.frames] == list(range(130))


def test_interleaved_walks_see_their_own_frames(b_frames):
    clip = open_clip(b_frames, Limits(cache_bytes=0, spill_bytes=0))
    pairs = list(zip(clip.frames.at([0, 50, 100]), clip.frames.at([3, 20, 129]), strict=True))
    assert [(a.index, b.index) for a, b in pairs] == [(0, 3), (50, 20), (100, 129)]
    reference = {f.index: f.image for f in open_clip(b_frames).frames}
    for frame in (f for pair in pairs for f in pair):
        np.testing.assert_array_equal(frame.image, reference[frame.index])


def test_threads_share_one_clip(b_frames):
    clip = open_clip(b_frames)
    seen: list[list[int]] = []

    def walk() -> None:
        seen.append([f.index for f in clip.frames.at(range(0, 130, 9))])

    threads = [threading.Thread(target=walk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [list(range(0, 130, 9))] * 4


def test_shared_images_cannot_be_written_into(b_frames):
    frame = next(iter(open_clip(b_frames).frames))
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0, 0] = 0


def test_closing_releases_the_file(b_frames, saved):
    clip = open_clip(saved(b_frames, "a.mp4"))
    clip.frames.close()
    with pytest.raises(MediaError, match="closed"):
        list(clip.frames)


def test_a_drawn_clip_has_no_hash_and_copies_its_pictures():
    images = numbered(3)
    clip = clip_from_frames(images, fps=10)
    images[0][:] = 0
    frames = list(clip.frames)
    assert (clip.kind, clip.sha256, clip.fps, clip.size_wh) == ("video", "", 10, (96, 64))
    assert [f.time_s for f in frames] == pytest.approx([0, 0.1, 0.2])
    assert frames[0].image.max() > 0 and {f.sha256 for f in frames} == {""}
    assert clip_from_frames([picture()]).kind == "image"


def test_a_drawn_clip_checks_its_pictures():
    with pytest.raises(MediaError, match="at least one"):
        clip_from_frames([])
    with pytest.raises(ShapeError):
        clip_from_frames([np.zeros((4, 4), np.uint8)])
    with pytest.raises(MediaError, match="one size"):
        clip_from_frames([picture(), picture(0, (10, 10))])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(frame_pixels=1000), "pixels"),
        (Limits(frames=100), "frames"),
        (Limits(seconds=2.0), "seconds of playing"),
        (Limits(decoded_bytes=1_000_000), "bytes of decoded"),
        (Limits(decode_seconds=0.0), "seconds of decoding"),
    ],
)
def test_each_limit_is_kept(b_frames, limits, words):
    with pytest.raises(LimitError, match=words) as caught:
        open_clip(b_frames, limits)
    assert "raise Limits(" in str(caught.value)


def test_time_is_also_limited_after_opening(b_frames):
    clip = open_clip(b_frames, Limits(decode_seconds=3.0))
    clip.frames._decoder._source.stopwatch._spent_s = 3.1  # as if decoding had been slow
    with pytest.raises(LimitError, match="seconds of decoding"):
        list(clip.frames)


def test_sound_has_limits_too():
    noise = np.random.default_rng(0).uniform(-1, 1, 32000)
    clip = open_clip(encode_sound(noise), Limits(cache_bytes=4 * 16000))
    with pytest.raises(LimitError):
        clip.audio.samples()
    with pytest.raises(LimitError, match="seconds of playing"):
        open_clip(encode_sound(noise), Limits(seconds=1.0))


def test_a_change_of_size_in_mid_stream_is_scaled_and_said():
    small = encode_video(numbered(10, (64, 48)), "mpegts", options={"bf": "0"})
    large = encode_video(numbered(10, (128, 96)), "mpegts", options={"bf": "0"})
    clip = open_clip(small + large)
    sizes = {f.image.shape for f in clip.frames}
    assert sizes == {(48, 64, 3)}
    assert clip.facts["resized_frames"] == 10


def test_a_change_to_an_absurd_size_in_mid_stream_is_not_decoded():
    small = encode_video(numbered(10, (64, 48)), "mpegts", options={"bf": "0"})
    large = encode_video(numbered(3, (1024, 768)), "mpegts", options={"bf": "0"})
    try:
        clip = open_clip(small + large, Limits(frame_pixels=100_000))
        assert {f.image.shape for f in clip.frames} == {(48, 64, 3)}
    except LimitError as error:
        assert "pixels" in str(error)


def test_a_file_object_may_be_closed_after_opening(b_frames):
    file = io.BytesIO(b_frames)
    clip = open_clip(file)
    file.close()
    assert sum(1 for _ in clip.frames) == 130
