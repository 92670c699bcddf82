"""DCGAN in the sizes of the paper's best known implementation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likeness.networks.cost import parameters  # noqa: E402
from likeness.networks.dcgan import DcganDiscriminator, DcganGenerator  # noqa: E402


def test_it_has_the_published_numbers_of_parameters() -> None:
    assert parameters(DcganGenerator()) == 3_576_704
    assert parameters(DcganDiscriminator()) == 2_765_568


def test_it_draws_and_judges_faces_of_64_px() -> None:
    drawn = DcganGenerator(width=4)(torch.randn(3, 100))
    assert drawn.shape == (3, 3, 64, 64)
    assert float(drawn.detach().abs().max()) <= 1.0
    assert DcganDiscriminator(width=4)(drawn).shape == (3,)


def test_nothing_but_the_judgement_is_taught() -> None:
    net = DcganDiscriminator(width=4)
    faces = torch.randn(2, 3, 64, 64)
    logits, beside = net.studied(faces, faces)
    assert torch.equal(logits, net(faces))
    assert float(beside.detach()) == 0.0


def test_the_seed_decides_the_initialisation() -> None:
    a, b, c = (DcganGenerator(width=4, seed=s).layers[0].weight for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert float(DcganGenerator(seed=1).layers[3].weight.std()) == pytest.approx(0.02, rel=0.02)
