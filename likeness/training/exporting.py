"""A trained network as it is shipped: safetensors, and a graph for onnxruntime that is checked against it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from likeness import weights
from likeness.errors import WeightsError

TENSORS, GRAPH = "network.safetensors", "network.onnx"
TOLERANCE = 1e-3
"""Largest difference between the graph and the network, in units of each output."""


def export(
    out: Path,
    shipped: torch.nn.Module,
    sample: Mapping[str, npt.NDArray[Any]],
    outputs: Sequence[str],
    facts: Mapping[str, str],
) -> float:
    """Write a network as safetensors and as a graph, and check one against the other.

    Args:
        out: folder of the weights.
        shipped: the trained network with the inputs and outputs of the graph; left on the CPU in evaluation mode.
        sample: name of each input, in order -> (N, ...) array of it to check with; N is free in the graph.
        outputs: names of the outputs.
        facts: stored beside the arrays.

    Returns:
        Largest difference between onnxruntime and torch over the sample.

    Raises:
        WeightsError: they differ by more than `TOLERANCE`, or either gives no number; no graph is left behind.
    """
    shipped = shipped.cpu().eval()
    arrays = {k.removeprefix("network."): v.numpy() for k, v in shipped.state_dict().items()}
    weights.save_arrays(out / TENSORS, arrays, dict(facts))
    partial = out / f"{GRAPH}.partial"
    inputs = {name: torch.from_numpy(value) for name, value in sample.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this exporter
        torch.onnx.export(
            shipped,
            tuple(torch.zeros(2, *value.shape[1:], dtype=value.dtype) for value in inputs.values()),
            str(partial),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in (*inputs, *outputs)},
            opset_version=17,
            dynamo=False,
        )
    with torch.inference_mode():
        given = shipped(*inputs.values())
    expected = given if isinstance(given, tuple) else (given,)
    actual = weights.session(partial).run(None, dict(sample))
    differences = [np.abs(a - e.numpy()).max() for a, e in zip(actual, expected, strict=True)]
    error = float(np.max(differences))  # unlike Python's max it lets no NaN through
    if not error <= TOLERANCE:
        partial.unlink()
        raise WeightsError(
            f"{GRAPH}: differs from the network by {error:.4f}, at most {TOLERANCE} is allowed"
        )
    partial.replace(out / GRAPH)
    return error
