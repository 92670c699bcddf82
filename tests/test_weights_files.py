"""Weight files: what is written is read back, and the same content is the same file."""

import hashlib
from pathlib import Path

import numpy as np

from likeness import weights

ARRAYS = {"b": np.ones(3, np.float32), "a": np.arange(6).reshape(2, 3)}
METADATA = {f"key {i}": text for i, text in enumerate(("x", '"ü\\', "\n\t\x01\x7f", "", "{}"))}


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    """Otherwise no hash of a weight file could be repeated, nor two ends of a resumed run be compared."""
    hashes = set()
    for order in (1, -1) * 8:
        weights.save_arrays(
            tmp_path / "w.safetensors", ARRAYS, dict(list(METADATA.items())[::order])
        )
        hashes.add(hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest())
    assert len(hashes) == 1
    arrays, metadata = weights.load_arrays(tmp_path / "w.safetensors")
    assert metadata == METADATA
    assert {k: v.tolist() for k, v in arrays.items()} == {k: v.tolist() for k, v in ARRAYS.items()}


def test_nothing_needs_to_be_said_of_them(tmp_path: Path) -> None:
    weights.save_arrays(tmp_path / "w.safetensors", ARRAYS, {})
    arrays, metadata = weights.load_arrays(tmp_path / "w.safetensors")
    assert metadata == {} and np.array_equal(arrays["a"], ARRAYS["a"])
