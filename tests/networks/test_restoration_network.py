"""The restoration network: what it costs, that it starts as the identity, and that all of it learns."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from likeness.networks.cost import multiply_accumulates
from likeness.networks.restoration import RandomFeatures, RestorationNet, ShippedRestoration

RECIPES = Path(__file__).parents[2] / "recipes"


def sizes(recipe: str) -> tuple[dict, int]:
    table = dict(tomllib.loads((RECIPES / recipe).read_text("utf-8"))["network"])
    return table, table.pop("size_px")


def test_the_recipe_for_a_cpu_stays_within_two_giga_multiply_accumulates() -> None:
    table, size = sizes("restore.toml")
    cost = multiply_accumulates(RestorationNet(**table), torch.zeros(1, 3, size, size))
    assert size == 192 and 0.2e9 < cost <= 2e9
    whole = multiply_accumulates(RestorationNet(), torch.zeros(1, 3, 192, 192))
    assert whole <= 2e9


@pytest.mark.parametrize("fold", [2, 3, 4])
def test_untrained_it_gives_back_what_it_gets(fold: int) -> None:
    images = torch.rand(2, 3, 24, 36)
    assert torch.equal(RestorationNet(8, 4, 1, 1, 2, fold)(images), images)


def test_every_weight_learns_once_the_last_ones_are_not_zero() -> None:
    network = RestorationNet(8, 4, 2, 2, 3, 4, 4)
    for layer in (network.last, network.polish[-1]):
        torch.nn.init.normal_(layer.weight, 0.0, 0.1)
    (network(torch.rand(1, 3, 16, 16)) - 0.5).abs().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_what_is_shipped_stays_within_the_range() -> None:
    network = RestorationNet(8, 4, 1, 1, 2)
    torch.nn.init.constant_(network.polish[-1].bias, 5.0)
    assert ShippedRestoration(network)(torch.rand(1, 3, 8, 8)).max() == 1.0


def test_random_features_are_fixed_and_see_detail() -> None:
    features = RandomFeatures()
    images = torch.rand(1, 3, 32, 32)
    assert not any(p.requires_grad for p in features.parameters())
    first, again = features(images), RandomFeatures()(images)
    assert [f.shape[-1] for f in first] == [16, 8, 4]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    smooth = torch.nn.functional.avg_pool2d(images, 3, 1, 1)
    assert (features(smooth)[0] - first[0]).abs().mean() > 0.01
