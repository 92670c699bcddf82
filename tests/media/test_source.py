from __future__ import annotations

import hashlib
import io
import os
import socket

import pytest

from likeness.errors import LimitError, MediaError
from likeness.media import Limits, open_clip
from likeness.media.sniff import describe, sniff

from .drawn_media import encode_picture, picture

JPEG = encode_picture(picture(), "JPEG")


def test_path_bytes_and_file_object_are_the_same(saved):
    path = saved(JPEG, "photo.jpg")
    with path.open("rb") as file:
        clips = [
            open_clip(path),
            open_clip(str(path)),
            open_clip(JPEG),
            open_clip(io.BytesIO(JPEG)),
            open_clip(file),
        ]
    assert {clip.sha256 for clip in clips} == {hashlib.sha256(JPEG).hexdigest()}
    assert [clip.name for clip in clips] == [
        "photo.jpg",
        "photo.jpg",
        "bytes",
        "file object",
        "file object",
    ]
    assert open_clip(JPEG, name="mine").name == "mine"


@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a", "a.m3u8", "a.pkl"])
def test_the_name_says_nothing(saved, name):
    assert open_clip(saved(JPEG, name)).facts["container"] == "JPEG"


def test_only_regular_files_are_opened(tmp_path, monkeypatch):
    fifo = tmp_path / "pipe.mp4"
    os.mkfifo(fifo)
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.mp4")
        for path, words in (
            (fifo, "a pipe"),
            (tmp_path, "a folder"),
            (tmp_path / "socket.mp4", "a socket"),
            ("/dev/zero", "a device"),
            (tmp_path / "missing.mp4", "no such file"),
            ("https://example.org/clip.mp4", "URLs are not fetched"),
            ("concat:a.mp4|b.mp4", "no such file"),
            ("null\x00byte", "null byte"),
            (tmp_path / ("long" * 100), "name too long"),
        ):
            with pytest.raises(MediaError, match=words) as caught:
                open_clip(path)
            assert "\n" not in str(caught.value)


def test_links_are_followed_to_regular_files(saved, tmp_path):
    (tmp_path / "link").symlink_to(saved(JPEG, "photo.jpg"))
    assert open_clip(tmp_path / "link").kind == "image"


def test_too_large_is_refused_however_it_comes(saved):
    small = Limits(file_bytes=100)
    for source in (JPEG, io.BytesIO(JPEG), saved(JPEG, "a.jpg")):
        with pytest.raises(LimitError, match="at most 100 bytes"):
            open_clip(source, small)


def test_an_endless_file_object_is_cut_off():
    class Endless(io.RawIOBase):
        def read(self, count: int = -1) -> bytes:
            return bytes(max(count, 1))

    with pytest.raises(LimitError):
        open_clip(Endless(), Limits(file_bytes=5_000_000))


def test_what_is_no_source_is_said_so():
    with pytest.raises(MediaError, match="binary"):
        open_clip(io.StringIO("text"))
    with pytest.raises(MediaError, match="int"):
        open_clip(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello world", "text"),
        (b"#EXTM3U\nfile:///etc/passwd", "playlist"),
        (b"ffconcat version 1.0\nfile 'x'", "concat"),
        (b"<svg/>", "markup"),
        (b"%PDF-1.7", "PDF"),
        (b"\x00\x01\x02\x03\x04", "unknown data"),
    ],
)
def test_other_files_are_named(content, words):
    with pytest.raises(MediaError, match=words):
        open_clip(content)


def test_sniffing_knows_brands_and_sound():
    assert sniff(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00avifmif1").name == "AVIF"
    assert sniff(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00heicmif1").name == "HEIF"
    assert sniff(b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00mp42isom").key == "mov"
    assert sniff(b"\xff\xfb\x90\x00").key == "mp3" and sniff(b"\xff\xf1\x50\x80").key == "aac"
    assert sniff(b"ID3\x04\x00\x00\x00\x00\x00\x02xxfLaC").key == "flac"
    assert sniff((b"G" + bytes(187)) * 5).key == "mpegts"
    assert sniff(b"RIFF\x00\x00\x00\x00ACON") is None and sniff(b"") is None
    assert describe("Grüße".encode()) == "text"
