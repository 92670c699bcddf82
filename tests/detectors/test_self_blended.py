"""`self_blended`: what it refuses, what its score and its picture answer to, and that the shipped graph is the trained network."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness import media, registry, testing, weights
from likeness.data import PseudoFakeConfig, make_pseudo_fake
from likeness.detectors._face_network import LARGEST_EYES_PX, FaceNetwork
from likeness.detectors._self_blended_crop import SCALES, SIZE_PX, crops_of, phase_only
from likeness.detectors.self_blended import MAPS, WEIGHTS, Config, build
from likeness.errors import ConfigError, ShapeError, WeightsError

GRAPH = next(iter(WEIGHTS.values()))


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    return FaceNetwork.of("self_blended", WEIGHTS, Config(threads=1), MAPS)


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """(2, 160, 160, 3) uint8: the portrait's face at both scales."""
    _, (track,) = testing.portrait_clip()
    return np.stack([c.image for c in crops_of(testing.portrait(), track.landmarks_px[0])])


def test_the_shipped_graph_is_the_shipped_network(network: FaceNetwork, crops: np.ndarray) -> None:
    """onnxruntime and torch agree within 0.001 in maps and logit."""
    torch = pytest.importorskip("torch")
    from likeness.networks.convolutions import Shipped
    from likeness.networks.self_blended import SelfBlendedNet
    from likeness.training.exporting import TENSORS, TOLERANCE

    arrays, _ = weights.load_arrays(weights.path_of("self_blended", TENSORS))
    torn = SelfBlendedNet()
    torn.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in arrays.items()})
    rng = np.random.default_rng(0)
    noisy = np.clip(crops + rng.normal(0, 12, crops.shape), 0, 255).astype(np.uint8)
    batch = np.stack([crops, noisy, crops[:, :, ::-1], crops // 2])
    phase = phase_only(batch.reshape(-1, SIZE_PX, SIZE_PX, 3)).reshape(batch.shape[:-1])
    with torch.inference_mode():
        maps, logits = Shipped(torn.eval())(torch.from_numpy(batch), torch.from_numpy(phase))
    found = network(batch)
    assert np.abs(found[0] - maps.numpy()).max() <= TOLERANCE
    assert np.abs(found[1] - logits.numpy()).max() <= TOLERANCE
    assert np.ptp(found[1]) > 0.05


def test_it_needs_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom likeness import registry, testing\n"
        "clip, tracks = testing.portrait_clip()\n"
        "found = registry.build('detectors', 'self_blended').analyse(clip, tracks)\n"
        "assert found.status == 'scored', found\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_scales_of_one_face() -> None:
    _, (track,) = testing.portrait_clip()
    tight, wide = crops_of(testing.portrait(), track.landmarks_px[0])
    size = [float(np.linalg.norm(crop.matrix[0, :2])) for crop in (tight, wide)]
    assert size[0] / size[1] == pytest.approx(1.4 / 1.1, rel=1e-3)


def test_its_picture_lies_on_the_blend() -> None:
    """The mask of a strong blend answers to where it lies, more than the mask that is drawn on the real face does."""
    clip, (track,) = testing.portrait_clip()
    detector = registry.build("detectors", "self_blended")
    config = PseudoFakeConfig(ratios=(1.0,)).only("self_blend_full")
    real = detector.analyse(clip, [track]).heatmaps[0].values
    gains = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        fake = make_pseudo_fake(testing.portrait(), track.landmarks_px[0], rng, config)
        found = detector.analyse(media.clip_from_frames([fake.image]), [track]).heatmaps[0]
        corners = np.array([[0, 0], [20, 0], [20, 20]], np.float32) - 0.5
        matrix = cv2.getAffineTransform(found.corners_px[:3], corners)
        mask = cv2.warpAffine(cv2.blur(fake.mask, (9, 9)), matrix, (20, 20))
        on, off = mask > 0.5, mask < 0.02
        here, before = (values[on].mean() - values[off].mean() for values in (found.values, real))
        gains.append(here - before)
    assert np.mean(gains) > 0


@pytest.mark.parametrize("reason", ["turned", "small", "hidden"])
def test_faces_that_cannot_be_judged_are_not(reason: str) -> None:
    clip, (track,) = testing.portrait_clip()
    if reason == "turned":
        track = dataclasses.replace(track, pose_deg=np.array([[70, 0, 0]], np.float32))
    else:
        field, value = {"small": ("eye_distance_px", 12.0), "hidden": ("visible", 0.4)}[reason]
        changed = {field: np.array([value], np.float32)}
        track = dataclasses.replace(track, quality=dataclasses.replace(track.quality, **changed))
    found = registry.build("detectors", "self_blended").analyse(clip, [track])
    assert found.status == "not_applicable" and reason in found.note


def test_faces_far_larger_than_those_it_learnt_from_get_no_ratio() -> None:
    clip, (track,) = testing.portrait_clip()
    detector = registry.build("detectors", "self_blended")
    eyes = np.array([1.01 * LARGEST_EYES_PX], np.float32)
    large = dataclasses.replace(
        track, quality=dataclasses.replace(track.quality, eye_distance_px=eyes)
    )
    assert detector.analyse(clip, (track,)).tracks[0].in_domain is None
    assert detector.analyse(clip, (large,)).tracks[0].in_domain is False


def test_a_clip_is_the_mean_of_its_frames_and_a_crowd_its_worst_face() -> None:
    detector = registry.build("detectors", "self_blended")
    clip, (track,) = testing.portrait_clip(frames=3)
    found = detector.analyse(clip, (track, dataclasses.replace(track, track_id=9)))
    assert found.score == pytest.approx(float(found.tracks[0].frame_scores.mean()), abs=1e-4)
    assert [t.track_id for t in found.tracks] == [track.track_id, 9]


def test_what_the_network_takes(network: FaceNetwork, crops: np.ndarray) -> None:
    with pytest.raises(ShapeError):
        network(np.zeros((1, 1, SIZE_PX, SIZE_PX, 3), np.uint8))
    maps, logits = network(np.stack([crops, crops]))
    assert crops.shape[0] == SCALES and maps.shape == (2, 2, 20, 20) and logits.shape == (2,)
    assert maps.min() >= 0 and maps.max() <= 1


def test_foreign_graphs_are_refused(tmp_path: Path) -> None:
    shutil.copy(weights.path_of("boundary", GRAPH), tmp_path / GRAPH)
    with pytest.raises(WeightsError, match="not a network of this detector"):
        build(Config(weights=str(tmp_path / GRAPH)))
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(WeightsError, match="cannot load"):
        build(Config(weights=str(tmp_path / "text.onnx")))
    with pytest.raises(ConfigError, match="frames"):
        Config(frames=0)
