"""`boundary`: what its numbers answer to, what it refuses, and that its picture lies where the blend is."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness import media, registry, testing, weights
from likeness.data import PseudoFakeConfig, make_pseudo_fake
from likeness.detectors import _boundary_features as features
from likeness.detectors._boundary_crop import SIZE_PX, crop_of
from likeness.detectors.boundary import (
    GRAPH,
    LARGEST_EYES_PX,
    NAMES,
    WEIGHTS,
    Config,
    Network,
    build,
)
from likeness.errors import ShapeError, WeightsError
from likeness.faces import hull_mask, regions
from likeness.types import FaceCrop


@pytest.fixture(scope="module")
def crop() -> FaceCrop:
    _, (track,) = testing.portrait_clip()
    return crop_of(testing.portrait(), track.landmarks_px[0])


def numbers(image: np.ndarray, crop: FaceCrop) -> dict[str, float]:
    values = features.of_crop(image, crop.landmarks_px)
    return dict(zip(features.NAMES, values.tolist(), strict=True))


def inner(crop: FaceCrop, scale: float = 1.1) -> np.ndarray:
    points = crop.landmarks_px[[*regions.BROWS, *regions.EYES, *regions.NOSE, *regions.LIPS_OUTER]]
    centre = points.mean(axis=0)
    return hull_mask(centre + scale * (points - centre), (SIZE_PX, SIZE_PX))[..., None]


def blended(crop: FaceCrop, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    image = crop.image.astype(np.float32)
    return np.clip(np.rint(image + mask * (other - image)), 0, 255).astype(np.uint8)


def test_every_number_has_a_name_and_a_unit(crop: FaceCrop) -> None:
    values = features.of_crop(crop.image, crop.landmarks_px)
    assert values.shape == (len(features.NAMES),) == (len(features.UNITS),)
    assert len(NAMES) <= 8 and np.isfinite(values).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("colour step along the contour", lambda x: x + np.array([14, 0, -14], np.float32)),
        ("brightness step along the contour", lambda x: x + np.float32(25)),
        ("texture step along the contour", lambda x: cv2.GaussianBlur(x, (0, 0), 2.5)),
    ],
)
def test_a_step_along_a_pasted_face_is_measured(crop: FaceCrop, name: str, change) -> None:
    other = change(crop.image.astype(np.float32))
    before = numbers(crop.image, crop)[name]
    after = numbers(blended(crop, other, inner(crop)), crop)[name]
    assert after > 1.5 * before + 0.05


def test_a_smoothed_inner_face_has_less_texture(crop: FaceCrop) -> None:
    name = "texture of the inner face against cheeks and forehead"
    soft = cv2.GaussianBlur(crop.image.astype(np.float32), (0, 0), 2.5)
    assert (
        numbers(blended(crop, soft, inner(crop, 1.0)), crop)[name]
        < numbers(crop.image, crop)[name] - 0.3
    )


def drawn_face(crop: FaceCrop, edge_px: float = 0.6, second: bool = False) -> np.ndarray:
    """A bright face on a dark ground, where the portrait's landmarks are."""
    oval = crop.landmarks_px[list(regions.FACE_OVAL)]
    centre = oval.mean(axis=0)
    face = cv2.GaussianBlur(hull_mask(oval, (SIZE_PX, SIZE_PX)), (0, 0), edge_px)
    if second:
        within = hull_mask(centre + 0.88 * (oval - centre), (SIZE_PX, SIZE_PX))
        face = 0.5 * face + 0.5 * within
    return np.repeat(np.rint(60 + 120 * face)[..., None], 3, axis=2).astype(np.uint8)


def test_a_fuzzy_contour_is_wider(crop: FaceCrop) -> None:
    name = "width of the jaw's edge"
    sharp, fuzzy = (numbers(drawn_face(crop, edge), crop)[name] for edge in (0.6, 2.5))
    assert fuzzy > 1.3 * sharp


def test_a_double_chin_line_is_a_second_edge(crop: FaceCrop) -> None:
    name = "second edge beside the jaw's"
    once, twice = (numbers(drawn_face(crop, second=s), crop)[name] for s in (False, True))
    assert twice > once + 0.3


def test_double_brows_are_seen(crop: FaceCrop) -> None:
    name = "second dark line above the brows"
    brows = crop.landmarks_px[[70, 63, 105, 66, 107, 336, 296, 334, 293, 300]]
    up = crop.landmarks_px[10] - crop.landmarks_px[152]

    def with_lines(*heights: float) -> float:
        image = drawn_face(crop)
        for height in heights:
            for part in (brows[:5], brows[5:]):
                line = np.round(16 * (part + height * up)).astype(np.int32)
                cv2.polylines(image, [line], False, (70, 70, 70), 2, cv2.LINE_AA, 4)
        return numbers(image, crop)[name]

    assert with_lines(-0.01, 0.04) > with_lines(-0.01) + 0.3


def test_brightness_alone_moves_nothing_much(crop: FaceCrop) -> None:
    dimmed = np.rint(crop.image * 0.92).astype(np.uint8)
    a, b = numbers(crop.image, crop), numbers(dimmed, crop)
    for name, value in a.items():
        assert b[name] == pytest.approx(value, rel=0.25, abs=0.15), name


def test_a_picture_without_colour_is_not_judged() -> None:
    grey = np.repeat(testing.portrait().mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    _, tracks = testing.portrait_clip()
    found = registry.build("detectors", "boundary").analyse(media.clip_from_frames([grey]), tracks)
    assert found.status == "not_applicable" and "no colour" in found.note


@pytest.mark.parametrize("reason", ["turned", "small", "cut off"])
def test_faces_whose_contour_cannot_be_followed_are_not_judged(reason: str) -> None:
    clip, (track,) = testing.portrait_clip()
    if reason == "turned":
        track = dataclasses.replace(track, pose_deg=np.array([[70, 0, 0]], np.float32))
    else:
        field, value = {"small": ("eye_distance_px", 12.0), "cut off": ("visible", 0.4)}[reason]
        changed = {field: np.array([value], np.float32)}
        track = dataclasses.replace(track, quality=dataclasses.replace(track.quality, **changed))
    found = registry.build("detectors", "boundary").analyse(clip, [track])
    assert found.status == "not_applicable" and "contour" in found.note


def test_without_faces_it_does_not_apply() -> None:
    clip, _ = testing.portrait_clip()
    found = registry.build("detectors", "boundary").analyse(clip, [])
    assert (found.status, found.note) == ("not_applicable", "no face to examine")


def test_its_picture_lies_on_the_blend() -> None:
    """The map of a strong blend answers to its boundary, and more than the map of the real face does."""
    clip, (track,) = testing.portrait_clip()
    detector = registry.build("detectors", "boundary")
    config = PseudoFakeConfig(ratios=(1.0,)).only("self_blend_full")
    real = detector.analyse(clip, [track]).heatmaps[0].values
    gains = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        fake = make_pseudo_fake(testing.portrait(), track.landmarks_px[0], rng, config)
        found = detector.analyse(media.clip_from_frames([fake.image]), [track]).heatmaps[0]
        matrix = cv2.getAffineTransform(
            found.corners_px[:3], np.array([[0, 0], [40, 0], [40, 40]], np.float32) - 0.5
        )
        line = cv2.warpAffine(cv2.blur(fake.boundary, (5, 5)), matrix, (40, 40))
        on, off = line > 0.3, line < 0.02
        gains.append(
            (found.values[on].mean() - found.values[off].mean())
            - (real[on].mean() - real[off].mean())
        )
    assert np.mean(gains) > 0


def test_readings_tell_what_is_usual() -> None:
    clip, tracks = testing.portrait_clip()
    found = registry.build("detectors", "boundary").analyse(clip, tracks)
    assert [r.name for r in found.readings] == list(NAMES)
    assert all(r.usual is not None and r.usual[0] < r.usual[1] for r in found.readings)


def test_foreign_weights_and_graphs_are_refused(tmp_path: Path) -> None:
    own = weights.path_of("boundary", WEIGHTS["boundary-1"])
    alone = tmp_path / own.name
    shutil.copy(own, alone)
    with pytest.raises(WeightsError, match="no such file beside"):
        build(Config(weights=str(alone)))
    shutil.copy(weights.path_of("faces", "face_mesh_attention.onnx"), tmp_path / GRAPH)
    with pytest.raises(WeightsError, match="not a boundary network"):
        build(Config(weights=str(alone)))
    other = weights.path_of("residual_statistics", "residual_statistics.safetensors")
    with pytest.raises(WeightsError, match="expected measurements"):
        build(Config(weights=str(other)))


def test_the_network_takes_crops_of_its_size_only() -> None:
    network = Network.load(weights.path_of("boundary", GRAPH), 1)
    with pytest.raises(ShapeError):
        network(np.zeros((1, 128, 128, 3), np.uint8))
    drawn, logits = network(np.zeros((2, SIZE_PX, SIZE_PX, 3), np.uint8))
    assert drawn.min() >= 0 and drawn.max() <= 1 and logits.shape == (2,)


def test_cells_are_the_boundary_at_a_quarter_of_the_size() -> None:
    from likeness.detectors._boundary_pack import cells

    mask = np.zeros((1, SIZE_PX, SIZE_PX), np.uint8)
    mask[0, :, 80:] = 255
    mask[0, :, 76:80] = 128  # half and half: one column of cells
    line = cells(mask)[0]
    assert line.shape == (40, 40)
    assert (line[:, 19] > 0.99).all() and line[:, :19].max() == line[:, 20:].max() == 0.0


def test_twins_are_equal_outside_their_mask(data_dir: Path) -> None:
    from likeness.data.known_faces import known_faces
    from likeness.data.manifest import read_items, select_items
    from likeness.detectors._boundary_pack import Draws, twins_of

    items = select_items(read_items(data_dir), source="utkface", role="select")[:4]
    faces = known_faces(data_dir, items, frames=1)
    made = list(twins_of(data_dir, faces, Draws(1, 2, 0.0)))
    again = list(twins_of(data_dir, faces[::-1], Draws(1, 2, 0.0)))
    assert len(made) == 2 * len(faces) == len(again)
    for pair in made:
        outside = cv2.dilate(pair.mask, np.ones((9, 9), np.uint8)) == 0
        assert np.array_equal(pair.real[outside], pair.fake[outside])
        assert pair.mask.max() > 200 and not np.array_equal(pair.real, pair.fake)


def test_faces_far_larger_than_those_it_learnt_from_get_no_ratio():
    clip, (track,) = testing.portrait_clip()
    detector = registry.build("detectors", "boundary")
    known = detector.analyse(clip, (track,))
    factor = 1.1 * LARGEST_EYES_PX / float(track.quality.eye_distance_px[0])
    large = cv2.resize(testing.portrait(), None, fx=factor, fy=factor)
    quality = dataclasses.replace(
        track.quality, eye_distance_px=(track.quality.eye_distance_px * factor).astype(np.float32)
    )
    scaled = dataclasses.replace(
        track,
        boxes_px=(track.boxes_px * factor).astype(np.float32),
        landmarks_px=(track.landmarks_px * factor).astype(np.float32),
        quality=quality,
    )
    found = detector.analyse(media.clip_from_frames([large]), (scaled,))
    assert known.tracks[0].in_domain is None
    assert found.status == "scored" and found.tracks[0].in_domain is False
