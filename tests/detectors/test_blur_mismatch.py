from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness import media, registry, testing
from likeness.detectors import _blur_measures as blur
from likeness.detectors.blur_mismatch import Config, build
from likeness.errors import UsageError, WeightsError
from likeness.faces.patch import face_patch, oval_mask
from likeness.faces.sharpness import CELL_PX, detail_cells, face_cells, middle
from likeness.types import FaceTrack, ImageArray


@pytest.fixture(scope="module")
def track() -> FaceTrack:
    _, (only,) = testing.portrait_clip()
    return only


def blended(image: ImageArray, face: ImageArray, track: FaceTrack) -> ImageArray:
    """The inner face from one picture, the rest from another, with a soft rim."""
    import cv2

    size_wh = (image.shape[1], image.shape[0])
    mask = cv2.GaussianBlur(oval_mask(track.landmarks_px[0], size_wh, 0.85), (0, 0), 3.0)[..., None]
    return (image + mask * (face.astype(np.float32) - image)).round().astype(np.uint8)


def softened(track: FaceTrack, sigma: float) -> ImageArray:
    import cv2

    portrait = testing.portrait()
    return blended(portrait, cv2.GaussianBlur(portrait, (0, 0), sigma), track)


def score_of(image: ImageArray, track: FaceTrack) -> float:
    score = build(Config()).analyse(media.clip_from_frames([image]), [track]).score
    assert score is not None
    return score


def test_a_softened_face_scores_higher_the_softer_it_is(track: FaceTrack) -> None:
    scores = [score_of(testing.portrait(), track)]
    scores += [score_of(softened(track, sigma), track) for sigma in (1.0, 2.0)]
    assert scores[0] < scores[1] < scores[2]


def test_a_face_sharper_than_its_picture_scores_higher_and_is_called_sharper(
    track: FaceTrack,
) -> None:
    import cv2

    portrait = testing.portrait()
    picture = cv2.GaussianBlur(portrait, (0, 0), 2.0)
    pasted = blended(picture, portrait, track)
    assert score_of(pasted, track) > score_of(picture, track) + 1.0
    evidence = build(Config()).analyse(media.clip_from_frames([pasted]), [track])
    assert "sharper" in evidence.note
    softer = build(Config()).analyse(media.clip_from_frames([softened(track, 2.0)]), [track])
    assert "softer" in softer.note


def test_one_lens_for_the_whole_picture_moves_the_numbers_little(track: FaceTrack) -> None:
    """What is measured is a difference inside one picture, not how sharp the picture is."""
    import cv2

    portrait, points = testing.portrait(), track.landmarks_px[0]
    whole = blur.measured(cv2.GaussianBlur(portrait, (0, 0), 1.5), points)
    face = blur.measured(softened(track, 1.5), points)
    sharp = blur.measured(portrait, points)
    assert whole is not None and face is not None and sharp is not None
    moved = np.abs(whole.values - sharp.values)[:2]
    assert (moved < 0.5 * np.abs(face.values - sharp.values)[:2]).all()


def test_the_map_shows_the_softened_half(track: FaceTrack) -> None:
    """Only the half of the face on the image's left is softened; the map must lie there."""
    portrait = testing.portrait()
    soft = softened(track, 2.5)
    middle_x = int(track.landmarks_px[0][168, 0])
    half = portrait.copy()
    half[:, :middle_x] = soft[:, :middle_x]
    found = blur.measured(half, track.landmarks_px[0])
    assert found is not None
    shown = blur.mismatch_map(found)
    column = round(float(found.patch.cells(CELL_PX)[168, 0]))
    assert shown[:, :column].sum() > 2.0 * shown[:, column:].sum() > 0.0
    assert shown.min() >= 0.0 and shown.max() <= 1.0
    corners = found.grid_corners_px()
    low, high = corners.min(axis=0), corners.max(axis=0)
    x0, y0, x1, y1 = track.boxes_px[0]
    assert low[0] < x0 and low[1] < y0 and high[0] > x1 and high[1] > y1


@pytest.mark.parametrize("picture", ["flat", "noise"])
def test_what_is_no_photograph_is_not_scored(picture: str, track: FaceTrack) -> None:
    rng = np.random.default_rng(0)
    drawn = {
        "flat": np.full((512, 512, 3), 120, np.uint8),
        "noise": rng.integers(0, 255, (512, 512, 3), np.uint8),
    }[picture]
    evidence = build(Config()).analyse(media.clip_from_frames([drawn]), [track])
    assert evidence.status == "not_applicable" and "detail" in evidence.note


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pose_deg": np.array([[70.0, 0.0, 0.0]], np.float32)}, "turned away"),
        ({"eyes": 12.0}, "too small"),
        ({"visible": 0.3}, "hidden"),
        ({"bridged": np.array([True])}, "no face"),
    ],
)
def test_a_face_that_cannot_be_judged_is_refused_with_its_reason(
    change: dict, words: str, track: FaceTrack
) -> None:
    quality = track.quality
    if "eyes" in change:
        quality = replace(quality, eye_distance_px=np.array([change["eyes"]], np.float32))
    if "visible" in change:
        quality = replace(quality, visible=np.array([change["visible"]], np.float32))
    fields = {k: v for k, v in change.items() if k in ("pose_deg", "bridged")}
    changed = replace(track, quality=quality, **fields)
    evidence = build(Config()).analyse(media.clip_from_frames([testing.portrait()]), [changed])
    assert evidence.status == "not_applicable" and words in evidence.note


def test_a_patch_keeps_the_pictures_pixels_and_ends_where_it_ends(track: FaceTrack) -> None:
    image, points = testing.portrait(), track.landmarks_px[0]
    patch = face_patch(image, points, margin=0.1, longest_px=1000)
    x0, y0 = (patch.corners_px[0] + 0.5).astype(int)
    h, w = patch.image.shape[:2]
    assert patch.scale == 1.0 and np.array_equal(patch.image, image[y0 : y0 + h, x0 : x0 + w])
    assert np.allclose(patch.landmarks_px + np.array([x0, y0]), points, atol=1e-3)
    small = face_patch(image, points, margin=0.1, longest_px=90)
    assert max(small.image.shape[:2]) == 90
    back = (small.landmarks_px + 0.5) / small.scale - 0.5 + np.array([x0, y0])
    assert np.abs(back - points).max() < 1.5
    with pytest.raises(UsageError, match="no part"):
        face_patch(image, points + np.float32(5000))


def test_parts_of_the_face_do_not_overlap_where_they_must_not(track: FaceTrack) -> None:
    patch = face_patch(testing.portrait(), track.landmarks_px[0])
    detail = detail_cells(patch)
    assert detail is not None
    cells = face_cells(patch, (detail.lively.shape[0], detail.lively.shape[1]))
    assert not (cells.inner & cells.ring).any() and not (cells.inner & cells.outside).any()
    assert not (cells.skin & cells.features).any()
    for part in (cells.inner, cells.ring, cells.outside, cells.features, cells.skin):
        assert part.any()
    assert np.isnan(middle(detail.fall[0], np.zeros_like(cells.inner)))


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    detector = registry.build("detectors", "blur_mismatch")
    detector.model.save(tmp_path / "other.safetensors", "blur-0", {})
    with pytest.raises(WeightsError, match="expected measurements"):
        build(Config(weights=str(tmp_path / "other.safetensors")))
