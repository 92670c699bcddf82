"""The light GAN: sizes, cost, what its discriminator promises."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likeness.errors import ConfigError  # noqa: E402
from likeness.networks.cost import multiply_accumulates  # noqa: E402
from likeness.networks.light_gan import (  # noqa: E402
    LightDiscriminator,
    LightGenerator,
    SpectralConv2d,
)

NARROW = (8, 8, 8, 8, 8)


def test_a_face_of_64_px_costs_little_enough_for_a_cpu() -> None:
    generator = LightGenerator().eval()
    assert multiply_accumulates(generator, torch.zeros(1, 128)) <= 150_000_000


@pytest.mark.parametrize("size", [64, 96, 128])
def test_every_size_is_drawn_judged_and_drawn_again(size: int) -> None:
    generator = LightGenerator(size, latent=16, widths=NARROW)
    drawn = generator(torch.randn(2, 16))
    assert drawn.shape == (2, 3, size, size)
    assert float(drawn.detach().abs().max()) <= 1.0
    net = LightDiscriminator(size, width=4)
    logits, error = net.studied(drawn, drawn)
    assert logits.shape == (2,)
    assert float(error.detach()) > 0.0


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="size_px"):
        LightGenerator(80)


def test_narrow_pictures_weigh_the_channels_of_wide_ones() -> None:
    generator = LightGenerator(latent=16, widths=NARROW).eval()
    latents = torch.randn(2, 16)
    before = generator(latents)
    with torch.no_grad():
        generator.excite[0].weigh.bias += 3.0
    assert not torch.allclose(before, generator(latents))


def test_a_convolution_is_divided_by_its_largest_singular_value() -> None:
    torch.manual_seed(0)
    conv = SpectralConv2d(3, 8, 3, 1, 1)
    torch.nn.init.normal_(conv.weight, 0.0, 5.0)
    for _ in range(50):
        conv(torch.zeros(1, 3, 8, 8))
    conv.eval()
    largest = torch.linalg.matrix_norm(conv.weight.flatten(1), 2)
    x = torch.randn(1, 3, 8, 8)
    plain = torch.nn.functional.conv2d(x, conv.weight / largest, conv.bias, 1, 1)
    assert torch.allclose(conv(x), plain, atol=1e-4)


def test_what_it_says_of_a_face_does_not_depend_on_the_faces_beside_it() -> None:
    net = LightDiscriminator(width=4).eval()
    faces = torch.randn(4, 3, 64, 64)
    assert torch.allclose(net(faces)[1], net(faces[1:2])[0], atol=1e-5)


def test_drawing_again_teaches_the_layers_before_it() -> None:
    net = LightDiscriminator(width=4)
    faces = torch.randn(2, 3, 64, 64)
    net.studied(faces, faces)[1].backward()
    assert float(net.first.weight.grad.abs().sum()) > 0.0
    assert net.score.weight.grad is None
