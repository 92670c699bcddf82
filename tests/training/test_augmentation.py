"""Differentiable augmentation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likeness.errors import ConfigError  # noqa: E402
from likeness.training.augmentation import KINDS, augmented  # noqa: E402


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_pictures_and_lets_gradients_through(kind: str) -> None:
    torch.manual_seed(1)
    images = torch.rand(6, 3, 16, 16, requires_grad=True)
    changed = augmented(images, (kind,))
    assert changed.shape == images.shape
    assert not torch.allclose(changed, images)
    changed.square().sum().backward()
    assert float(images.grad.abs().sum()) > 0.0


def test_without_kinds_pictures_stay_as_they_are() -> None:
    images = torch.rand(2, 3, 16, 16)
    assert augmented(images, ()) is images


def test_a_cut_picture_is_grey_in_a_square_and_untouched_outside() -> None:
    torch.manual_seed(2)
    images = 0.5 + torch.rand(8, 3, 16, 16)
    cut = augmented(images, ("cutout",))
    gone = (cut == 0).all(dim=1)
    assert torch.equal(cut[~gone[:, None].expand_as(cut)], images[~gone[:, None].expand_as(cut)])
    assert all(1 <= int(g.sum()) <= 64 for g in gone)


def test_a_moved_picture_is_the_same_one_elsewhere() -> None:
    torch.manual_seed(3)
    images = torch.zeros(16, 3, 16, 16)
    images[:, :, 8, 8] = 1.0
    moved = augmented(images, ("translation",))
    places = [tuple(int(v) for v in m[0].nonzero()[0]) for m in moved]
    assert len(set(places)) > 3
    assert all(abs(y - 8) <= 2 and abs(x - 8) <= 2 for y, x in places)


def test_every_picture_is_changed_in_its_own_way() -> None:
    torch.manual_seed(4)
    same = torch.rand(1, 3, 16, 16).expand(4, -1, -1, -1)
    changed = augmented(same)
    assert not torch.allclose(changed[0], changed[1])


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="blur"):
        augmented(torch.rand(1, 3, 8, 8), ("blur",))
