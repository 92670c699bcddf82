"""`Clip.raw`: the very bytes that were hashed, whenever they are asked for."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from likeness import media
from likeness.errors import MediaError
from likeness.types import Clip, RawFile

from .drawn_media import encode_picture, encode_sound, encode_video, numbered, picture


def sha256(clip: Clip) -> str:
    assert clip.raw is not None
    with clip.raw.open() as file:
        return hashlib.sha256(file.read()).hexdigest()


@pytest.mark.parametrize("way", ["path", "bytes", "file object"])
def test_the_bytes_are_there_after_the_decoder_closed_its_file(tmp_path: Path, way: str):
    content = encode_picture(picture())
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    source = {"path": path, "bytes": content, "file object": io.BytesIO(content)}[way]
    clip = media.open_clip(source)
    clip.frames.close()
    assert isinstance(clip.raw, RawFile)
    assert clip.raw.size_bytes == len(content)
    assert sha256(clip) == sha256(clip) == clip.sha256
    with clip.raw.open() as one, clip.raw.open() as other:  # each has a place of its own
        one.seek(-4, os.SEEK_END)
        assert other.read(4) == content[:4]
        assert one.read() == content[-4:]
        one.seek(0)
        assert one.read(10) == content[:10]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode_picture(picture(), "PNG"), "image/png"),
        (encode_picture(picture(), "WEBP"), "image/webp"),
        (encode_video(numbered(3), sound=True), "video/mp4"),
        (encode_video(numbered(3), "mov"), "video/quicktime"),
        (encode_video(numbered(3), "matroska"), "video/x-matroska"),
        (encode_sound(picture()[0, :, 0] / 255.0), "audio/wav"),
    ],
)
def test_the_media_type_is_told_by_content(content: bytes, expected: str):
    clip = media.open_clip(content)
    assert clip.raw is not None and clip.raw.media_type == expected


def test_a_file_that_was_changed_is_not_passed_off_as_the_old_one(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(encode_picture(picture(), "PNG"))
    clip = media.open_clip(path)
    changed = bytearray(path.read_bytes())
    changed[-20] ^= 1
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(changed)
    os.utime(path, ns=times)  # same length, same time: the hash tells
    with pytest.raises(MediaError, match="changed"):
        clip.raw.open()
    path.unlink()
    with pytest.raises(MediaError, match="open it again"):
        clip.raw.open()
    os.mkfifo(path)
    with pytest.raises(MediaError, match="changed"):
        clip.raw.open()


def test_a_file_that_was_copied_back_is_the_same_file(tmp_path: Path):
    path, copy = tmp_path / "a.png", tmp_path / "b.png"
    path.write_bytes(encode_picture(picture(), "PNG"))
    clip = media.open_clip(path)
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    assert sha256(clip) == clip.sha256


def test_drawn_clips_have_no_bytes():
    assert media.clip_from_frames([picture()]).raw is None


def test_a_large_file_object_is_not_kept_in_memory(tmp_path: Path):
    import tracemalloc

    padded = tmp_path / "padded.jpg"
    with padded.open("wb") as file:
        file.write(encode_picture(picture()))
        file.truncate(100 << 20)
    tracemalloc.start()
    with padded.open("rb") as file:
        clip = media.open_clip(file)
    with clip.raw.open() as raw:
        digest = hashlib.sha256()
        while block := raw.read(1 << 20):
            digest.update(block)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert digest.hexdigest() == clip.sha256
    # Facts of a JPEG hold its bytes until they are looked at; the file object itself is on disk.
    assert kept < 110 << 20
