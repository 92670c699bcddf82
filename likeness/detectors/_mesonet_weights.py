"""Weights of Meso4 and MesoInception4: which arrays they have, and how other people's files become those.

Both networks end, as published, in P(real). Arrays carry torch's names and layout (`likeness.networks.mesonet`); the
graphs beside the shipped weights declare the same names and hold no values.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from likeness import weights
from likeness.errors import WeightsError
from likeness.types import FloatArray
from likeness.weights.keras import KerasLayer, read_keras_layers

ARCHITECTURES = ("meso4", "mesoinception4")
BN_EPS = 1e-3
MAX_FILE_BYTES = 16 * 2**20
_BRANCHES = {  # branch: kernel side, whether it reads the block's input
    "a": (1, True), "b1": (1, True), "b2": (3, False), "c1": (1, True), "c2": (3, False),
    "d1": (1, True), "d2": (3, False),
}  # fmt: skip
_BN_KEYS = {
    "weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance",
}  # fmt: skip
_PREFIX = {"conv2d": "conv", "batch_normalization": "bn", "dense": "dense"}


def weight_shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of an architecture, torch layout, in the order in which Keras numbers layers."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, inputs: int, outputs: int, side: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs, side, side), (outputs,)

    if architecture == "meso4":
        widths = (8, 8)
        conv("conv1", 3, 8, 3)
        conv("conv2", 8, 8, 5)
    else:
        widths = (11, 12)
        for i, inputs, widths_abcd in ((1, 3, (1, 4, 4, 2)), (2, 11, (2, 4, 4, 2))):
            width = dict(zip("abcd", widths_abcd, strict=True))
            for branch, (side, first) in _BRANCHES.items():
                w = width[branch[0]]
                conv(f"conv{i}.{branch}", inputs if first else w, w, side)
    conv("conv3", widths[1], 16, 5)
    conv("conv4", 16, 16, 5)
    for i, w in enumerate((*widths, 16, 16), start=1):
        shapes.update({f"bn{i}.{key}": (w,) for key in _BN_KEYS})
    shapes.update({"dense1.weight": (16, 1024), "dense1.bias": (16,)})
    shapes.update({"dense2.weight": (1, 16), "dense2.bias": (1,)})
    return shapes


def load_weights(path: Path) -> tuple[str, dict[str, FloatArray]]:
    """Architecture and arrays (torch names and layout) of a `.h5` or `.safetensors` file.

    Raises:
        WeightsError: neither architecture has exactly these arrays, or the file is damaged.
    """
    if not path.is_file():
        raise WeightsError(f"{path.name}: there is no such file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise WeightsError(f"{path.name}: expected at most {MAX_FILE_BYTES} bytes of weights")
    if path.suffix == ".safetensors":
        arrays = weights.load_arrays(path)[0]
    elif path.suffix in (".h5", ".hdf5"):
        arrays = _from_keras(path)
    else:
        raise WeightsError(f"{path.name}: expected a .h5 or a .safetensors file")
    actual = {name: array.shape for name, array in arrays.items()}
    for architecture in ARCHITECTURES:
        if actual == weight_shapes(architecture):
            if not all(a.dtype == np.float32 and np.isfinite(a).all() for a in arrays.values()):
                raise WeightsError(f"{path.name}: expected finite float32 values only")
            return architecture, arrays
    raise WeightsError(
        f"{path.name}: expected the arrays of meso4 or of mesoinception4, got {len(actual)} arrays "
        f"of other shapes; nothing was loaded"
    )


def tag_of(architecture: str, path: Path) -> str:
    """What a report calls these weights: architecture, file name and the start of its hash."""
    return f"{architecture}:{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def open_session(architecture: str, arrays: dict[str, FloatArray]) -> Any:
    """An onnxruntime session of the shipped graph with these weights packed into it.

    Its input is `image` (N, 256, 256, 3) uint8 RGB, its output `logit` (N,) float32 of P(real).
    """
    ort = weights.runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(a)) for a in arrays.values()]
    options.add_external_initializers(list(arrays), values)
    path = weights.path_of("mesonet", f"{architecture}.onnx")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no public base
        raise WeightsError(f"{path.name}: onnxruntime cannot load it ({error})") from error


def _from_keras(path: Path) -> dict[str, FloatArray]:
    """The authors' files: within a kind, layers are numbered in the order in which the published code makes them.

    That is not the order of the file's `layer_names` (the graph's), which would exchange branches of equal shape.
    """
    layers = read_keras_layers(path)
    kinds = {kind: [x for x in layers if x.kind == kind] for kind in _PREFIX}
    for architecture in ARCHITECTURES:
        shapes = weight_shapes(architecture)
        names = {
            k: [n for n in _layer_names(shapes) if n.startswith(v)] for k, v in _PREFIX.items()
        }
        if sum(map(len, names.values())) == len(layers) and all(
            len(names[kind]) == len(kinds[kind]) for kind in kinds
        ):
            return {
                name: array
                for kind, found in kinds.items()
                for layer, prefix in zip(found, names[kind], strict=True)
                for name, array in _torch_layout(layer, prefix)
            }
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in kinds.items())
    raise WeightsError(
        f"{path.name}: expected the layers of meso4 (4 conv2d, 4 batch_normalization, 2 dense) or "
        f"of mesoinception4 (16, 4, 2), got {counts}, {len(layers)} layers in all"
    )


def _layer_names(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    return list(dict.fromkeys(name.rpartition(".")[0] for name in shapes))


def _torch_layout(layer: KerasLayer, prefix: str) -> list[tuple[str, FloatArray]]:
    if layer.kind == "batch_normalization":
        keys = {keras: ours for ours, keras in _BN_KEYS.items()}
    else:
        keys = {"kernel": "weight", "bias": "bias"}
    if set(layer.arrays) != set(keys):
        raise WeightsError(
            f"layer {layer.kind}_{layer.number}: expected {sorted(keys)}, got {sorted(layer.arrays)}"
        )
    arrays = dict(layer.arrays)
    if "kernel" in arrays and arrays["kernel"].ndim in (2, 4):  # (h, w, in, out) or (in, out)
        kernel = arrays["kernel"]
        arrays["kernel"] = kernel.T if kernel.ndim == 2 else kernel.transpose(3, 2, 0, 1)
    return [(f"{prefix}.{keys[key]}", array) for key, array in arrays.items()]
