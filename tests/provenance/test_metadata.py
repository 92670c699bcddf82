"""Metadata: what generators, editors and cameras leave, read without trusting a byte of it."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from media.drawn_media import encode_sound, encode_video, numbered, picture
from PIL import Image, PngImagePlugin

from likeness.provenance.metadata import MOST_FINDINGS, read_metadata
from likeness.provenance.metadata_tools import judge

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:CreatorTool="Adobe Firefly 3" '
    b'Iptc4xmpExt:DigitalSourceType="' + SOURCE.encode() + b'trainedAlgorithmicMedia">'
    b"<photoshop:Credit>Made with Google AI</photoshop:Credit></rdf:Description></x:xmpmeta>"
)


def written(format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture(0, (48, 32))).save(out, format, **options)
    return out.getvalue()


def said(data: bytes) -> dict[str, tuple[str | None, str]]:
    return {f.key: (f.says, f.tool) for f in read_metadata(io.BytesIO(data))}


def test_text_chunks_of_known_generators() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a portrait\nNegative prompt: x\nSteps: 20, Sampler: Euler a")
    info.add_text("prompt", '{"3": {"class_type": "KSampler"}}', zip=True)
    info.add_itxt("Software", "NovelAI", zip=True)
    info.add_text("Title", "Sunset over the harbour")
    found = said(written(pnginfo=info))
    assert found["parameters"] == ("generated", "Stable Diffusion web interface")
    assert found["prompt"] == ("generated", "ComfyUI")
    assert found["Software"] == ("generated", "NovelAI")
    assert found["Title"] == (None, "")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_cameras_and_editors_in_exif(format: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Canon", "EOS R5", "Adobe Photoshop 25.1"
    found = said(written(format, exif=exif))
    assert found["Make"] == found["Model"] == ("captured", "")
    assert found["Software"] == ("edited", "Photoshop")


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_xmp(format: str) -> None:
    found = said(written(format, xmp=XMP))
    assert found["DigitalSourceType"] == ("generated", "")
    assert found["CreatorTool"] == ("generated", "Adobe Firefly")
    assert found["Credit"][0] == "generated"


def test_xmp_in_a_png() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    assert said(written(pnginfo=info))["DigitalSourceType"] == ("generated", "")


def test_a_comment_of_a_jpeg() -> None:
    assert said(written("JPEG", comment=b"made by Midjourney"))["Comment"] == (
        "generated",
        "Midjourney",
    )


@pytest.mark.parametrize(
    ("container", "codec", "key"),
    [
        ("mp4", "libx264", "Encoder"),
        ("mov", "libx264", "Software"),
        ("matroska", "libx264", "Writing app"),
        ("avi", "mpeg4", "Software"),
    ],
)
def test_encoders_of_containers_say_neither(container: str, codec: str, key: str) -> None:
    found = read_metadata(io.BytesIO(encode_video(numbered(3), container, codec)))
    line = next(f for f in found if f.key == key)
    assert line.value.startswith("Lavf") and line.says is None


def test_a_generator_in_a_container() -> None:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"movflags": "+use_metadata_tags"}) as file:
        file.metadata["comment"] = "Made with Runway"
        file.metadata["software"] = "FaceFusion 3.1"
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture(0), format="rgb24")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    found = said(out.getvalue())
    assert ("generated", "Runway") in found.values() and (
        "generated",
        "FaceFusion",
    ) in found.values()


def test_files_without_any() -> None:
    sound = encode_sound(np.zeros(100, np.float32))
    for data in (written("PNG"), written("JPEG"), sound, b"", b"x", b"\x89PNG\r\n\x1a\n"):
        assert read_metadata(io.BytesIO(data)) == ()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("Software", "GIMP 2.10", ("edited", "GIMP")),
        ("Software", "HDR+ 1.0.3", (None, "")),
        ("Software", "DALL·E 3", ("generated", "DALL·E")),
        ("Software", "Rope v2", ("generated", "Rope")),
        ("Description", "a rope, a canvas and the Gemini capsule", (None, "")),
        ("Description", "Photo retouched in Photoshop", (None, "")),
        ("Description", "Midjourney v6", ("generated", "Midjourney")),
        ("Software", "European software", (None, "")),
        ("parameters", "exposure and gain", (None, "")),
        ("prompt", "please answer", (None, "")),
        ("DigitalSourceType", SOURCE + "digitalCapture", ("captured", "")),
        ("DigitalSourceType", SOURCE + "compositeWithTrainedAlgorithmicMedia", ("generated", "")),
        ("DigitalSourceType", "nonsense", (None, "")),
        ("GPSLatitude", "Midjourney", (None, "")),
    ],
)
def test_what_a_line_says(key: str, value: str, expected: tuple[str | None, str]) -> None:
    assert judge(key, value) == expected


def _chunked(kind: bytes, body: bytes, times: int = 1) -> bytes:
    plain = written("PNG")
    chunk = struct.pack(">I", len(body)) + kind + body + b"\0\0\0\0"
    return plain[:33] + chunk * times + plain[33:]


def test_a_bomb_in_a_text_chunk_expands_to_64_kib() -> None:
    bomb = _chunked(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 100_000_000, 9))
    tracemalloc.start()
    found = read_metadata(io.BytesIO(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found[0].value) <= 120 and peak < 4 << 20


def test_thousands_of_lines_are_bounded_and_the_telling_ones_come_first() -> None:
    many = b"".join(
        struct.pack(">I", len(b)) + b"tEXt" + b + b"\0\0\0\0"
        for b in (b"Note%d\0x%d" % (n, n) for n in range(1000))
    )
    last = _chunked(b"tEXt", b"Software\0ComfyUI")
    found = read_metadata(io.BytesIO(last[:33] + many + last[33:]))
    assert len(found) == MOST_FINDINGS and found[0].tool == "ComfyUI"


def test_texts_are_cleaned() -> None:
    (line,) = read_metadata(
        io.BytesIO(_chunked(b"tEXt", b"Software\0\x1b[31mMid\x00journey\n" + b"y" * 900))
    )
    assert line.value.isprintable() and len(line.value) <= 120


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "mp4", "matroska", "wav"])
def test_damaged_files_never_raise_or_hang(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    rng = random.Random(1)
    if kind == "wav":
        whole = encode_sound(np.zeros(200, np.float32))
    elif kind.isupper():
        whole = written(kind, exif=exif)
    else:
        whole = encode_video(numbered(2), kind)
    start = time.monotonic()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 4)] = rng.choice(
                [rng.randbytes(4), b"\xff" * 4, b"\0" * 4, b""]
            )
        read_metadata(io.BytesIO(bytes(data)))
    assert time.monotonic() - start < 20
