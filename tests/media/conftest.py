"""Fixtures of drawn media files."""

from __future__ import annotations

from pathlib import Path

import pytest

from .drawn_media import encode_video, numbered


@pytest.fixture(scope="session")
def b_frames() -> bytes:
    """H.264 in MP4 with B-frames and a key frame every 20: 130 numbered frames."""
    return encode_video(
        numbered(130),
        options={"g": "20", "bf": "3", "crf": "12", "keyint_min": "20", "sc_threshold": "0"},
    )


@pytest.fixture
def saved(tmp_path: Path):
    """Write bytes under a name and return the path."""

    def save(content: bytes, name: str) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return save
