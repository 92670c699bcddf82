"""A portrait with its landmarks, so that pseudo-fakes are tested without a face finder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def landmarks_px() -> np.ndarray:
    """(478, 2) float32: the NASA portrait's landmarks in its 512 x 512 pixels."""
    return np.load(Path(__file__).with_name("portrait_landmarks.npy"), allow_pickle=False)


@pytest.fixture(scope="session")
def face(portrait: np.ndarray, landmarks_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A 220 px picture around the face, and the landmarks in it."""
    return np.ascontiguousarray(portrait[20:240, 115:335]), landmarks_px - np.float32([115, 20])
