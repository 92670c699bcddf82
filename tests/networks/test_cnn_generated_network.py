"""The networks of `cnn_generated`: cost, what they cannot see, traces of upsampling, graph against torch, exact resume."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness import weights  # noqa: E402
from likeness.detectors import _cnn_generated_network_training as training  # noqa: E402
from likeness.detectors import _cnn_generated_patches as patches  # noqa: E402
from likeness.detectors._cnn_generated_levelling import Levelled  # noqa: E402
from likeness.detectors._cnn_generated_redrawing_training import Twin, twins_of  # noqa: E402
from likeness.errors import DataError  # noqa: E402
from likeness.networks.cnn_generated import (  # noqa: E402
    PATCH_PX,
    UPSAMPLINGS,
    Committee,
    GeneratedNet,
    HighPass,
    Redrawer,
)
from likeness.networks.cost import multiply_accumulates, parameters  # noqa: E402
from likeness.training import exporting  # noqa: E402


def noise(count: int = 2, seed: int = 0, side: int = PATCH_PX) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 180, (count, side, side, 3), np.uint8)


def material() -> training.Material:
    images = noise(6, side=128)
    pictures = tuple(
        training.Picture(image, n % 2, str(n), Levelled(image, (0.2, 0.6)))
        for n, image in enumerate(images)
    )
    twins = tuple(Twin(image, 255 - image, "nearest", "a") for image in images[:2])
    return training.Material(pictures, twins)


def test_it_is_small() -> None:
    network = GeneratedNet().eval()
    assert parameters(network) < 100_000
    assert multiply_accumulates(network, torch.from_numpy(noise(1))) < 60_000_000


def test_sizes_agree() -> None:
    assert patches.PATCH_PX == PATCH_PX
    assert GeneratedNet().eval()(torch.from_numpy(noise(3))).shape == (3,)


def test_light_and_flat_colour_are_invisible() -> None:
    network = GeneratedNet(seed=3).eval()
    torch.nn.init.normal_(network.pooled.weight, generator=torch.manual_seed(0))
    image = torch.from_numpy(noise(1))
    tinted = image + torch.tensor([40, 5, 60], dtype=torch.uint8)
    assert torch.allclose(network(image), network(tinted), atol=1e-3)
    assert not torch.allclose(network(image), network(255 - image // 2), atol=1e-3)
    flat = HighPass()(torch.full((1, PATCH_PX, PATCH_PX, 3), 90, dtype=torch.uint8))
    assert flat.abs().max() < 1e-4


def test_every_way_of_upsampling_leaves_its_own_trace_on_a_flat_picture() -> None:
    network = Redrawer(seed=1).eval()
    flat = torch.full((1, 3, 64, 64), 0.5)
    uneven = {}
    with torch.inference_mode():
        for kind in UPSAMPLINGS:
            inner = network(flat, kind)[0, :, 16:48, 16:48]
            assert network(flat, kind).shape == flat.shape
            uneven[kind] = float(inner.std(dim=(1, 2)).max())
    assert uneven["transposed"] > 1e-3 and uneven["shuffle"] > 1e-3
    assert uneven["nearest"] < 1e-5 and uneven["bilinear"] < 1e-5


def test_twins_are_as_sharp_as_their_photographs() -> None:
    from likeness.data.blends import sharpness

    pictures = [(noise(1, seed, 97)[0], str(seed)) for seed in range(3)]
    twins = twins_of(Redrawer(), pictures, lambda n: UPSAMPLINGS[n : n + 1])
    assert [t.kind for t in twins] == list(UPSAMPLINGS[:3])
    for twin in twins:
        assert twin.real.shape == twin.fake.shape == (96, 96, 3)
        assert sharpness(twin.real) == pytest.approx(sharpness(twin.fake), rel=0.15)


def test_batches_are_balanced_and_pairs_share_their_draws() -> None:
    image = noise(1, 5, 160)[0]
    same = training.Material((), (Twin(image, image, "nearest", "a"),))
    draws = training.Draws(batch=8, twin_share=1.0, lattice_share=0.0)
    images, labels = training.batches_of(same, draws)(0, np.random.default_rng(0))
    assert labels.tolist() == [0, 1] * 4
    assert torch.equal(images[0::2], images[1::2])
    images, labels = training.batches_of(material(), training.Draws(batch=12))(
        1, np.random.default_rng(1)
    )
    assert images.shape == (12, 96, 96, 3) and labels.sum() == 6


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(DataError):
        training.batches_of(training.Material((), ()), training.Draws())
    only_real = tuple(p for p in material().pictures if p.label == 0)
    with pytest.raises(DataError):
        training.batches_of(training.Material(only_real, ()), training.Draws())


def test_a_stopped_run_ends_with_the_same_bits(tmp_path) -> None:
    def run(folder: str, stops: tuple[int, ...]) -> dict[str, torch.Tensor]:
        for steps in stops:
            network = GeneratedNet(widths=(4, 4, 4), seed=2)
            config = training.fit_config(4, 1e-3, 2, tmp_path / folder, "x")
            import dataclasses

            stopped = dataclasses.replace(config, steps=steps)
            result = training.learn(network, material(), training.Draws(batch=4), stopped)
        assert result.average is not None
        return result.average.state_dict()

    once, twice = run("once", (4,)), run("twice", (2, 4))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_what_ships_is_one_network_in_two_files() -> None:
    folder = weights.FOLDER / "cnn_generated"
    arrays, _ = weights.load_arrays(folder / exporting.TENSORS)
    network = Committee(GeneratedNet() for _ in range(3)).eval()
    network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in arrays.items()})
    with torch.inference_mode():
        expected = network(torch.from_numpy(noise(4))).numpy()
    actual = weights.session(folder / exporting.GRAPH).run(None, {"images": noise(4)})[0]
    assert np.abs(actual - expected).max() <= exporting.TOLERANCE
    assert np.ptp(actual) > 1e-3
