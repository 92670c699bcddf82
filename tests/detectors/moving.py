"""A drawn recording of the NASA portrait with its face, so that cues over time are tested without a face finder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from likeness.types import FaceQuality, FaceTrack

LANDMARKS = Path(__file__).parents[1] / "data" / "portrait_landmarks.npy"


def recording(
    portrait: np.ndarray, frames: int = 40, noise: float = 1.5, seed: int = 0
) -> tuple[list[np.ndarray], np.ndarray]:
    """T pictures in which the portrait sways smoothly, each with noise of its own, and its (T, 478, 2) landmarks."""
    rng = np.random.default_rng(seed)
    points = np.load(LANDMARKS, allow_pickle=False) - np.float32([75, 0])
    picture = np.ascontiguousarray(portrait[0:300, 75:375])
    images, landmarks = [], []
    for t in range(frames):
        shift = 4.0 * np.array([np.sin(t / 7.0), np.cos(t / 9.0)])
        matrix = np.hstack([np.eye(2), shift[:, None]])
        moved = cv2.warpAffine(
            picture, matrix, (300, 300), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        grain = rng.normal(0.0, noise, moved.shape)
        images.append(np.clip(np.rint(moved + grain), 0, 255).astype(np.uint8))
        landmarks.append(points + shift)
    return images, np.asarray(landmarks, np.float32)


def track_of(
    landmarks: np.ndarray,
    fps: float = 25.0,
    pose_deg: Sequence[float] = (0.0, 0.0, 0.0),
    at: Sequence[int] | None = None,
) -> FaceTrack:
    """The track of a clip of exactly these frames; `at` = their positions where some were not examined."""
    count = len(landmarks)
    index = np.arange(count) if at is None else np.asarray(at)
    ones = np.ones(count, np.float32)
    return FaceTrack(
        0,
        index.astype(np.int64),
        index / fps,
        np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1).astype(np.float32),
        landmarks.astype(np.float32),
        np.repeat(np.asarray(pose_deg, np.float32)[None], count, axis=0),
        ones,
        FaceQuality(60 * ones, ones, 90 * ones, ones, np.full((count, 2), 0.3, np.float32)),
        np.zeros(count, bool),
    )
