"""The parts of the picture loss."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likeness.errors import ConfigError  # noqa: E402
from likeness.training import losses  # noqa: E402
from likeness.training.losses import LossConfig, picture_loss  # noqa: E402

NOTHING = dict.fromkeys(("l1", "l2", "dssim", "edge", "mask"), 0.0)


@pytest.fixture
def pictures():
    torch.manual_seed(0)
    wanted = torch.rand(2, 3, 32, 32)
    areas = torch.zeros(2, 3, 32, 32)
    areas[:, 0, 4:28, 4:28] = 1
    areas[:, 1, 8:12, 8:12] = 1
    areas[:, 2, 20:24, 12:20] = 1
    return wanted, areas


def test_a_perfect_picture_costs_nothing(pictures):
    wanted, areas = pictures
    drawn = torch.cat([wanted, areas[:, :1]], dim=1)
    parts = picture_loss(drawn, wanted, areas, LossConfig(l2=1, edge=1, mask=1))
    assert set(parts) == {"l1", "l2", "dssim", "edge", "mask"}
    assert all(float(p) == pytest.approx(0, abs=1e-6) for p in parts.values())


@pytest.mark.parametrize("name", ["l1", "l2", "dssim", "edge", "mask"])
def test_each_part_grows_with_its_error_and_scales_with_its_weight(pictures, name):
    wanted, areas = pictures
    small, large = (
        torch.cat([(wanted + e * torch.rand_like(wanted)), areas[:, :1] * (1 - e)], dim=1)
        for e in (0.1, 0.4)
    )
    config = LossConfig(**{**NOTHING, name: 1.0})
    a, b = (picture_loss(p, wanted, areas, config) for p in (small, large))
    assert set(a) == {name}
    assert 0 < float(a[name]) < float(b[name])
    double = picture_loss(small, wanted, areas, LossConfig(**{**NOTHING, name: 2.0}))
    assert float(double[name]) == pytest.approx(2 * float(a[name]), rel=1e-5)


def test_errors_in_eyes_and_mouth_count_more_and_outside_less(pictures):
    wanted, areas = pictures
    config = LossConfig(**{**NOTHING, "l1": 1.0}, eyes=3.0, mouth=1.0, outside=0.0)

    def cost(y: int, x: int) -> float:
        drawn = wanted.clone()
        drawn[:, :, y : y + 2, x : x + 2] += 0.5
        return float(picture_loss(drawn, wanted, areas, config)["l1"])

    skin, eye, mouth, outside = cost(14, 20), cost(9, 9), cost(21, 14), cost(0, 0)
    assert eye == pytest.approx(4 * skin, rel=1e-4)
    assert mouth == pytest.approx(2 * skin, rel=1e-4)
    assert outside == 0


def test_dssim_agrees_with_scikit_image_on_whole_boxes():
    from skimage.metrics import structural_similarity

    torch.manual_seed(1)
    a = torch.rand(1, 1, 7, 7, dtype=torch.float64)
    b = (a + 0.2 * torch.rand(1, 1, 7, 7, dtype=torch.float64)).clamp(0, 1)
    expected = structural_similarity(
        a[0, 0].numpy(), b[0, 0].numpy(), win_size=7, data_range=1.0, use_sample_covariance=False
    )
    assert float(losses.dssim(a, b, box=7)) == pytest.approx((1 - expected) / 2, abs=1e-9)


def test_reduced_precision_of_the_network_leaves_the_loss_exact(pictures):
    wanted, areas = pictures
    drawn = torch.cat([wanted + 0.02 * torch.rand_like(wanted), areas[:, :1]], dim=1)
    config = LossConfig(l2=1, edge=1)
    exact = picture_loss(drawn, wanted, areas, config)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = picture_loss(drawn, wanted, areas, config)
    assert all(float(p) == pytest.approx(float(exact[k]), rel=1e-5) for k, p in parts.items())


def test_perceptual_needs_a_network_and_uses_it(pictures):
    wanted, areas = pictures
    config = LossConfig(**NOTHING, perceptual=1.0)
    with pytest.raises(ConfigError, match="perceptual_from"):
        picture_loss(wanted, wanted, areas, config)
    features = lambda x: [x, torch.nn.functional.avg_pool2d(x, 4)]  # noqa: E731
    worse = picture_loss(wanted + 0.2, wanted, areas, config, features)
    assert float(worse["perceptual"]) > 0.1
    assert float(picture_loss(wanted, wanted, areas, config, features)["perceptual"]) == 0


def test_the_adversarial_weight_follows_its_schedule():
    config = LossConfig(adversarial=0.1, adversarial_from=100, adversarial_ramp=50)
    weights = [config.adversarial_weight(s) for s in (0, 100, 125, 150, 10_000)]
    assert weights == pytest.approx([0, 0, 0.05, 0.1, 0.1])


def test_the_two_players_want_opposite_things():
    real, drawn = torch.ones(4), torch.zeros(4)
    assert float(losses.discriminator_loss(real, drawn)) == 0
    assert float(losses.deceiving_loss(drawn)) == 1
    assert float(losses.deceiving_loss(real)) == 0
    assert float(losses.discriminator_loss(drawn, real)) == 1


def test_a_loss_without_parts_and_negative_weights_are_refused():
    with pytest.raises(ConfigError, match="every weight is 0"):
        losses.total({})
    with pytest.raises(ConfigError, match="edge"):
        LossConfig(edge=-1)
