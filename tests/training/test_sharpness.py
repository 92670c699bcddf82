"""Tests of sharpness-aware steps."""

from __future__ import annotations

import pytest
import torch

from likeness.training import FitConfig, fit
from likeness.training.sharpness import worst_nearby


def _net() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1)
    )


def test_the_model_is_left_as_it_was_to_the_bit() -> None:
    net = _net()
    x = torch.randn(16, 4)
    net(x).square().mean().backward()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    places = [p.detach().clone() for p in net.parameters()]
    with worst_nearby(net, 0.05):
        moved = torch.cat(
            [(p - q).flatten() for p, q in zip(net.parameters(), places, strict=True)]
        )
        net(x)  # batch normalisation counts it
    assert float(moved.detach().norm()) == pytest.approx(0.05, rel=1e-3)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


def test_the_loss_is_worse_there() -> None:
    net, x = _net().eval(), torch.randn(32, 4)
    loss = net(x).square().mean()
    loss.backward()
    with worst_nearby(net, 0.05):
        assert float(net(x).detach().square().mean()) > float(loss.detach())
    with pytest.raises(RuntimeError, match="fails"), worst_nearby(net, 0.05):
        raise RuntimeError("fails")
    assert float(net(x).detach().square().mean()) == float(loss.detach())


@pytest.mark.parametrize(("flat", "flat_from", "alike"), [(0.1, 6, True), (0.1, 3, False)])
def test_it_counts_from_its_step_on(tmp_path, flat: float, flat_from: int, alike: bool) -> None:
    found = []
    for name, radius in (("plain", 0.0), ("flat", flat)):
        net = _net()
        fit(
            net,
            lambda model, x: model(x).square().mean(),
            lambda number, rng: torch.from_numpy(rng.normal(size=(8, 4)).astype("float32")),
            FitConfig(
                steps=6,
                out=tmp_path / name,
                optimiser=lambda p: torch.optim.SGD(p),
                learning_rate=lambda step: 0.1,
                flat=radius,
                flat_from=flat_from,
            ),
        )
        found.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(*found) is alike
