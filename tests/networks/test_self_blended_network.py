"""The self-blending network: what it costs, what its fixed views are blind to, what its adversary hides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from likeness import testing
from likeness.detectors._self_blended_crop import crops_of, phase_only
from likeness.networks.cost import multiply_accumulates, parameters
from likeness.networks.self_blended import (
    ENERGIES,
    SIZE_PX,
    TONES,
    VIEWS,
    WIDTHS,
    FixedViews,
    SelfBlendedNet,
)

DETAIL = slice(TONES + ENERGIES, VIEWS - 16)


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    """(160, 160, 3) uint8: the face of the portrait."""
    _, (track,) = testing.portrait_clip()
    return crops_of(testing.portrait(), track.landmarks_px[0])[0].image


def views(image: np.ndarray) -> torch.Tensor:
    phase = torch.from_numpy(phase_only(image[None]))
    return FixedViews()(torch.from_numpy(np.ascontiguousarray(image[None])), phase)[0]


def test_it_is_as_small_as_it_must_be() -> None:
    network = SelfBlendedNet().eval()
    one = torch.zeros(1, 2, SIZE_PX, SIZE_PX, 3, dtype=torch.uint8)
    cost = multiply_accumulates(network, one, torch.zeros(1, 2, SIZE_PX, SIZE_PX))
    assert 0.5e6 <= parameters(network) <= 1.5e6
    assert cost <= 0.15e9  # both scales together


def test_no_pixel_is_lost_between_channels_and_cells() -> None:
    """A single bright pixel shows in the block of its own cell, at its own place in it."""
    image = np.full((SIZE_PX, SIZE_PX, 3), 100, np.uint8)
    image[4 * 11 + 2, 4 * 23 + 1] = 101  # more would be cut off
    detail = views(image)[DETAIL].unflatten(0, (3, 4, 4))
    for residual in detail:
        place = np.unravel_index(int(residual.abs().argmax()), residual.shape)
        assert place == (2, 1, 11, 23)


@pytest.mark.parametrize("change", ["contrast", "brightness", "tint"])
def test_what_the_whole_crop_shares_moves_the_views_little(crop: np.ndarray, change: str) -> None:
    amount = {"contrast": crop * 0.7, "brightness": crop * 1.0 + 12}
    amount["tint"] = crop + np.array([9.0, 0.0, -9.0])
    changed = np.clip(np.rint(amount[change]), 0, 255).astype(np.uint8)
    part = crop.copy()
    part[40:120, 40:120] = cv2.GaussianBlur(crop, (0, 0), 1.5)[40:120, 40:120]
    before = views(crop)[: TONES + ENERGIES]
    whole = float((views(changed)[: TONES + ENERGIES] - before).abs().mean())
    assert whole < 0.5 * float((views(part)[: TONES + ENERGIES] - before).abs().mean())


def test_the_phase_does_not_know_how_soft_a_picture_is(crop: np.ndarray) -> None:
    """Blur divides amplitudes and leaves the phase: the phase image changes far less than the fine detail does."""
    spectrum = np.fft.rfft2(crop.astype(np.float64), axes=(0, 1))
    fy, fx = np.fft.fftfreq(SIZE_PX)[:, None], np.fft.rfftfreq(SIZE_PX)[None]
    gain = np.exp(-8.0 * (fy**2 + fx**2))[
        ..., None
    ]  # a circular blur: nothing at the border changes
    soft = np.clip(np.rint(np.fft.irfft2(spectrum * gain, (SIZE_PX, SIZE_PX), axes=(0, 1))), 0, 255)
    first, second = phase_only(np.stack([crop, soft.astype(np.uint8)]))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.75
    residual = [cv2.Laplacian(x.astype(np.float32), cv2.CV_32F).std() for x in (crop, soft)]
    assert residual[1] < 0.75 * residual[0]


def test_a_flat_picture_has_views_without_accidents() -> None:
    seen = views(np.full((SIZE_PX, SIZE_PX, 3), 128, np.uint8))
    assert bool(torch.isfinite(seen).all()) and float(seen.abs().max()) < 1e-3


def test_the_adversary_hides_the_cells_that_speak_most() -> None:
    torch.manual_seed(0)
    network = SelfBlendedNet().eval()
    torch.nn.init.normal_(network.label.weight, std=0.1)
    deep = torch.rand(4, WIDTHS[-1], 5, 5)
    kept = network._hidden(deep, 1 / 3)
    hidden = (kept == 0).all(dim=1)
    assert hidden.flatten(1).sum(1).tolist() == [8] * 4  # a third of 25 cells
    weights = network.label.weight[0, : 2 * 2 * WIDTHS[-1]].view(2, 2, -1)[:, 0]
    says = torch.einsum("nscyx,sc->nsyx", deep.unflatten(0, (-1, 2)), weights).flatten(0, 1)
    for cells, mask in zip(says, hidden, strict=True):
        assert float(cells[mask].min().detach()) >= float(cells[~mask].max().detach())


def test_a_seed_fixes_the_first_weights() -> None:
    one, again, other = (SelfBlendedNet(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[k], again[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)
