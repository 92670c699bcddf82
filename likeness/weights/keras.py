"""Other people's Keras weight files (HDF5), read through h5py: no Keras, no pickle, and no trust.

An HDF5 file can point at other files, hold virtual or compressed data sets of any size and contain cycles. Only what
Keras itself writes is accepted: plain, uncompressed float arrays behind hard links, few and small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import WeightsError
from likeness.types import FloatArray

MAX_FILE_BYTES = 16 * 2**20
MAX_LAYERS = 256
MAX_VALUES = 4 * 2**20  # in one array
_LAYER = re.compile(r"([a-z][a-z0-9_]{0,40}?)(?:_(\d{1,6}))?")
_MAX_DEPTH = 3  # Keras nests layer/layer/array


@dataclass(frozen=True)
class KerasLayer:
    """One layer that has weights.

    Attributes:
        kind: Keras's word for it without the running number, e.g. `conv2d`.
        number: the running number: the order in which layers of a kind were created (0 where there is none).
        arrays: weight name without its `:0` (kernel, bias, gamma, ...) to float32 array, Keras layout.
    """

    kind: str
    number: int
    arrays: dict[str, FloatArray]


def read_keras_layers(path: Path) -> list[KerasLayer]:
    """Layers with weights of a Keras 2 `.h5` file, sorted by kind and running number.

    Args:
        path: a file of `save_weights` or of a whole saved model (its `model_weights` group is read).

    Raises:
        WeightsError: missing, too large, not HDF5, or anything in it that plain weights do not need.
    """
    import h5py

    try:
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(f"{path.name}: cannot be opened ({error.strerror})") from error
    if size > MAX_FILE_BYTES:
        raise WeightsError(
            f"{path.name}: expected weights of at most {MAX_FILE_BYTES} bytes, got {size}"
        )
    try:
        with h5py.File(path, "r") as file:
            root = _child(file, "model_weights", path) if "model_weights" in file else file
            return _layers(root, path)
    except WeightsError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path.name}: not a readable Keras weights file ({error})") from error


def _layers(root: Any, path: Path) -> list[KerasLayer]:
    if len(root) > MAX_LAYERS:
        raise WeightsError(f"{path.name}: expected at most {MAX_LAYERS} layers, got {len(root)}")
    found = []
    for name in root:
        match = _LAYER.fullmatch(name)
        if match is None:
            raise WeightsError(f"{path.name}: {name[:60]!r} is not the name of a Keras layer")
        arrays: dict[str, FloatArray] = {}
        _collect(_child(root, name, path), arrays, path, _MAX_DEPTH)
        if arrays:
            found.append(KerasLayer(match[1], int(match[2] or 0), arrays))
    return sorted(found, key=lambda layer: (layer.kind, layer.number))


def _collect(group: Any, arrays: dict[str, FloatArray], path: Path, depth: int) -> None:
    import h5py

    if not isinstance(group, h5py.Group) or depth == 0 or len(group) > 8:
        raise WeightsError(f"{path.name}: {group.name!r} is not laid out as Keras lays out a layer")
    for name in group:
        child = _child(group, name, path)
        if isinstance(child, h5py.Dataset):
            key = name.split(":")[0]
            if key in arrays:
                raise WeightsError(f"{path.name}: {group.name!r} holds {key!r} twice")
            arrays[key] = _array(child, path)
        else:
            _collect(child, arrays, path, depth - 1)


def _child(group: Any, name: str, path: Path) -> Any:
    """A member behind a hard link: soft and external links can point anywhere."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise WeightsError(f"{path.name}: {name[:60]!r} is a link to elsewhere; it is not followed")
    return group[name]


def _array(data: Any, path: Path) -> FloatArray:
    plain = data.chunks is None and not data.is_virtual and not data.external
    if not plain or data.dtype.kind != "f" or data.ndim > 4 or data.size > MAX_VALUES:
        raise WeightsError(
            f"{path.name}: {data.name!r}: expected a plain array of floats with at most 4 axes and "
            f"{MAX_VALUES} values, got {data.dtype} {data.shape}, stored "
            f"{'plainly' if plain else 'compressed, virtually or in another file'}"
        )
    values = np.asarray(data[()], dtype=np.float32)
    if not np.isfinite(values).all():
        raise WeightsError(f"{path.name}: {data.name!r} holds values that are not finite")
    return values
