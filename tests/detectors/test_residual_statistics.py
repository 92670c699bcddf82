from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness import media, registry, testing, weights
from likeness.detectors import _residual_features as features
from likeness.detectors.residual_statistics import WEIGHTS, Config, Model, build
from likeness.errors import WeightsError


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(weights.path_of("residual_statistics", next(iter(WEIGHTS.values()))))


def test_every_feature_has_a_name_and_no_two_share_one() -> None:
    clip, (track,) = testing.portrait_clip()
    values, crop = features.of_face(next(iter(clip.frames)).image, track.landmarks_px[0])
    assert values.shape == (len(features.names()),)
    assert len(set(features.names())) == len(features.names())
    assert crop.image.shape == (features.SIZE_PX, features.SIZE_PX, 3)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_features_of_flat_pictures_are_finite(level: int) -> None:
    size = features.SIZE_PX
    image = np.full((size, size, 3), level, np.uint8)
    patch = np.full((128, 128), level, np.float32)
    for mask in (np.zeros((size, size), np.float32), np.ones((size, size), np.float32)):
        assert np.isfinite(features.of_crop(image, mask, patch)).all()


@pytest.mark.parametrize("shift", [(-400, 0), (400, 0), (0, -300), (300, 300), (0, 0)])
def test_the_native_patch_stays_inside_the_picture(shift: tuple[int, int]) -> None:
    _, (track,) = testing.portrait_clip()
    patch = features.native_patch(testing.portrait(), track.landmarks_px[0] + np.float32(shift))
    assert patch.shape == (128, 128)
    assert np.isfinite(patch).all()


def test_the_native_patch_is_not_resized() -> None:
    image = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    landmarks = np.full((478, 2), 200, np.float32)
    patch = features.native_patch(image, landmarks)
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(patch, grey[136:264, 136:264].astype(np.float32))


def test_a_change_of_light_moves_the_score_little(model: Model) -> None:
    """Features are relative to the crop: a picture is not suspicious for being bright."""
    clip, (track,) = testing.portrait_clip()
    image = next(iter(clip.frames)).image
    brighter = np.clip(image.astype(np.float32) * 0.9, 0, 255).astype(np.uint8)
    x = [features.of_face(i, track.landmarks_px[0])[0] for i in (image, brighter)]
    a, b = model.logit(np.stack(x))
    assert abs(a - b) < 1.0


def test_weights_survive_their_file(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "copy.safetensors", {})
    again = Model.load(tmp_path / "copy.safetensors")
    x = np.random.default_rng(0).normal(size=(5, len(features.names()))).astype(np.float32)
    assert np.array_equal(model.logit(x), again.logit(x))


def test_foreign_and_damaged_weights_are_refused(model: Model, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    weights.save_arrays(foreign, {"a": np.zeros(3)}, {"features": "other-1"})
    with pytest.raises(WeightsError, match="expected features"):
        build(Config(weights=str(foreign)))
    damaged = tmp_path / "damaged.safetensors"
    model.save(damaged, {})
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="not a readable safetensors"):
        build(Config(weights=str(damaged)))
    with pytest.raises(WeightsError):
        build(Config(weights=str(tmp_path / "missing.safetensors")))


def test_the_heatmap_lies_on_the_face() -> None:
    clip, tracks = testing.portrait_clip()
    evidence = registry.build("detectors", "residual_statistics").analyse(clip, tracks)
    (heatmap,) = evidence.heatmaps
    assert heatmap.values.shape == (features.GRID, features.GRID)
    assert heatmap.values.min() >= 0.0 and heatmap.values.max() <= 1.0
    low, high = heatmap.corners_px.min(axis=0), heatmap.corners_px.max(axis=0)
    x0, y0, x1, y1 = tracks[0].boxes_px[0]
    assert low[0] < x0 and low[1] < y0 and high[0] > x1 and high[1] > y1


def test_a_frame_that_turns_out_damaged_is_left_out() -> None:
    class Holed:
        """The frames of a clip without its second one."""

        def __init__(self, frames):
            self.frames = frames

        def at(self, indices):
            return (f for f in self.frames.at(indices) if f.index != 1)

    from dataclasses import replace

    clip, tracks = testing.portrait_clip(frames=4)
    evidence = registry.build("detectors", "residual_statistics").analyse(
        replace(clip, frames=Holed(clip.frames)), tracks
    )
    assert evidence.tracks[0].frame_indices.tolist() == [0, 2, 3]


def test_media_in_memory_never_count_as_input_files() -> None:
    clip = media.clip_from_frames([testing.portrait()])
    assert clip.sha256 == "" and next(iter(clip.frames)).sha256 == ""
