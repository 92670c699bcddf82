"""The autoencoders: published numbers of the classic one, the arithmetic of ours, how identities pass through them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likeness.networks.autoencoder_blocks import SIDES, SwapHalf  # noqa: E402
from likeness.networks.autoencoder_hd import HdAutoencoder  # noqa: E402
from likeness.networks.autoencoder_light import LightAutoencoder  # noqa: E402
from likeness.networks.autoencoder_original import OriginalAutoencoder  # noqa: E402
from likeness.networks.cost import multiply_accumulates, parameters  # noqa: E402
from likeness.networks.patch_discriminator import PatchDiscriminator  # noqa: E402

TINY_LIGHT = {
    "input_px": 32, "output_px": 32, "encoder": (8, 8), "code": 8, "start_px": 4, "shared": (8, 8), "decoder": (8,), "unfold": 2,
}  # fmt: skip
TINY_HD = {"size_px": 32, "encoder": 4, "code": 8, "inter": 8, "decoder": 4}


def tiny(kind: str):
    if kind == "light":
        return LightAutoencoder(**TINY_LIGHT)
    return HdAutoencoder(kind, **TINY_HD)


@pytest.fixture(scope="module")
def original():
    return OriginalAutoencoder()


def test_the_classic_network_has_its_published_numbers(original):
    assert parameters(original) == 82_062_470
    encoder = parameters(original) - parameters(original.decoders)
    assert (encoder, parameters(original.decoders["source"])) == (69_662_976, 6_199_747)
    cost = multiply_accumulates(SwapHalf(original), torch.zeros(1, 3, 64, 64))
    assert round(cost / 1e9, 2) == 1.90
    encoded = original.encode(torch.zeros(1, 3, 64, 64))
    assert encoded.shape == (1, 512, 8, 8)
    assert (
        round((cost - multiply_accumulates(original.decoders["source"], encoded)) / 1e9, 2) == 0.97
    )


def test_ours_does_less_than_a_tenth_of_the_arithmetic(original):
    network = LightAutoencoder()
    images = torch.zeros(1, 3, network.input_px, network.input_px)
    cost = multiply_accumulates(SwapHalf(network), images)
    assert cost <= 0.19e9
    assert cost <= multiply_accumulates(SwapHalf(original), torch.zeros(1, 3, 64, 64)) / 10
    assert SwapHalf(network)(images).shape == (1, 4, 128, 128)


def test_cost_counts_what_can_be_counted_by_hand():
    conv = torch.nn.Conv2d(3, 8, 3, padding=1)
    assert multiply_accumulates(conv, torch.zeros(2, 3, 10, 10)) == 2 * 100 * 8 * 27
    assert multiply_accumulates(torch.nn.Linear(5, 7), torch.zeros(4, 5)) == 4 * 35


def test_a_deeper_classic_network_has_five_convolutions():
    network = OriginalAutoencoder(depth=5, code=32)
    assert len(network.convs) == 5
    assert network.stages(torch.zeros(1, 3, 64, 64))[-1].shape == (1, 1024, 2, 2)


@pytest.mark.parametrize("kind", ["light", "df", "liae"])
def test_both_identities_are_drawn_and_a_swap_is_the_sources_drawing(kind):
    network = tiny(kind).eval()
    a, b = torch.rand(2, 2, 3, 32, 32)
    source, target = network(a, b)
    assert source.shape == target.shape == (2, 4, 32, 32)
    assert float(source.detach().min()) >= 0 and float(source.detach().max()) <= 1
    half = SwapHalf(network)
    assert torch.allclose(half(a), source, atol=1e-5)
    if kind != "light":  # ours begins at the mean face, the same for both while nothing is learned
        assert not torch.allclose(half(b), target, atol=1e-5)


def test_liae_draws_the_source_without_the_targets_own_code():
    network = tiny("liae")
    network(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))[0].sum().backward()
    own = [p.grad for p in network.inters["own"].parameters()]
    assert all(g is None or not g.any() for g in own)
    assert any(p.grad.any() for p in network.inters["common"].parameters())


def test_ours_begins_at_the_mean_face():
    network = tiny("light")
    mean = torch.full((4, 32, 32), 0.3)
    mean[:, :16] = 0.8
    network.start_from("target", mean)
    drawn = network.decode(network.encode(torch.rand(2, 3, 32, 32)), "target")
    assert torch.allclose(drawn[1], mean, atol=1e-5)
    other = network.decode(network.encode(torch.rand(1, 3, 32, 32)), "source")
    assert torch.allclose(other, torch.full_like(other, 0.5))


@pytest.mark.parametrize("kind", ["light", "df", "liae"])
def test_every_parameter_learns(kind):
    network = tiny(kind)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(2):  # the first step only moves what starts at zero
        optimiser.zero_grad()
        source, target = network(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32))
        (source.square().mean() + target.square().mean()).backward()
        optimiser.step()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@pytest.mark.parametrize("change", [{"output_px": 64}, {"input_px": 36}])
def test_sizes_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError, match="_px"):
        LightAutoencoder(**{**TINY_LIGHT, **change})


def test_initialisation_is_a_function_of_the_seed():
    same, other = HdAutoencoder("df", **TINY_HD, seed=0), HdAutoencoder("df", **TINY_HD, seed=1)
    first = tiny("df").state_dict()
    torch.rand(3)
    assert all(torch.equal(v, first[k]) for k, v in same.state_dict().items())
    assert any(not torch.equal(v, first[k]) for k, v in other.state_dict().items())


def test_the_discriminator_scores_patches():
    judge = PatchDiscriminator((4, 8, 8))
    images = torch.rand(1, 3, 64, 64)
    scores = judge(images)
    assert scores.shape == (1, 1, 8, 8)
    changed = images.clone()
    changed[..., :8, :8] = 0
    moved = (judge(changed) - scores).abs()[0, 0] > 1e-7
    assert moved[0, 0] and not moved[5:, 5:].any()  # a patch is judged by its surroundings alone
    assert SIDES == ("source", "target")
