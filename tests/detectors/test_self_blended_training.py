"""How `self_blended` is taught: twins, the order in which pairs come, exact resume, the graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import testing
from likeness.data.eigenfaces import SIZE_PX as DRAWN_PX
from likeness.data.eigenfaces import Eigenfaces
from likeness.data.frozen_fakes import SEED as FROZEN_SEED
from likeness.detectors import _self_blended_network_training as training
from likeness.detectors._self_blended_crop import SIZE_PX, crops_of
from likeness.detectors._self_blended_figures_training import figures_of
from likeness.detectors._self_blended_training import TrainingConfig
from likeness.detectors._self_blended_twins import KINDS, Draws, cells, pair_crops
from likeness.detectors._self_blended_views_training import STEP, Seen, mirrored, views_of
from likeness.errors import ConfigError, DataError
from likeness.networks.self_blended import VIEWS, FixedViews, SelfBlendedNet
from likeness.training import FitConfig, fit


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Twenty-four pairs of noise: every fake has a coarser patch than its real face."""
    rng = np.random.default_rng(0)
    views = rng.integers(-40, 40, (24, 2, 2, 40, 40, VIEWS), dtype=np.int8)
    views[:, 1, :, 10:30, 10:30, 9:] //= 3
    maps = np.zeros((24, 2, 20, 20), np.uint8)
    maps[:, 0, 5:15, 5:15] = 255
    kinds = np.arange(24, dtype=np.int64) % len(KINDS)
    change = rng.random(24, np.float32)
    return Seen(views, maps, kinds, change, np.arange(24) % 4 > 1, ("somebody",) * 24)


def run(seen: Seen, out: Path, steps: int, stop: int = 0, pairs: int = 4):
    """Train on the drawn pairs; returns the learner and the result."""
    learner = training.Learner(SelfBlendedNet(3), 1 / 3)
    config = FitConfig(
        steps=steps,
        out=out,
        optimiser=lambda p: torch.optim.AdamW(p),
        learning_rate=lambda step: 1e-3,
        seed=5,
        average=0.9,
        prefetch=2,
    )
    batches = training.batches_of(seen, learner, training.Curriculum(steps, pairs))
    result = fit(
        learner, training.loss, batches, config, watch=lambda m: bool(stop) and m.step == stop
    )
    return learner, result


def test_a_run_that_was_stopped_ends_with_the_same_bits(
    seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "PERIOD", 2)  # several tables within a short run
    whole, _ = run(seen, tmp_path / "whole", 6, pairs=2)
    run(seen, tmp_path / "parts", 6, stop=3, pairs=2)
    parts, result = run(seen, tmp_path / "parts", 6, pairs=2)
    assert result.resumed_from == 3
    first, second = whole.state_dict(), parts.state_dict()
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not torch.equal(whole.tables, torch.ones_like(whole.tables))


def test_it_learns_what_tells_twins_apart(seen: Seen, tmp_path: Path) -> None:
    learner, _ = run(seen, tmp_path, 12)
    figures = figures_of(learner.network, seen)
    assert figures["auc_select"] > 0.9 and figures["ranked_select"] > 0.9


def test_obvious_pairs_come_first_and_all_come_later(seen: Seen) -> None:
    plan = training.Curriculum(100, 4, obvious=0.2)
    rank = np.linspace(0, 1, 24, dtype=np.float32)
    bins, table = np.zeros(24, np.int64), np.ones(training.BINS)
    first, between, last = (plan.weights(n, rank, bins, table) for n in (0, 30, 60))
    assert (first[rank < 0.5] == 0).all() and (first[rank >= 0.5] > 0).all()
    assert 0 < np.count_nonzero(between[rank < 0.5]) < 12
    assert np.allclose(last, 1 / 24)


def test_hard_kinds_come_more_often_within_bounds(seen: Seen) -> None:
    learner = training.Learner(SelfBlendedNet())
    bins = torch.tensor([0, 1])
    for _ in range(5 * training.PERIOD):
        learner.remember(bins, torch.tensor([50.0, 0.001]))
    table = learner.table(10 * training.PERIOD)
    assert table[0] == training.CAP and table[1] == pytest.approx(1 / training.CAP)
    plan = training.Curriculum(100, 4, obvious=0.0)
    drawn = plan.weights(50, np.zeros(2, np.float32), np.array([0, 1]), table)
    assert drawn[0] / drawn[1] == pytest.approx(training.CAP**2)


def test_a_table_is_fixed_before_its_batches_are_prepared() -> None:
    learner = training.Learner(SelfBlendedNet())
    bins, period = torch.tensor([0]), training.PERIOD
    for step in range(4 * period):
        if step % period == period - 3:  # prepared ahead, for the next period
            coming = learner.table(step + 4)
        learner.remember(bins, torch.tensor([float(step)]))
        if step % period == 1 and step > period:
            assert np.array_equal(learner.table(step), coming)


def test_kinds_of_pairs_are_told_apart(seen: Seen) -> None:
    bins = training.bins_of(seen)
    assert bins.min() >= 0 and bins.max() < training.BINS
    kind = np.flatnonzero(seen.kinds == 2)
    thirds = bins[kind] // 2 % 3
    order = np.argsort(seen.change[kind])
    assert (np.diff(thirds[order]) >= 0).all() and set(thirds) == {0, 1, 2}
    assert ((bins % 2 == 1) == seen.degraded).all()


def test_a_mirrored_pair_keeps_its_map(seen: Seen) -> None:
    maps = seen.maps.copy()
    maps[:, 0, :, 10:] = 0
    own = dataclasses.replace(seen, maps=maps)
    bins = training.bins_of(own)
    rows, turned = np.array([3, 7]), np.array([True, False])
    batch = training.batch_of(own, rows, turned, bins)
    assert batch.views.shape == (4, 2, VIEWS, 40, 40) and (batch.maps[:2] == 0).all()
    assert (batch.maps[2, 0, :, :10] == 0).all() and batch.maps[2, 0, 7, 12] == 1
    assert (batch.maps[3, 0, :, 10:] == 0).all() and batch.maps[3, 0, 7, 7] == 1
    tones = batch.views[0, 0, :3].float()
    own_tones = torch.from_numpy(own.views[3, 0, 0, :, :, :3].copy()).permute(2, 0, 1) * STEP
    assert torch.allclose(tones, own_tones.flip(-1), atol=0.02)


def test_views_in_eight_bits_are_the_views() -> None:
    from likeness.detectors._self_blended_crop import phase_only

    _, (track,) = testing.portrait_clip()
    crops = crops_of(testing.portrait(), track.landmarks_px[0])
    images = np.stack([crop.image for crop in crops])
    small = views_of(FixedViews(), images[None])[0]
    exact = FixedViews()(torch.from_numpy(images), torch.from_numpy(phase_only(images)))
    assert np.abs(small * STEP - exact.permute(0, 2, 3, 1).numpy()).max() <= 0.51 * STEP


def test_the_views_of_a_mirrored_face_are_the_mirrored_views() -> None:
    _, (track,) = testing.portrait_clip()
    image = crops_of(testing.portrait(), track.landmarks_px[0])[0].image
    own, other = (views_of(FixedViews(), im[None])[0] for im in (image, image[:, ::-1]))
    assert np.abs(mirrored(own).astype(int) - other).max() <= 1  # of 127
    assert np.abs(own.astype(int) - other).mean() > 5


def test_crops_and_maps_lie_on_the_blend() -> None:
    from likeness.data import PseudoFakeConfig, make_pseudo_fake

    _, (track,) = testing.portrait_clip()
    landmarks = track.landmarks_px[0]
    config = PseudoFakeConfig(ratios=(1.0,)).only("self_blend_full")
    fake = make_pseudo_fake(testing.portrait(), landmarks, np.random.default_rng(4), config)
    crops, maps = pair_crops(fake, [fake.real, fake.image], landmarks)
    assert crops.shape == (2, 2, SIZE_PX, SIZE_PX, 3) and maps.shape == (2, 20, 20)
    moved = np.abs(crops[0, 0].astype(int) - crops[1, 0]).sum(axis=2)
    cell = moved.reshape(20, 8, 20, 8).mean(axis=(1, 3))
    assert cell[maps[0] == 0].max(initial=0) < 0.2 < cell[maps[0] > 200].mean()


def test_cells_hold_mask_and_boundary() -> None:
    mask = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    mask[:, 80:] = 1.0
    mask[:, 72:80] = 0.5
    drawn, line = cells(mask)
    assert (drawn[:, 10:] == 255).all() and (drawn[:, :9] == 0).all()
    assert (line[:, 9] == 255).all() and line[:, 10:].max() == 0


def test_a_face_drawn_from_few_numbers_is_softer_and_in_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    _, (track,) = testing.portrait_clip()
    landmarks = track.landmarks_px[0]
    faces = rng.integers(0, 255, (6, DRAWN_PX, DRAWN_PX, 3), dtype=np.uint8)
    basis = Eigenfaces.fit(faces)
    assert np.allclose(basis.components @ basis.components.T, np.eye(5), atol=1e-3)
    basis.save(tmp_path / "basis.safetensors")
    again = Eigenfaces.load(tmp_path / "basis.safetensors")
    assert np.array_equal(again.components, basis.components)
    drawn = again.redrawn(testing.portrait(), landmarks, 5)
    changed = (drawn != testing.portrait()).any(axis=2)
    x0, y0, x1, y1 = (*landmarks.min(axis=0), *landmarks.max(axis=0))
    assert changed[int(y0) : int(y1), int(x0) : int(x1)].mean() > 0.95
    assert changed.mean() < 0.5 and not changed[-60:].any()
    own = Eigenfaces(basis.mean, np.eye(3 * DRAWN_PX**2, dtype=np.float32)[:1])
    assert not np.array_equal(own.redrawn(testing.portrait(), landmarks, 1), drawn)
    with pytest.raises(DataError, match="two faces"):
        Eigenfaces.fit(faces[:1])


def test_the_seed_of_the_frozen_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="frozen"):
        TrainingConfig(seed=FROZEN_SEED)
    with pytest.raises(ConfigError, match="unknown"):
        TrainingConfig(kinds=("paper_masks",))


@pytest.mark.parametrize(("engine", "device"), [("gpu", "cpu"), ("cpu", "cuda")])
def test_packs_are_made_and_learned_from_on_the_processor(engine: str, device: str) -> None:
    with pytest.raises(ConfigError, match="engine"):
        TrainingConfig(engine=engine, device=device)


def test_twins_depend_on_the_face_alone(data_dir: Path, tmp_path: Path) -> None:
    from likeness.data.known_faces import known_faces
    from likeness.data.manifest import read_items, select_items
    from likeness.detectors._self_blended_twins import Drawn, _of_face, eigenfaces_of

    items = select_items(read_items(data_dir), source="utkface", role="select")[:3]
    faces = known_faces(data_dir, items, frames=1)
    drawn = Drawn(tmp_path / "basis.safetensors", tmp_path / "drawn.npy")
    eigenfaces_of(data_dir, faces).save(drawn.basis)
    np.save(drawn.faces, np.full((3, 128, 128, 3), 90, np.uint8))
    draws = Draws(1, 4, 0.5, ("self_blend_full", "reconstruction", "autoencoder"))
    work = list(enumerate(zip(faces, faces[1:] + faces[:1], strict=True)))
    made = [_of_face(data_dir, draws, drawn, one) for one in work]
    again = [_of_face(data_dir, draws, drawn, one) for one in work[::-1]][::-1]
    for some, others in zip(made, again, strict=True):
        assert len(some) == 4
        for pair, other in zip(some, others, strict=True):
            assert np.array_equal(pair.crops, other.crops)
            assert np.array_equal(pair.maps, other.maps)
            assert KINDS[pair.kind] in draws.kinds
            assert pair.maps[0].max() > 200 and pair.change > 0


def test_a_face_of_the_autoencoder_is_laid_where_the_face_is() -> None:
    from likeness.detectors._self_blended_twins import Redrawer, _pseudo_fake

    _, (track,) = testing.portrait_clip()
    face = testing.portrait(), track.landmarks_px[0]
    basis = Eigenfaces(np.zeros(3 * DRAWN_PX**2, np.float32), np.eye(3 * DRAWN_PX**2)[:1])
    grey = Redrawer(basis, np.full((128, 128, 3), 128, np.uint8))
    found = []
    for seed in range(12):
        fake = _pseudo_fake("autoencoder", face, face, grey, np.random.default_rng(seed))
        changed = np.abs(fake.image.astype(int) - fake.real).sum(axis=2)
        assert changed[fake.mask == 0].max() == 0 < changed[fake.mask > 0.9].mean()
        inner = fake.image[fake.mask > 0.99].astype(float)
        found.append(inner.std(axis=0).mean())
    assert min(found) < 20 < max(found)  # as drawn, and with detail of the face given back


def test_an_autoencoder_learns_to_draw_faces_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from likeness.detectors import _self_blended_reconstruction_training as redrawing

    rng = np.random.default_rng(0)
    crops = [np.full((128, 128, 3), rng.integers(40, 200, 3), np.uint8) for _ in range(6)]
    monkeypatch.setattr(redrawing, "_BATCH", 4)
    monkeypatch.setattr(redrawing, "crops_of", lambda data, faces, progress=None: iter(crops))
    faces = [SimpleNamespace(item=SimpleNamespace(sha256=str(n))) for n in range(6)]

    def error(steps: int) -> float:
        config = redrawing.Reconstruction(steps, code=16)
        network = redrawing.trained(tmp_path, faces, config, tmp_path / "run")
        drawn = redrawing.redrawn(network, tmp_path, faces)
        assert drawn.shape == (6, 128, 128, 3) and drawn.dtype == np.uint8
        return float(np.abs(drawn.astype(int) - np.stack(crops)).mean())

    assert error(80) < 0.8 * error(1)
    monkeypatch.setattr(redrawing, "_loss", lambda network, images: 1 / 0)
    assert error(80) < 60  # it is done: nothing is trained again
    assert redrawing.Reconstruction(3).digest(faces) != redrawing.Reconstruction(3).digest(
        faces[1:]
    )
