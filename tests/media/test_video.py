from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import MediaError, UsageError
from likeness.media import Limits, open_clip

from .drawn_media import encode_sound, encode_video, numbered, picture


def means(clip) -> list[float]:
    return [float(frame.image[:20].mean()) for frame in clip.frames]


def test_frames_come_in_display_order_with_times(b_frames):
    clip = open_clip(b_frames)
    assert (clip.kind, clip.size_wh, len(clip.frames)) == ("video", (96, 64), 130)
    assert clip.fps == pytest.approx(25.0)
    np.testing.assert_allclose(clip.timestamps_s, np.arange(130) / 25, atol=1e-3)
    expected = [20 + (i * 7) % 220 for i in range(130)]
    np.testing.assert_allclose(means(clip), expected, atol=6)
    assert clip.facts["video_codec"] == "h264" and clip.facts["damaged_frames"] == 0
    assert "x264" in str(clip.facts["video_encoder"])


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_random_access_equals_sequential_decoding(container, b_frames):
    content = b_frames
    if container != "mp4":
        content = encode_video(
            numbered(130), container, options={"g": "20", "bf": "3", "crf": "12"}
        )
    everything = {f.index: f.image for f in open_clip(content).frames}
    rng = np.random.default_rng(0)
    no_cache = Limits(cache_bytes=0, spill_bytes=0)
    clip = open_clip(content, no_cache)
    for _ in range(25):
        wanted = rng.choice(130, size=int(rng.integers(1, 5)), replace=False)
        got = list(clip.frames.at(wanted))
        assert [f.index for f in got] == sorted(wanted)
        for frame in got:
            np.testing.assert_array_equal(frame.image, everything[frame.index])


def test_sparse_access_seeks_instead_of_decoding_everything(b_frames):
    clip = open_clip(b_frames, Limits(cache_bytes=0, spill_bytes=0))
    before = clip.frames.decoded_frames
    assert [f.index for f in clip.frames.at([121])] == [121]
    assert clip.frames.decoded_frames - before < 60


def test_random_access_on_a_real_clip(data_dir):
    path = data_dir / "video/real/portraits/d20.mp4"
    sequential = {f.index: f.image.copy() for f in open_clip(path).frames if f.index % 25 == 3}
    clip = open_clip(path, Limits(cache_bytes=0, spill_bytes=0))
    for index in np.random.default_rng(1).permutation(sorted(sequential)):
        (frame,) = clip.frames.at([index])
        np.testing.assert_array_equal(frame.image, sequential[frame.index])


def test_program_streams_have_as_many_frames_as_decoding_yields(data_dir):
    for path in sorted((data_dir / "video/real/grid_s1").glob("*.mpg"))[:2]:
        clip = open_clip(path)
        assert sum(1 for _ in clip.frames) == len(clip.frames) == 75
        assert clip.size_wh == (360, 288) and clip.audio is not None


@pytest.mark.parametrize(
    ("container", "codec", "sound"),
    [
        ("mp4", "mpeg4", True),
        ("avi", "mpeg4", False),
        ("matroska", "libvpx", True),
        ("webm", "libvpx-vp9", False),
        ("mpegts", "libx264", True),
        ("mpeg", "mpeg1video", True),
        ("mpeg", "mpeg2video", False),
        ("mpeg1video", "mpeg1video", False),
        ("ogg", "libtheora", False),
        ("avi", "mjpeg", False),
        ("mov", "mjpeg", False),
    ],
)
def test_every_container_gives_every_frame(container, codec, sound):
    import av

    if codec not in av.codecs_available:
        pytest.skip(f"this libav has no {codec}")
    frames = numbered(30)
    clip = open_clip(encode_video(frames, container, codec, {"b": "2000000"}, sound=sound))
    got = list(clip.frames)
    assert len(clip.frames) == len(got) == 30
    assert [f.index for f in got] == list(range(30))
    np.testing.assert_allclose([f.time_s for f in got], np.arange(30) / 25, atol=0.011)
    np.testing.assert_allclose(
        [f.image[4:20].mean() for f in got], [f[4:20].mean() for f in frames], atol=14
    )
    assert (clip.audio is not None) == sound
    if sound:
        assert 0.25 < np.abs(clip.audio.samples()).max() <= 1.0


def test_variable_frame_rate_is_kept():
    pts = [0, 40, 80, 200, 240, 600, 640, 680]
    clip = open_clip(encode_video(numbered(8), "matroska", pts=pts))
    np.testing.assert_allclose(clip.timestamps_s, np.array(pts) / 1000, atol=1e-3)
    assert clip.facts["frame_rate_varies"] is True
    assert clip.fps == pytest.approx(7 / 0.68, rel=0.01)


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),  # clockwise: a phone held upright
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
        ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    ],
)
def test_display_matrix_is_applied(b_frames, matrix, turn):
    place = b_frames.rindex(b"tkhd") + 4 + 40  # the matrix of the track header
    a, b, c, d = (v * 65536 for v in matrix)
    numbers = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = bytearray(b_frames)
    turned[place : place + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in numbers)
    plain = next(iter(open_clip(b_frames).frames)).image
    clip = open_clip(bytes(turned))
    frame = next(iter(clip.frames))
    np.testing.assert_array_equal(frame.image, turn(plain))
    assert clip.size_wh == (frame.image.shape[1], frame.image.shape[0])
    assert clip.facts["rotation_applied"] != "none"


def test_truncated_video_gives_the_frames_it_has():
    content = encode_video(numbered(60), "mpegts", options={"g": "10"})
    clip = open_clip(content[: len(content) // 2])
    got = sum(1 for _ in clip.frames)
    assert 0 < got <= len(clip.frames) < 60
    assert clip.facts["damaged_frames"] == len(clip.frames) - got


def test_damaged_frames_are_left_out_and_counted():
    content = bytearray(encode_video(numbered(60), "matroska", options={"g": "10", "bf": "0"}))
    content[len(content) // 2 : len(content) // 2 + 900] = bytes(900)
    clip = open_clip(bytes(content))
    indices = [f.index for f in clip.frames]
    assert clip.facts["damaged_frames"] == len(clip.frames) - len(indices) > 0
    assert next(clip.frames.at(indices[-1:])).index == indices[-1]


def test_no_decodable_frame_is_an_error(b_frames):
    place = b_frames.index(b"mdat") + 4
    emptied = b_frames[:place] + bytes(len(b_frames) - place)
    with pytest.raises(MediaError, match=r"frame|readable"):
        open_clip(emptied)


def test_sound_alone_is_a_clip_without_frames():
    tone = 0.5 * np.sin(np.arange(16000) / 16000 * 2 * np.pi * 440)
    clip = open_clip(encode_sound(tone))
    assert (clip.kind, len(clip.frames), clip.size_wh) == ("audio", 0, (0, 0))
    assert clip.audio.sample_rate_hz == 16000
    np.testing.assert_allclose(clip.audio.samples(), tone, atol=1e-3)
    assert clip.audio.samples().dtype == np.float32


def test_indices_outside_the_clip_are_refused(b_frames):
    clip = open_clip(b_frames)
    with pytest.raises(UsageError, match="0 to 129"):
        list(clip.frames.at([130]))


def test_colour_survives():
    red = np.zeros((64, 96, 3), np.uint8)
    red[:, :, 0] = 200
    clip = open_clip(encode_video([red] * 5, options={"crf": "4"}))
    frame = next(iter(clip.frames))
    np.testing.assert_allclose(frame.image[20:40, 20:40].mean(axis=(0, 1)), [200, 0, 0], atol=6)
    assert picture().shape == (64, 96, 3)
