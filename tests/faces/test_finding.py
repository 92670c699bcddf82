"""Faces of one picture."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness.errors import ShapeError
from likeness.faces import regions
from likeness.faces.finding import find_faces, views_of
from likeness.faces.geometry import eye_distance_px
from likeness.faces.models import Candidates, FaceModels, merge_overlaps, overlap


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return FaceModels(1)


def middle(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def test_portrait_has_one_face_with_landmarks_in_place(
    portrait: np.ndarray, models: FaceModels
) -> None:
    faces = find_faces(portrait, models=models)
    assert len(faces) == 1
    assert faces.scores[0] > 0.8 and faces.presence[0] > 0.95
    points = faces.landmarks_px[0]
    # Dark irises lie where the iris points say; the subject's right eye is left in the picture.
    for iris, x in ((regions.RIGHT_IRIS, 203), (regions.LEFT_IRIS, 248)):
        centre = points[iris[0]]
        assert abs(centre[0] - x) < 5 and abs(centre[1] - 103) < 5
        patch = portrait[
            int(centre[1]) - 1 : int(centre[1]) + 2, int(centre[0]) - 1 : int(centre[0]) + 2
        ]
        assert patch.mean() < 110
    assert np.abs(faces.keypoints_px[0, 0] - points[468]).max() < 5
    box = faces.boxes_px[0]
    assert (points[:468] >= box[:2] - 1e-3).all() and (points[:468] <= box[2:] + 1e-3).all()


def test_mirrored_portrait_has_mirrored_landmarks(portrait: np.ndarray, models: FaceModels) -> None:
    points = find_faces(portrait, models=models).landmarks_px[0]
    mirrored = find_faces(np.ascontiguousarray(portrait[:, ::-1]), models=models).landmarks_px[0]
    error = np.abs(511 - mirrored[263] - points[33])[0]
    assert error < 0.06 * eye_distance_px(points)


def test_many_small_faces_are_all_found(portrait: np.ndarray, models: FaceModels) -> None:
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    small = cv2.resize(portrait[:260, 90:350], (70, 70), interpolation=cv2.INTER_AREA)
    places = [
        (30, 40),
        (300, 60),
        (620, 20),
        (1180, 50),
        (100, 400),
        (500, 620),
        (800, 330),
        (1150, 600),
    ]
    for x, y in places:
        canvas[y : y + 70, x : x + 70] = small
    faces = find_faces(canvas, models=models)
    centres = np.array([middle(b) for b in faces.boxes_px])
    for x, y in places:
        inside = ((centres > (x, y)) & (centres < (x + 70, y + 70))).all(axis=1)
        assert inside.sum() == 1
    assert len(faces) == len(places)


def test_tight_crop_and_turned_picture(portrait: np.ndarray, models: FaceModels) -> None:
    tight = cv2.resize(portrait[65:185, 172:278], (200, 226))
    assert len(find_faces(tight, models=models)) == 1
    for turns in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(portrait, turns))
        assert len(find_faces(turned, models=models)) == 1


def test_no_face_is_a_normal_outcome(models: FaceModels) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    flat = np.full((64, 64, 3), 128, np.uint8)
    for picture in (noise, flat, np.zeros((1, 1, 3), np.uint8), np.zeros((3, 900, 3), np.uint8)):
        faces = find_faces(picture, models=models)
        assert len(faces) == 0
        assert faces.landmarks_px.shape == (0, 478, 2) and faces.boxes_px.shape == (0, 4)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ShapeError, match="image"):
        find_faces(np.zeros((10, 10), np.uint8))


def test_views_cover_every_place_at_a_size_that_the_detector_sees() -> None:
    for size_wh in ((1280, 720), (640, 480), (4032, 3024), (300, 2000)):
        views = views_of(size_wh, 40)
        rng = np.random.default_rng(1)
        coarsest_floor = views[:, 2].min() * 0.08
        for _ in range(300):
            face = rng.uniform(max(40, coarsest_floor), min(size_wh) * 0.9)
            low = np.array([rng.uniform(0, s - face) for s in size_wh])
            half = views[:, 2:3] / 2
            whole = ((low >= views[:, :2] - half) & (low + face <= views[:, :2] + half)).all(axis=1)
            share = face / views[:, 2]
            assert (whole & (share >= 0.079) & (share <= 0.6)).any(), (size_wh, face, low)
    assert len(views_of((4032, 3024), 24)) < 120


def test_overlap_and_merge() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]], np.float32)
    assert overlap(boxes[:1], boxes[1:])[0] == pytest.approx([90 / 110, 0])
    assert overlap(boxes[:1], boxes[:1] * 0.5, of_smaller=True)[0, 0] == pytest.approx(1)
    scores = np.array([0.9, 0.6, 0.7], np.float32)
    merged = merge_overlaps(Candidates(boxes, scores, np.zeros((3, 6, 2), np.float32)))
    assert merged.scores == pytest.approx([0.9, 0.7])
    assert merged.boxes[0] == pytest.approx([0.4, 0, 10.4, 10])


def test_real_pictures(data_dir: Path, models: FaceModels) -> None:
    with (data_dir / "manifest.csv").open(encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    chosen = []
    for folder in ("faces/real/utkface/", "faces/real/ffhq256/", "faces/fake/stylegan1_256/"):
        chosen += sorted(p for p in paths if p.startswith(folder))[::17][:12]
    counts = []
    for path in chosen:
        image = cv2.cvtColor(cv2.imread(str(data_dir / path)), cv2.COLOR_BGR2RGB)
        counts.append(len(find_faces(image, models=models)))
    assert len(counts) == 36
    assert sum(c == 1 for c in counts) >= 35
