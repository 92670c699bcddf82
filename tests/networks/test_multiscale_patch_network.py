"""The multi-scale patch network: its cost, its three crops, and the spectrum that it must learn to draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness import registry, testing
from likeness.detectors import _multiscale_patch_training as training
from likeness.detectors._self_blended_crop import crops_of as face_crops
from likeness.detectors._self_blended_crop import phase_only
from likeness.detectors._self_blended_network_training import Batch, Learner
from likeness.networks.convolutions import Shipped
from likeness.networks.cost import multiply_accumulates, parameters
from likeness.networks.multiscale_patch import (
    CROPS,
    PATCHES,
    MultiscalePatchNet,
    crops_of,
    spectrum_of,
)
from likeness.networks.self_blended import SIZE_PX, VIEWS, FixedViews
from likeness.training.exporting import export


def views(image: np.ndarray) -> torch.Tensor:
    """(1, 73, 40, 40) of a (160, 160, 3) picture."""
    one = np.ascontiguousarray(image[None])
    return FixedViews()(torch.from_numpy(one), torch.from_numpy(phase_only(one)))


def test_it_is_small() -> None:
    network = MultiscalePatchNet().eval()
    one = torch.zeros(1, 2, SIZE_PX, SIZE_PX, 3, dtype=torch.uint8)
    assert parameters(network) <= 0.5e6
    assert multiply_accumulates(network, one, torch.zeros(1, 2, SIZE_PX, SIZE_PX)) <= 0.06e9


def test_three_crops_are_seen() -> None:
    drawn = torch.arange(40 * 40.0).reshape(1, 1, 1, 40, 40).repeat(1, 2, VIEWS, 1, 1)
    tight, wide, inner = crops_of(drawn)
    assert tight.shape == wide.shape == (1, VIEWS, 40, 40) and inner.shape == (1, VIEWS, 20, 20)
    assert inner[0, 0, 0, 0] == 10 * 40 + 10
    network = MultiscalePatchNet(1).eval()
    for scale in range(CROPS):  # each has a say
        torch.nn.init.ones_(network.scales[scale].patch.weight)
        patches, _, logit = network.looks(torch.rand(2, 2, VIEWS, 40, 40))
        assert patches.shape == (2, PATCHES, PATCHES) and bool((logit != 0).all())
        torch.nn.init.zeros_(network.scales[scale].patch.weight)


@pytest.mark.parametrize(("across", "down"), [(44, 44), (60, 44), (44, -60)])
def test_the_spectrum_shows_a_pattern_at_its_frequency(across: int, down: int) -> None:
    """A plane wave of that many periods lies that many steps from the middle, eight to a cell."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    rng = np.random.default_rng(0)
    wave = 60 * np.cos(2 * np.pi * (across * x + down * y) / SIZE_PX) + rng.normal(0, 0.3, x.shape)
    image = np.repeat(np.clip(128 + wave, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    drawn = spectrum_of(views(image))[0]
    assert drawn.shape == (20, 20)
    top = np.unravel_index(int(drawn.argmax()), drawn.shape)
    middle = SIZE_PX // 2
    places = [((middle + s * down) // 8, (middle + s * across) // 8) for s in (1, -1)]
    assert top in places


def test_its_loss_teaches_label_and_spectrum() -> None:
    torch.manual_seed(0)
    batch = Batch(
        torch.rand(8, 2, VIEWS, 40, 40),
        torch.zeros(8, 2, 20, 20),
        torch.zeros(4, dtype=torch.int64),
    )
    learner = Learner(MultiscalePatchNet(1)).train()
    training.loss(learner, batch).backward()
    assert int(learner.step) == 1
    for net in learner.network.scales:
        for layer in (net.patch, net.spectrum, net.stem[0]):
            assert float(layer.weight.grad.abs().sum()) > 0


def test_its_graph_is_a_detector(tmp_path) -> None:
    network = MultiscalePatchNet(1)
    for net in network.scales:
        torch.nn.init.normal_(net.patch.weight, std=0.1)
    clip, (track,) = testing.portrait_clip()
    sample = np.stack([c.image for c in face_crops(testing.portrait(), track.landmarks_px[0])])
    looked_at = {
        "images": sample[None].repeat(2, axis=0),
        "phase": phase_only(sample)[None].repeat(2, axis=0),
    }
    assert export(tmp_path, Shipped(network), looked_at, ("patches", "logit"), {}) < 1e-3
    options = {"weights": str(tmp_path / "network.onnx"), "threads": 1}
    found = registry.build("detectors", "multiscale_patch", options).analyse(clip, [track])
    with torch.inference_mode():
        phase = torch.from_numpy(phase_only(sample))[None]
        patches, logit = Shipped(network.eval())(torch.from_numpy(sample)[None], phase)
    assert found.score == pytest.approx(float(logit), abs=1e-3)
    assert np.allclose(found.heatmaps[0].values, patches[0].numpy(), atol=1e-3)


def test_without_weights_it_does_not_apply() -> None:
    found = registry.build("detectors", "multiscale_patch").analyse(*testing.portrait_clip())
    assert found.status == "not_applicable" and "recipes/multiscale_patch.toml" in found.note
