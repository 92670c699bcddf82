"""The network that comes out of a training run, beside what `likeness.training.run_folder` keeps there.

model.safetensors   the averaged network, both decoders
model.onnx          encoder and source decoder, with all that using it needs in its metadata
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness import weights
from likeness.errors import ConfigError, WeightsError
from likeness.training.run_folder import GRAPH, read_about

if TYPE_CHECKING:
    from likeness.networks.autoencoder_blocks import SwapNetwork

TENSORS = "model.safetensors"
FORMAT = "likeness-swap-1"
TOLERANCE = 2e-3
"""Largest difference between the graph and the network, in units of [0, 1]: half a grey level."""


@dataclass(frozen=True)
class ModelFacts:
    """What using a trained network needs to know; stored in the graph's metadata.

    Attributes:
        generator: name of the part that it belongs to.
        input_px: side of its input.
        output_px: side of its output.
        has_mask: whether it draws a mask.
        coverage: share of the crop's side that it sees and draws.
        margin: of the crops, as in `likeness.faces.align`.
        steps: optimiser steps of its training.
    """

    generator: str
    input_px: int
    output_px: int
    has_mask: bool
    coverage: float
    margin: float
    steps: int


def export(out: Path, network: SwapNetwork, facts: ModelFacts, sample: np.ndarray) -> float:
    """Write the network and its inference half, and check the half against the network.

    Args:
        out: the run folder.
        network: on any device; left in evaluation mode on the CPU.
        facts: stored beside the weights.
        sample: (N, 3, input_px, input_px) float32 real faces for the check.

    Returns:
        Largest difference between onnxruntime and torch over the sample, in units of [0, 1].

    Raises:
        WeightsError: they differ by more than `TOLERANCE`; no graph is left behind.
    """
    network = network.cpu().eval()
    state = {k: v.numpy() for k, v in network.state_dict().items()}
    told = {"format": FORMAT, "facts": json.dumps(asdict(facts))}
    weights.save_arrays(out / TENSORS, state, told)
    partial = out / f"{GRAPH}.partial"
    write_graph(partial, network, told)
    error = graph_error(partial, network, sample)
    if not error <= TOLERANCE:
        partial.unlink()
        raise WeightsError(
            f"{GRAPH}: differs from the network by {error:.4f}, at most {TOLERANCE} is allowed; the weights are in "
            f"{TENSORS}"
        )
    partial.replace(out / GRAPH)
    return error


def write_graph(path: Path, network: SwapNetwork, told: Mapping[str, str]) -> None:
    """Encoder and source decoder as ONNX: images (N, 3, s, s) -> faces (N, 3 or 4, S, S), float32 in [0, 1]."""
    import onnx
    import torch

    from likeness.networks.autoencoder_blocks import SwapHalf

    half = SwapHalf(network).eval()
    example = torch.zeros(1, 3, network.input_px, network.input_px)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch announces the end of this exporter; its successor needs another package
        torch.onnx.export(
            half,
            (example,),
            str(path),
            input_names=["images"],
            output_names=["faces"],
            dynamic_axes={"images": {0: "n"}, "faces": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    graph = onnx.load_model(str(path))
    for key, value in told.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save_model(graph, str(path))


def graph_error(graph: Path, network: SwapNetwork, sample: np.ndarray) -> float:
    """Largest difference between a graph and the network's inference half over a sample."""
    import torch

    from likeness.networks.autoencoder_blocks import SwapHalf

    with torch.inference_mode():
        expected = SwapHalf(network)(torch.from_numpy(sample)).numpy()
    actual = weights.session(graph).run(None, {"images": sample})[0]
    return float(np.abs(actual - expected).max())


def load_network(run: Path) -> SwapNetwork:
    """The whole averaged network of a run, both decoders.

    Raises:
        WeightsError: no run there, or weights of another network.
    """
    import torch

    from likeness.generators._autoencoder_settings import make_network

    settings = read_about(run).get("settings", {})
    arrays, _ = weights.load_arrays(run / TENSORS)
    try:
        network = make_network(str(settings["generator"]), dict(settings["network"]), 0)
        network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
    except (KeyError, TypeError, RuntimeError, ConfigError) as error:
        raise WeightsError(f"{run}: the weights do not fit its settings ({error})") from error
    return network.eval()


def open_graph(model: str, threads: int = 0) -> tuple[Any, ModelFacts]:
    """An onnxruntime session of a run folder or graph, and what is known of it.

    Raises:
        WeightsError: no model there, or one that this toolkit did not make.
    """
    path = Path(model)
    if path.is_dir():
        path = path / GRAPH
    if not model or not path.is_file():
        raise WeightsError(
            f"no trained model at {model or '(none given)'}: expected a run folder with {GRAPH}; make one with: "
            "likeness train recipes/swap_light.toml --source FACES --target FACES -o RUN"
        )
    session = weights.session(path, threads)
    told = session.get_modelmeta().custom_metadata_map
    try:
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']!r}")
        facts = ModelFacts(**json.loads(told["facts"]))
        _check(facts)
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path.name}: not a model of an autoencoder of Likeness ({error})"
        ) from error
    return session, facts


def _check(facts: ModelFacts) -> None:
    whole = all(isinstance(v, int) and 16 <= v <= 4096 for v in (facts.input_px, facts.output_px))
    if not whole or not 0.1 <= facts.coverage <= 1 or not 0 <= facts.margin <= 4:
        raise ValueError(f"impossible sizes {facts}")
