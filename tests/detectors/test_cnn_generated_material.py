"""What `cnn_generated` learns from beside the data's own pictures: drawn faces, changed spectra, and how both members are made alike."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from likeness import registry
from likeness.data.audit import crop_features, leakage_audit
from likeness.data.blends import sharpness
from likeness.detectors import _cnn_generated_drawn_training as drawn
from likeness.detectors import _cnn_generated_spectral_training as spectral
from likeness.detectors._cnn_generated_levelling import alike, soften
from likeness.detectors._cnn_generated_material_training import LEFT_OUT, Gathered
from likeness.detectors._cnn_generated_redrawing_training import Twin
from likeness.errors import WeightsError
from likeness.media import jpeg_round_trip
from likeness.networks.cnn_generated import UPSAMPLINGS, Redrawer


def face(portrait: np.ndarray, group: str = "a") -> drawn.Face:
    """The portrait's face, with landmarks that only say where its eyes are."""
    points = np.full((478, 2), 96.0)
    for place, x in ((33, 55.0), (133, 75.0), (362, 117.0), (263, 137.0)):
        points[place] = x, 80.0
    return drawn.Face(drawn.resized(portrait[10:202, 130:322], drawn.CUT_PX), points, group)


def test_a_drawn_face_is_the_generators_own_and_its_photograph_goes_the_same_way(portrait):
    for kind in drawn.SYNTHESISERS:
        made = registry.build("generators", kind)
        pairs = list(drawn.drawn_pairs(kind, [face(portrait)] * 2, 7))
        for number, pair in enumerate(pairs):
            expected = made.draw(made.latent_of(7 + number)[None])[0]
            np.testing.assert_array_equal(pair.fake, drawn.resized(expected, drawn.SHOWN_PX))
            small = drawn.resized(face(portrait).image, made.size_px)
            np.testing.assert_array_equal(pair.real, drawn.resized(small, drawn.SHOWN_PX))
        assert not np.array_equal(pairs[0].fake, pairs[1].fake)


def test_a_restored_face_is_sharper_than_the_worn_one(portrait):
    (pair,) = drawn.drawn_pairs(drawn.RESTORED, [face(portrait)], 3)
    worn = drawn.resized(face(portrait).image, drawn.CUT_PX // 3)
    worn = drawn.resized(drawn.resized(worn, drawn.CUT_PX), drawn.SHOWN_PX)
    assert sharpness(pair.fake) > 1.2 * sharpness(worn)
    assert pair.real.shape == pair.fake.shape == (256, 256, 3)


def test_a_generator_without_weights_is_told_of(portrait):
    with pytest.raises(WeightsError):
        list(drawn.drawn_pairs("no_such_generator", [face(portrait)], 0))


def test_small_faces_take_every_way_of_upsampling_in_turn(portrait):
    pairs = list(drawn.small_pairs(Redrawer(), [face(portrait)] * 5))
    assert [p.kind for p in pairs] == [drawn.SMALL + k for k in (*UPSAMPLINGS, UPSAMPLINGS[0])]


def test_pairs_made_alike_pass_the_audit(portrait):
    rng = np.random.default_rng(0)
    found, levelled, labels, groups = [], [], [], []
    for number in range(40):
        y, x = (int(v) for v in rng.integers(0, 384, 2))
        real = portrait[y : y + 128, x : x + 128]
        y, x = (int(v) for v in rng.integers(0, 384, 2))
        other = soften(portrait[y : y + 128, x : x + 128], rng.uniform(0.8, 1.5))
        fake = np.clip(other * 0.8 + 10.0, 0, 255).astype(np.uint8)
        quality = int(rng.integers(60, 96))
        for pair, rows in (((real, fake), found), (alike(real, fake), levelled)):
            rows += [crop_features(jpeg_round_trip(np.ascontiguousarray(p), quality)) for p in pair]
        labels += [0, 1]
        groups += [str(number)] * 2
    before, after = (leakage_audit(np.stack(r), labels, groups).auc for r in (found, levelled))
    assert before > 0.75 and after < 0.65


def test_a_band_changes_its_own_frequencies_and_a_grid_copies_the_spectrum(portrait):
    image = np.ascontiguousarray(portrait[:256, 100:356])
    kinds = [pair.kind for pair in spectral.spectral_pairs([(image, "a")] * 3, 1)]
    assert kinds == ["band", "grid", "band"]
    power = [
        np.abs(np.fft.rfft2(i.mean(2)))
        for i in (image, spectral.band(image, np.random.default_rng(3)))
    ]
    ratio = np.log(power[1] + 1) - np.log(power[0] + 1)
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    assert abs(np.median(ratio[radius < 0.05])) < 0.1 < np.abs(ratio[radius > 0.1]).mean()
    wave = 128 + 60 * np.cos(2 * np.pi * np.arange(256) / 16)[:, None, None]  # 16 cycles
    waves = np.rint(np.broadcast_to(wave, (256, 256, 3))).astype(np.uint8)
    again = spectral.grid(waves, np.random.default_rng(3))
    # halved, it has 128 rows, and the copy of cycle 16 lies at 128 - 16
    copies = [np.abs(np.fft.fft(i[:, 128, 0].astype(float)))[112] for i in (waves, again)]
    assert again.shape == waves.shape and copies[1] > 5 * copies[0] + 10


def test_no_network_sees_what_its_fold_leaves_out():
    blank = np.zeros((2, 2, 3), np.uint8)
    kinds = [*UPSAMPLINGS, *(drawn.SMALL + k for k in UPSAMPLINGS), *drawn.SYNTHESISERS, "band"]
    twins = tuple(Twin(blank, blank, kind, str(n)) for n, kind in enumerate(kinds))
    gathered = Gathered((), (), twins, (-1,) * len(twins), ())
    for fold, left_out in enumerate(LEFT_OUT):
        seen = {t.kind for t in gathered.without(fold).twins}
        assert seen == set(kinds) - set(left_out)
    assert drawn.RESTORED not in kinds
