"""The torch modules agree with the shipped graphs and with the paper's counts."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness import weights  # noqa: E402
from likeness.detectors._mesonet_weights import ARCHITECTURES, weight_shapes  # noqa: E402
from likeness.detectors.mesonet import Config, build  # noqa: E402
from likeness.networks.mesonet import MesoNet  # noqa: E402


def arrays_of(model: torch.nn.Module) -> dict[str, np.ndarray]:
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


@pytest.mark.parametrize(("architecture", "count"), [("meso4", 27_977), ("mesoinception4", 28_615)])
def test_trainable_parameters_are_the_published_number(architecture, count):
    assert sum(p.numel() for p in MesoNet(architecture).parameters()) == count


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_names_and_shapes_are_those_of_the_graph(architecture):
    shapes = {k: v.shape for k, v in arrays_of(MesoNet(architecture)).items()}
    assert shapes == weight_shapes(architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_onnx_and_torch_agree(architecture, tmp_path):
    model = MesoNet(architecture, seed=4)
    with torch.no_grad():  # statistics that are not the identity
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    path = tmp_path / "own.safetensors"
    weights.save_arrays(path, arrays_of(model), {})
    images = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).numpy()
    actual = build(Config(weights=str(path))).score_crops(images)
    assert np.abs(actual + expected).max() < 1e-5


def test_the_seed_decides_the_initialisation():
    a, b, c = (arrays_of(MesoNet(seed=s))["conv3.weight"] for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert a.std() == pytest.approx(np.sqrt(2 / (8 * 25)), rel=0.05)  # He et al. 2015
