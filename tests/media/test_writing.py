"""Pictures, video and sound to files: what comes back is what went in."""

from __future__ import annotations

import errno
import hashlib
import io
import wave
from typing import Any

import numpy as np
import pytest

from likeness import media
from likeness.errors import OutputError, ShapeError, UsageError
from likeness.media.writing import (
    AudioCopy,
    VideoSettings,
    VideoWriter,
    encode_picture,
    even_size,
    padded_to_even,
    write_wav,
)

from .drawn_media import encode_video, numbered, picture


def write(
    images: list[np.ndarray],
    times_s: list[float] | None = None,
    container: str = "mp4",
    sound: bytes | None = None,
    **settings: Any,
) -> bytes:
    file = io.BytesIO()
    size = (images[0].shape[1], images[0].shape[0])
    with VideoWriter(file, size, 25.0, container, VideoSettings(**settings)) as writer:
        if sound is not None:
            writer.copy_sound(AudioCopy(media.open_clip(sound), container))
        for number, image in enumerate(images):
            writer.write(image, times_s[number] if times_s else number / 25)
        writer.finish()
    return file.getvalue()


def packets(content: bytes, kind: str = "audio") -> list[tuple[float, str, bool]]:
    """(seconds from the first picture, hash, key frame) of every packet."""
    import av

    with av.open(io.BytesIO(content)) as file:
        start = float(file.streams.video[0].start_time * file.streams.video[0].time_base)
        stream = getattr(file.streams, kind)[0]
        return [
            (
                float(p.pts * p.time_base) - start,
                hashlib.sha256(bytes(p)).hexdigest(),
                p.is_keyframe,
            )
            for p in file.demux(stream)
            if p.size
        ]


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_pictures_without_loss(format: str):
    image = picture(size_wh=(65, 43))
    (frame,) = media.open_clip(encode_picture(image, format)).frames
    assert np.array_equal(frame.image, image)


def test_jpeg_is_close_and_keeps_the_colour_of_every_pixel():
    image = picture(size_wh=(64, 48))
    image[:, ::2] = (220, 40, 40)  # thin red lines: lost with subsampled colour
    clip = media.open_clip(encode_picture(image, "JPEG"))
    (frame,) = clip.frames
    assert np.abs(frame.image.astype(float) - image).mean() < 4.0
    assert clip.facts["jpeg_quality"] == 95 and clip.facts["chroma_subsampling"] == "4:4:4"


def test_impossible_pictures_are_refused():
    with pytest.raises(OutputError, match="GIF"):
        encode_picture(picture(), "GIF")
    with pytest.raises(OutputError, match="16,383"):
        encode_picture(np.zeros((1, 16_384, 3), np.uint8), "WEBP")
    with pytest.raises(ShapeError):
        encode_picture(picture()[..., 0])


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_times_of_variable_frame_rate_are_kept(container: str):
    times = np.cumsum([0.0] + [0.02, 0.05, 0.04, 0.033] * 6).tolist()
    clip = media.open_clip(write(numbered(25), times, container))
    tick = 1 / 1000 if container == "matroska" else 1 / 90_000
    assert np.abs(clip.timestamps_s - times).max() <= tick / 2 + 1e-9
    assert len(clip.frames) == 25
    for index, frame in enumerate(clip.frames):  # and they are in order
        assert abs(float(frame.image[:20].mean()) - (20 + (index * 7) % 220)) < 4


@pytest.mark.parametrize("size_wh", [(128, 96), (1280, 96), (96, 640)])
def test_colours_come_back_and_are_tagged(size_wh: tuple[int, int]):
    """Flat colours in BT.601 and BT.709; a wrong matrix or range would be off by ten and more."""
    import av

    colours = [(200, 30, 40), (20, 200, 60), (30, 40, 210), (250, 250, 250), (5, 5, 5)]
    images = [np.full((size_wh[1], size_wh[0], 3), c, np.uint8) for c in colours]
    content = write(images, crf=4)
    for colour, frame in zip(colours, media.open_clip(content).frames, strict=True):
        error = frame.image.reshape(-1, 3).astype(float).mean(axis=0) - colour
        assert np.abs(error).max() < 3.0, (colour, error)
    with av.open(io.BytesIO(content)) as file:
        context = file.streams.video[0].codec_context
        large = size_wh[0] >= 1280 or size_wh[1] > 576
        assert {int(context.colorspace), int(context.color_primaries)} == {1 if large else 6}
        assert int(context.color_range) == 1


def test_texture_comes_back_without_a_shift_of_brightness():
    image = picture(size_wh=(256, 192))
    clip = media.open_clip(write([image] * 3, crf=4))
    (frame,) = clip.frames.at([1])
    error = frame.image.astype(float) - image
    assert np.abs(error.mean(axis=(0, 1))).max() < 1.6  # the decoder itself rounds down
    assert 10 * np.log10(255**2 / (error**2).mean()) > 34  # colour noise does not survive 4:2:0


def test_key_frames_are_at_most_two_seconds_apart_and_the_index_comes_first():
    content = write([picture(0)] * 130)
    keys = [time for time, _, key in packets(content, "video") if key]
    assert np.diff([*keys, 130 / 25]).max() <= 2.0 + 1e-6
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_odd_sizes_are_padded_by_the_caller():
    image = picture(size_wh=(65, 43))
    grown = padded_to_even(image)
    assert even_size((65, 43)) == (66, 44) == grown.shape[1::-1]
    assert np.array_equal(grown[:43, :65], image) and np.array_equal(grown[-1, -1], image[-1, -1])
    assert padded_to_even(grown) is grown
    with pytest.raises(OutputError, match="even"):
        write([image])


@pytest.mark.parametrize("source", ["mp4", "matroska", "avi"])
@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_sound_is_copied_bit_by_bit_at_its_place(source: str, container: str):
    codec = "mpeg4" if source == "avi" else "libx264"
    original = encode_video(numbered(30), source, codec, sound=True)
    copied = packets(write(numbered(30), None, container, original))
    expected = packets(original)
    assert [p[1] for p in copied] == [p[1] for p in expected] and len(copied) > 30
    off = [abs(a[0] - b[0]) for a, b in zip(copied, expected, strict=True)]
    assert max(off) <= 0.0011  # Matroska counts milliseconds


def test_sound_that_starts_before_or_after_the_picture_keeps_its_distance():
    import av

    for shift_s in (-0.2, 0.3):
        content = encode_video(numbered(30), "matroska", "libx264", {"bf": "0"}, sound=True)
        moved = io.BytesIO()
        with av.open(io.BytesIO(content)) as old, av.open(moved, "w", format="matroska") as new:
            streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
            for packet in old.demux():
                if packet.size == 0:
                    continue
                later = 0.5 + (shift_s if packet.stream.type == "audio" else 0.0)
                ticks = round(later / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
        expected = packets(moved.getvalue())
        assert expected[0][0] == pytest.approx(shift_s, abs=0.03)
        copied = packets(write(numbered(30), None, "mp4", moved.getvalue()))
        assert copied[0][0] == pytest.approx(expected[0][0], abs=0.0011)
        assert [p[1] for p in copied] == [p[1] for p in expected]


def test_sound_that_a_container_cannot_carry_names_one_that_can():
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="avi") as file:
        stream, track = file.add_stream("mpeg4", rate=25), file.add_stream("pcm_s16le", rate=8000)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(picture(0, (64, 64)), format="rgb24")
            frame.pts = number
            file.mux(stream.encode(frame))
        block = av.AudioFrame.from_ndarray(np.zeros((1, 3200), np.int16), "s16", "mono")
        block.sample_rate, block.pts = 8000, 0
        file.mux(track.encode(block))
        file.mux(stream.encode(None))
        file.mux(track.encode(None))
    with pytest.raises(OutputError, match=r"\.mov"):
        AudioCopy(media.open_clip(out.getvalue()), "mp4")
    assert packets(write([picture(0, (64, 64))] * 3, None, "mov", out.getvalue()))


def test_clips_without_sound_or_file_have_none_to_copy():
    with pytest.raises(OutputError, match="without sound"):
        AudioCopy(media.open_clip(encode_video(numbered(3))))
    with pytest.raises(OutputError, match="memory"):
        AudioCopy(media.clip_from_frames(numbered(3)))


def test_wrong_frames_are_refused():
    file = io.BytesIO()
    with VideoWriter(file, (64, 64), 25.0) as writer:
        with pytest.raises(OutputError, match="at least one"):
            writer.finish()
        writer.write(picture(0, (64, 64)), 0.0)
        with pytest.raises(OutputError, match="time after"):
            writer.write(picture(0, (64, 64)), 0.0)
        with pytest.raises(ShapeError):
            writer.write(picture(0, (64, 62)), 0.1)
    with pytest.raises(UsageError, match="crf"):
        VideoSettings(crf=60)
    with pytest.raises(UsageError, match="preset"):
        VideoSettings(preset="placebo")
    with pytest.raises(OutputError, match="containers"):
        VideoWriter(io.BytesIO(), (64, 64), 25.0, "avi")


class FullDisk(io.BytesIO):
    """Takes so many bytes and no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 10_000, 60_000])
def test_a_full_disk_is_told_in_words(room: int):
    rng = np.random.default_rng(0)
    with (
        pytest.raises(OutputError, match="disk is full"),
        VideoWriter(FullDisk(room), (128, 96), 25.0) as writer,
    ):
        for number in range(60):
            writer.write(rng.integers(0, 255, (96, 128, 3), np.uint8), number / 25)
        writer.finish()


def test_sound_to_wav():
    samples = np.sin(np.arange(8000) * 0.05).astype(np.float32) * 0.9
    for given in (samples, np.stack([samples, -samples], axis=1)):
        file = io.BytesIO()
        write_wav(file, given, 16_000)
        clip = media.open_clip(file.getvalue())
        assert clip.kind == "audio" and clip.audio.sample_rate_hz == 16_000
        with wave.open(io.BytesIO(file.getvalue())) as read:
            assert read.getnchannels() == given.ndim and read.getnframes() == 8000
            back = np.frombuffer(read.readframes(8000), "<i2").reshape(given.shape) / 32767.0
        assert np.abs(back - given).max() <= 0.5 / 32767 + 1e-6
    with pytest.raises(ShapeError):
        write_wav(io.BytesIO(), samples.astype(np.float64), 16_000)
    with pytest.raises(ShapeError, match="NaN"):
        write_wav(io.BytesIO(), np.full(9, np.nan, np.float32), 16_000)
    with pytest.raises(OutputError, match="samples"):
        write_wav(io.BytesIO(), samples[:0], 16_000)


def test_real_clips_keep_sound_and_times(data_dir):
    for name in ("grid_s1/bbal9a.mpg", "speakers/4.mp4"):
        clip = media.open_clip(data_dir / "video/real" / name)
        count = 40
        images = [padded_to_even(f.image) for f in clip.frames.at(range(count))]
        original = (data_dir / "video/real" / name).read_bytes()
        content = write(images, clip.timestamps_s[:count].tolist(), sound=original)
        copied, expected = packets(content), packets(original)
        assert [p[1] for p in copied] == [p[1] for p in expected]
        assert copied[0][0] == pytest.approx(expected[0][0], abs=2e-5)
        again = media.open_clip(content)
        assert np.abs(again.timestamps_s - clip.timestamps_s[:count]).max() < 1e-5
