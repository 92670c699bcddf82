"""Drawn media: every format that the tests need is made here, so that they run without data."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np


def picture(seed: int = 0, size_wh: tuple[int, int] = (96, 64)) -> np.ndarray:
    """Smooth coloured shapes: compresses like a photograph, differs from seed to seed."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    layers = []
    for _ in range(3):
        fx, fy, phase = rng.uniform(0.02, 0.15), rng.uniform(0.02, 0.15), rng.uniform(0, 6)
        layers.append(127 + 90 * np.sin(x * fx + y * fy + phase))
    image = np.stack(layers, axis=2) + rng.normal(0, 2, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def numbered(count: int, size_wh: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
    """Frames whose number can be read off their brightness: frame i has a bar of i steps of grey."""
    frames = []
    for i in range(count):
        image = picture(i % 5, size_wh) // 4
        image[: size_wh[1] // 2] = 20 + (i * 7) % 220
        frames.append(image)
    return frames


def encode_video(
    frames: list[np.ndarray],
    container: str = "mp4",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pts: list[int] | None = None,
    rate: int = 25,
    sound: bool = False,
) -> bytes:
    """A video file in memory; `pts` in 1/1000 s makes its frame rate variable."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        track = (
            file.add_stream("aac" if container in ("mp4", "matroska") else "mp2", rate=44100)
            if sound
            else None
        )
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[i], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if track is not None:
            tone = np.sin(np.arange(44100) * 2 * np.pi * 440 / 44100).astype(np.float32) * 0.5
            for start in range(0, 44100 - 1152, 1152):
                block = av.AudioFrame.from_ndarray(
                    (tone[None, start : start + 1152] * 32767).astype(np.int16),
                    format="s16",
                    layout="mono",
                )
                block.sample_rate, block.pts = 44100, start
                file.mux(track.encode(block))
            file.mux(track.encode(None))
    return out.getvalue()


def encode_sound(samples: np.ndarray, rate: int = 16000) -> bytes:
    """A 16-bit mono WAV file in memory."""
    import wave

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


def encode_picture(image: np.ndarray, format: str = "JPEG", **options: object) -> bytes:
    """A picture file in memory."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, format, **options)
    return out.getvalue()
