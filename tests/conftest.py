"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real media, or a skip that says how to point at one."""
    folder = Path(os.environ.get("LIKENESS_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "manifest.csv").is_file():
        pytest.skip(
            f"no manifest.csv in {folder.name}/: set LIKENESS_DATA to a folder of real media"
        )
    return folder


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """(512, 512, 3) uint8 RGB: the NASA portrait that scikit-image ships; one frontal face."""
    from skimage import data

    return data.astronaut()
