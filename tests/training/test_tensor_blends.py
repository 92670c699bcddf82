from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from likeness.data import blends, masks
from likeness.data.degradations import Degradation
from likeness.data.mixture import KINDS, PseudoFakeConfig, Shares
from likeness.errors import ConfigError, DataError
from likeness.faces import find_faces
from likeness.training import tensor_degradations, tensor_masks, tensor_resampling
from likeness.training.tensor_blends import blended, tensor_pairs
from likeness.training.tensor_draws import CROSS, draw
from likeness.training.tensor_faces import TensorFaces, framed

ROWS = torch.arange(4)
SELF = [kind for kind in KINDS if kind != "cross_identity"]


@pytest.fixture(scope="module")
def frames():
    """Four faces of 160 px: one face, mirrored, turned and brighter; and its landmarks in each."""
    torch.set_num_threads(1)
    image = data.astronaut()
    found = framed(image, find_faces(image).landmarks_px[0], 160)
    images, landmarks = [], []
    for angle, gain in ((0, 1.0), (8, 1.1), (-6, 0.8), (4, 0.9)):
        matrix = cv2.getRotationMatrix2D((80, 80), angle, 1.0)
        turned = cv2.warpAffine(found[0], matrix, (160, 160), borderMode=cv2.BORDER_REFLECT_101)
        images.append(cv2.convertScaleAbs(turned, alpha=gain))
        landmarks.append((found[1] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32))
    return np.stack(images), np.stack(landmarks)


@pytest.fixture(scope="module")
def faces(frames):
    return TensorFaces.of(*frames, ["utkface"] * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_one_picture_where_the_mask_is_0_and_differ_inside(faces, kind):
    config = PseudoFakeConfig().only(kind)
    pairs = tensor_pairs(faces, ROWS, 1, config, (faces, ROWS.roll(1)))
    assert pairs.real.dtype == pairs.fake.dtype == torch.uint8
    assert pairs.real.shape == pairs.fake.shape == (4, 3, 160, 160)
    assert pairs.mask.dtype == torch.float32 and pairs.mask.shape == (4, 160, 160)
    assert pairs.mask.min() >= 0.0 and 0.9 < pairs.mask.max() <= 1.0
    outside = (pairs.mask == 0.0)[:, None].expand_as(pairs.real)
    assert outside.float().mean() > 0.2
    assert torch.equal(pairs.real[outside], pairs.fake[outside])
    change = (pairs.real.float() - pairs.fake.float()).abs().mean((1, 2, 3))
    assert change.max() > 0.1 and torch.all(pairs.kind == KINDS.index(kind))


@pytest.mark.parametrize("kind", SELF)
def test_no_strength_gives_the_real_picture_back(faces, kind):
    pairs = tensor_pairs(faces, ROWS, 2, PseudoFakeConfig(strength=0.0).only(kind))
    assert torch.equal(pairs.real, faces.images) and torch.equal(pairs.fake, faces.images)


def test_no_strength_gives_a_donor_no_share(faces):
    config = PseudoFakeConfig(strength=0.0).only("cross_identity")
    pairs = tensor_pairs(faces, ROWS, 2, config, (faces, ROWS.roll(1)))
    assert torch.equal(pairs.real, pairs.fake)


def test_the_ratio_is_the_share_of_the_source(faces):
    whole, half = (PseudoFakeConfig(ratios=(ratio,)).only(KINDS[0]) for ratio in (1.0, 0.5))
    first, second = (tensor_pairs(faces, ROWS, 3, config) for config in (whole, half))
    assert torch.equal(first.real, second.real) and torch.equal(first.mask, second.mask)
    changes = [p.fake.float() - p.real.float() for p in (first, second)]
    assert (changes[1] - 0.5 * changes[0]).abs().max() <= 1.0
    assert changes[1].abs().mean() > 0.2


def test_one_seed_gives_one_batch(faces):
    donors = (faces, ROWS.roll(1))
    first, again, other = (tensor_pairs(faces, ROWS, s, None, donors) for s in (4, 4, 5))
    assert torch.equal(first.fake, again.fake) and torch.equal(first.mask, again.mask)
    assert not torch.equal(first.mask, other.mask)


def test_a_pair_does_not_depend_on_the_others_of_its_batch(faces):
    config = PseudoFakeConfig(Shares(1.0, 1.0, 1.0, 1.0))
    drawn = draw(torch.Generator().manual_seed(9), 4, config)
    donors = ROWS.roll(1)
    together = blended(faces, ROWS, drawn, config, (faces, donors))
    order = torch.tensor([2, 0, 3])
    fields = {k: v[order] for k, v in vars(drawn).items() if k != "shapes"}
    some = replace(drawn, **fields, shapes=drawn.shapes.at(order))
    alone = blended(faces, ROWS[order], some, config, (faces, donors[order]))
    assert (together.mask[order] - alone.mask).abs().max() < 1e-4
    for name in ("real", "fake"):  # sums of other lengths may round another way
        away = getattr(together, name)[order].float() - getattr(alone, name).float()
        assert away.abs().max() <= 1.0 and away.ne(0).float().mean() < 1e-3


def test_softness_is_dealt_to_the_background_too_and_only_where_asked_for(faces):
    off = PseudoFakeConfig(target_p=0.0, match_softness=False).only(KINDS[0])
    pairs = tensor_pairs(faces, ROWS, 6, off)
    assert torch.equal(pairs.real, faces.images)
    pairs = tensor_pairs(faces, ROWS, 6, replace(off, match_softness=True))
    changed = (pairs.real != faces.images).flatten(1).any(1)
    assert changed.any() and not changed.all()


def test_the_mixture_follows_its_shares():
    config = PseudoFakeConfig(Shares(0.5, 0.2, 0.2, 0.1))
    drawn = draw(torch.Generator().manual_seed(0), 400, config)
    shares = torch.bincount(drawn.kind, minlength=4) / 400
    assert torch.allclose(shares, torch.tensor([0.5, 0.2, 0.2, 0.1]), atol=0.08)
    assert abs(float(drawn.target.float().mean()) - 0.5) < 0.08
    assert drawn.scale.min() >= 0.95 and drawn.scale.max() <= 1 / 0.95
    assert not draw(torch.Generator(), 200, config, has_donors=False).kind.eq(CROSS).any()


def test_only_people_whose_terms_cover_it_give_their_faces(frames, faces):
    others = TensorFaces.of(*frames, ["utkface", "ffhq256", "utkface", "utkface"])
    config = PseudoFakeConfig().only("cross_identity")
    with pytest.raises(DataError, match="synthesis"):
        tensor_pairs(faces, ROWS, 0, config, (others, ROWS))
    with pytest.raises(ConfigError, match="donors"):
        tensor_pairs(faces, ROWS, 0, config)


def test_frames_that_are_not_square_are_refused(frames):
    with pytest.raises(DataError, match="square"):
        TensorFaces.of(frames[0][:, :100], frames[1], ["utkface"] * 4)


def test_hulls_are_those_of_the_cpu_engine(frames):
    landmarks = frames[1]
    outlines = torch.from_numpy(tensor_masks.outlines_of(landmarks))
    table = tensor_masks.piece_table()
    for k, family in enumerate(tensor_masks.FAMILIES):
        drawn = tensor_masks._raster(outlines[:, k] + 60.0, table[k].expand(4, -1)).numpy()
        wanted = np.stack(
            [
                masks.draw_hulls([p + 60 for p in masks.hull_points(one, family)], (288, 288))
                for one in landmarks
            ]
        )
        assert abs(drawn.sum() / wanted.sum() - 1.0) < 0.03, family
        assert np.abs(drawn - wanted).sum() < 0.05 * wanted.sum(), family


@pytest.mark.parametrize("factor", [0.4, 0.77])
def test_resampling_is_that_of_the_cpu_engine(frames, factor):
    pictures = torch.from_numpy(frames[0]).permute(0, 3, 1, 2).float()
    changed = tensor_resampling.resampled(pictures, torch.full((4,), factor))
    wanted = np.stack([blends.resample(image, factor) for image in frames[0]])
    away = np.abs(changed.permute(0, 2, 3, 1).numpy() - wanted)
    assert away.mean() < 0.02 and away.max() <= 2


def test_jpeg_is_that_of_a_coder(frames):
    from likeness.media import jpeg_round_trip

    pictures = torch.from_numpy(frames[0]).permute(0, 3, 1, 2).float()
    for quality in (35, 90):
        coded = tensor_degradations.jpeg(pictures, torch.full((4,), quality))
        wanted = np.stack([jpeg_round_trip(image, quality) for image in frames[0]])
        change = np.abs(wanted.astype(np.float32) - frames[0]).mean()
        assert np.abs(coded.permute(0, 2, 3, 1).numpy() - wanted).mean() < 0.2 * change


def test_a_shifted_grid_and_blur_are_those_of_the_cpu_engine(frames):
    wished = Degradation(first_jpeg=50, grid_xy=(3, 5), blur_px=0.9)
    drawn = tensor_degradations.draw_degradations(torch.Generator(), 4)
    nothing = dict.fromkeys(("noise", "jpeg"), torch.zeros(4))
    drawn = replace(
        drawn,
        first_jpeg=torch.full((4,), 50),
        grid=torch.tensor([[3, 5]] * 4),
        blur_px=torch.full((4,), 0.9),
        resize=torch.ones(4),
        **nothing,
    )
    pictures = torch.from_numpy(frames[0]).permute(0, 3, 1, 2)[:, None]
    changed = drawn(pictures)[:, 0].permute(0, 2, 3, 1).numpy().astype(np.float32)
    wanted = np.stack([wished(image) for image in frames[0]])
    assert np.abs(changed - wanted).mean() < 0.5


def test_members_are_degraded_alike_and_pairs_are_not(frames):
    pictures = torch.from_numpy(frames[0][:1]).permute(0, 3, 1, 2)
    members = pictures[:, None].expand(24, 2, -1, -1, -1).contiguous()
    changed = tensor_degradations.draw_degradations(torch.Generator().manual_seed(1), 24)(members)
    assert changed.dtype == torch.uint8 and torch.equal(changed[:, 0], changed[:, 1])
    away = (changed[:, 0].float() - pictures.float()).abs().mean((1, 2, 3))
    assert len(torch.unique(away)) > 15
