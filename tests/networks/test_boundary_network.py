"""The boundary network: cost, what it is blind to, its shipped graph, and a run that is stopped and goes on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness import weights  # noqa: E402
from likeness.detectors import _boundary_network_training as training  # noqa: E402
from likeness.detectors._boundary_crop import CELL_PX  # noqa: E402
from likeness.detectors._boundary_crop import SIZE_PX as CROP_PX  # noqa: E402
from likeness.networks.boundary import (  # noqa: E402
    MAP,
    SIZE_PX,
    VIEWS,
    BoundaryNet,
    FixedViews,
)
from likeness.networks.convolutions import Shipped  # noqa: E402
from likeness.networks.cost import multiply_accumulates, parameters  # noqa: E402
from likeness.training import FitConfig, exporting  # noqa: E402
from likeness.training.schedules import rise_and_fall  # noqa: E402


def crops(count: int = 2, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 200, (count, 20, 20, 3), np.uint8)
    return torch.from_numpy(
        small.repeat(8, 1).repeat(8, 2) + rng.integers(0, 8, (count, 160, 160, 3), np.uint8)
    )


def twins(count: int = 8) -> training.Seen:
    rng = np.random.default_rng(3)
    views = rng.normal(size=(2 * count, VIEWS, MAP, MAP)).astype(np.float16)
    return training.Seen(views, rng.integers(0, 256, (count, MAP, MAP), np.uint8))


def run_config(out, steps: int, **more) -> FitConfig:
    return FitConfig(
        steps=steps,
        out=out,
        optimiser=torch.optim.AdamW,
        learning_rate=lambda step: rise_and_fall(step, 6, 1e-3),
        checkpoint_every_steps=2,
        average=0.9,
        **more,
    )


def test_it_is_small() -> None:
    network = BoundaryNet()
    fixed = sum(b.numel() for n, b in network.named_buffers() if n.startswith("views.filters"))
    fixed_cost = fixed * SIZE_PX * SIZE_PX  # functions are not counted as layers are
    assert parameters(network) < 300_000
    assert multiply_accumulates(network.eval(), crops(1)) + fixed_cost < 50_000_000


def test_crop_and_network_agree_on_sizes() -> None:
    assert CROP_PX == SIZE_PX and CROP_PX // CELL_PX == MAP
    drawn, logit = BoundaryNet().eval()(crops(3))
    assert drawn.shape == (3, MAP, MAP) and logit.shape == (3,)


def test_fixed_views_see_detail_and_nothing_else_of_a_flat_picture() -> None:
    views = FixedViews()
    flat = torch.full((1, SIZE_PX, SIZE_PX, 3), 90, dtype=torch.uint8)
    energies = views(flat)[0, 3:]
    assert torch.allclose(energies, torch.full_like(energies, float(np.log(0.2))), atol=1e-3)
    flat[0, 80:84, 80:84] += (torch.rand(4, 4, 3, generator=torch.manual_seed(0)) * 50).byte()
    energies = views(flat)[0, 3:]
    assert (energies[:, 20, 20] > 0).all() and (energies[:, 5, 5] < 0).all()


def test_a_brighter_picture_is_the_same_picture() -> None:
    network = BoundaryNet(seed=2).eval()
    x = crops()
    with torch.inference_mode():
        a, b = network(x), network(x + 20)
    assert torch.allclose(a[0], b[0], atol=1e-3) and torch.allclose(a[1], b[1], atol=1e-3)


def test_the_seed_decides_the_initialisation() -> None:
    first = [BoundaryNet(s).fine[0][0].weight for s in (1, 1, 2)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_the_shipped_graph_is_the_shipped_network() -> None:
    arrays, _ = weights.load_arrays(weights.path_of("boundary", exporting.TENSORS))
    network = BoundaryNet().eval()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
    images = crops(3)
    with torch.inference_mode():
        drawn, logit = Shipped(network)(images)
    session = weights.session(weights.path_of("boundary", exporting.GRAPH), 1)
    actual = session.run(["boundary", "logit"], {"images": images.numpy()})
    assert np.abs(actual[0] - drawn.numpy()).max() < exporting.TOLERANCE
    assert np.abs(actual[1] - logit.numpy()).max() < exporting.TOLERANCE


def test_both_members_of_a_pair_are_changed_alike() -> None:
    seen = twins(6)
    same = dataclasses.replace(seen, views=seen.views[::2].repeat(2, axis=0))
    views, lines = training.batches_of(same, 4, 0)(0, np.random.default_rng(5))
    assert torch.equal(views[:4], views[4:])
    assert not lines[:4].any() and lines[4:].any()


def test_the_boundary_moves_with_the_picture() -> None:
    seen = twins(5)
    seen.views[1::2, 0] = seen.lines  # the first view of a twin is its boundary
    views, lines = training.batches_of(seen, 5, 0)(1, np.random.default_rng(5))
    assert torch.allclose(views[5:, 0] / 255, lines[5:], atol=1e-3)


def test_a_stopped_run_ends_with_the_same_bits(tmp_path) -> None:
    def trained(out, stops):
        for steps in stops:
            network = BoundaryNet(1)
            batches = training.batches_of(twins(), 2, 0)
            result = training.fit(network, training.loss, batches, run_config(out, steps))
        return network, result

    whole, _ = trained(tmp_path / "a", [6])
    parts, result = trained(tmp_path / "b", [4, 6])
    assert result.resumed_from == 4
    for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_learns_where_a_line_is() -> None:
    """Twins whose boundary stands in one of the views: a few steps find it."""
    seen = twins(8)
    seen.views[1::2, 5] += seen.lines / np.float16(64)
    network = BoundaryNet(0)
    batch = training.batches_of(seen, 8, 0)(0, np.random.default_rng(0))
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        value = training.loss(network, batch)
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert losses[-1] < 0.8 * losses[0]
    with torch.inference_mode():
        drawn, logit = network.eval().read(batch[0])
    assert training.correlation(drawn[8:].numpy(), batch[1][8:].numpy()) > 0.1
    assert float(logit[8:].mean()) > float(logit[:8].mean())


def test_correlation_is_pearson_per_crop() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, MAP, MAP)).astype(np.float32)
    expected = np.mean([np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)])
    assert training.correlation(a, b) == pytest.approx(expected, abs=1e-5)
    assert training.correlation(np.zeros_like(a), b) == 0.0
