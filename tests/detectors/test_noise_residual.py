from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness import media, registry, testing, weights
from likeness.data.known_faces import renumbered, take_rows
from likeness.detectors import _noise_blobs as blobs
from likeness.detectors import _noise_maps as maps
from likeness.detectors import _noise_measures as measures
from likeness.detectors import _noise_picture as whole
from likeness.detectors._cue import CueModel
from likeness.detectors.noise_residual import WEIGHTS, Config, build
from likeness.errors import ConfigError, WeightsError
from likeness.faces import regions
from likeness.faces.geometry import hull_mask
from likeness.scoring.metrics import auc
from likeness.types import Clip, FaceTrack, ImageArray


@pytest.fixture(scope="module")
def track() -> FaceTrack:
    _, (found,) = testing.portrait_clip()
    return found


def _still() -> Clip:
    return media.clip_from_frames([testing.portrait()])


@pytest.fixture(scope="module")
def oval(track: FaceTrack) -> np.ndarray:
    """(512, 512, 1) bool, the portrait's face."""
    return hull_mask(track.landmarks_px[0][list(regions.FACE_OVAL)], (512, 512))[..., None] > 0.5


def _numbers(image: ImageArray, track: FaceTrack) -> np.ndarray:
    found = measures.of_face(image, track.landmarks_px[0], track.boxes_px[0])
    assert found is not None
    return found


def _noisy(image: ImageArray, sigma: float, seed: int = 0) -> ImageArray:
    grain = np.random.default_rng(seed).normal(0.0, sigma, image.shape[:2])[..., None]
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def _jpeg(image: ImageArray, quality: int) -> ImageArray:
    _, coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])


def test_noise_on_the_face_alone_shows_and_noise_everywhere_does_not(
    track: FaceTrack, oval: np.ndarray
) -> None:
    everywhere = _noisy(testing.portrait(), 10.0)
    face_only = np.where(oval, everywhere, testing.portrait())
    calm, loud = _numbers(everywhere, track), _numbers(face_only, track)
    assert calm[measures.FINE] < 0.25
    assert loud[measures.FINE] > calm[measures.FINE] + 0.5
    assert loud[measures.COARSE] > calm[measures.COARSE]


def test_a_smoothed_face_shows_as_neighbouring_pixels_that_are_alike(
    track: FaceTrack, oval: np.ndarray
) -> None:
    noisy = _noisy(testing.portrait(), 4.0)
    smoothed = np.where(oval, cv2.GaussianBlur(noisy, (0, 0), 0.7), noisy)
    before, after = _numbers(noisy, track), _numbers(smoothed, track)
    assert after[measures.ALIKE] > before[measures.ALIKE] + 0.1


def test_a_change_of_light_is_no_change_of_noise(track: FaceTrack) -> None:
    picture = testing.portrait()
    darker = np.clip(np.rint(picture * 0.85), 0, 255).astype(np.uint8)
    model = build(Config()).model
    a, b = model.logit(np.stack([_numbers(i, track) for i in (picture, darker)]))
    assert abs(a - b) < 0.6


def test_pictures_without_noise_and_faces_without_surroundings_are_not_judged(
    track: FaceTrack,
) -> None:
    drawn = np.full((512, 512, 3), 180, np.uint8)
    cv2.circle(drawn, (220, 110), 70, (230, 190, 160), -1)
    assert measures.of_face(drawn, track.landmarks_px[0], track.boxes_px[0]) is None
    detector = registry.build("detectors", "noise_residual")
    evidence = detector.analyse(media.clip_from_frames([drawn]), (track,))
    assert evidence.status == "not_applicable" and "too smooth" in evidence.note
    small = np.array([10.0, 10.0, 30.0, 34.0], np.float32)
    assert measures.face_region(small, (400, 400)) is None


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_pictures_break_nothing(level: int) -> None:
    blank = np.full((128, 128, 3), level, np.uint8)
    assert maps.picture_map(blank) is None
    assert maps.ghost_map(blank) is None
    assert np.isfinite(measures.cell_maps(blank).maps).all()


def test_the_mosaic_of_a_camera_is_seen_and_lost_by_resizing() -> None:
    scene = _noisy(np.full((128, 128, 3), 128, np.uint8), 12.0)
    green = scene[..., 1].astype(np.float32)
    row, column = np.indices(green.shape)
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    taken = np.where((row + column) % 2 == 0, green, cv2.filter2D(green, -1, cross))
    camera = np.repeat(np.rint(taken).astype(np.uint8)[..., None], 3, axis=2)
    resized = cv2.resize(camera, (160, 160), interpolation=cv2.INTER_CUBIC)
    values = [measures.cell_maps(i).maps[measures.MOSAIC].mean() for i in (camera, resized, scene)]
    assert values[0] > 5 * values[1] and values[0] > 5 * values[2]


def test_compression_blocks_are_seen_on_their_grid_only() -> None:
    coded = _jpeg(testing.portrait(), 25)
    shifted = np.ascontiguousarray(coded[4:-4, 4:-4])
    on, off = (measures.cell_maps(i).maps[measures.BLOCKS].mean() for i in (coded, shifted))
    assert on > off + 0.3


def test_the_map_of_the_picture_finds_what_was_pasted_far_from_the_face() -> None:
    pasted = testing.portrait()
    own = maps.picture_map(pasted)
    pasted = pasted.copy()
    pasted[320:416, 40:136] = _noisy(pasted, 12.0)[320:416, 40:136]
    where = np.zeros((64, 64), np.int64)
    where[40:52, 5:17] = 1
    found = maps.picture_map(pasted)
    assert own is not None and found is not None
    assert auc(found.ravel(), where.ravel()) > 0.75
    assert found[where == 1].mean() > own[where == 1].mean() + 0.1
    assert found.dtype == np.float32 and found.min() >= 0.0 and found.max() <= 1.0


def test_a_region_that_was_jpeg_before_leaves_a_ghost() -> None:
    picture = testing.portrait()
    pasted = picture.copy()
    pasted[320:416, 40:136] = _jpeg(picture, 60)[320:416, 40:136]
    where = np.zeros((64, 64), np.int64)
    where[40:52, 5:17] = 1
    found = maps.ghost_map(_jpeg(pasted, 95))
    assert found is not None
    assert auc(found.ravel(), where.ravel()) > 0.85


def test_the_maps_lie_where_they_say(track: FaceTrack) -> None:
    evidence = registry.build("detectors", "noise_residual").analyse(_still(), (track,))
    of_face, of_picture, ghosts = evidence.heatmaps
    assert of_face.track_id == 0 and of_picture.track_id is None and ghosts.track_id is None
    assert of_picture.values.shape == (64, 64)
    assert of_picture.corners_px[2].tolist() == [511.5, 511.5]
    x0, y0, x1, y1 = track.boxes_px[0]
    (left, top), (right, bottom) = of_face.corners_px[0], of_face.corners_px[2]
    assert left < x0 and top < y0 + 8 and right > x1 and bottom > y1
    names = [reading.name for reading in evidence.readings[len(measures.NAMES) :]]
    assert names == [whole.GHOSTS, blobs.NAME]


def test_a_picture_without_a_face_gets_its_map_and_no_score() -> None:
    picture = np.ascontiguousarray(testing.portrait()[256:])
    evidence = registry.build("detectors", "noise_residual").analyse(
        media.clip_from_frames([picture]), ()
    )
    assert evidence.status == "not_applicable" and evidence.score is None
    assert [h.track_id for h in evidence.heatmaps] == [None, None]


def test_videos_get_one_map_of_the_picture_and_no_ghosts(track: FaceTrack) -> None:
    clip = media.clip_from_frames([testing.portrait()] * 3)
    tracks = (renumbered(take_rows(track, np.zeros(3, np.int64))),)
    evidence = registry.build("detectors", "noise_residual").analyse(clip, tracks)
    assert [h.track_id for h in evidence.heatmaps] == [0, None]
    assert len(evidence.tracks[0].frame_scores) == 3


def test_grey_pictures_are_judged_like_others(track: FaceTrack) -> None:
    grey = np.repeat(cv2.cvtColor(testing.portrait(), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert np.isfinite(_numbers(grey, track)).all()


def test_a_huge_picture_costs_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "MOST_PIXELS", 10_000)
    monkeypatch.setattr(maps, "MOST_GHOST_PIXELS", 10_000)
    assert maps.picture_map(testing.portrait()) is None
    assert maps.ghost_map(testing.portrait()) is None


def test_foreign_weights_and_no_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frames"):
        build(Config(frames=0))
    foreign = tmp_path / "foreign.safetensors"
    weights.save_arrays(foreign, {"a": np.zeros(3)}, {"features": "other-1"})
    with pytest.raises(WeightsError, match="expected measurements"):
        build(Config(weights=str(foreign)))
    shipped = weights.path_of("noise_residual", next(iter(WEIGHTS.values())))
    model = CueModel.load(shipped, measures.NAMES, measures.VERSION)
    with pytest.raises(WeightsError):
        CueModel.load(shipped, measures.NAMES[:-1], measures.VERSION)
    assert model.tag == "noise_residual-1"


def test_a_face_that_was_never_seen_is_not_measured(track: FaceTrack) -> None:
    hidden = replace(track, bridged=np.ones(1, bool))
    evidence = registry.build("detectors", "noise_residual").analyse(_still(), (hidden,))
    assert evidence.status == "not_applicable" and "no face" in evidence.note


def test_other_noise_in_a_real_face_raises_its_score(data_dir: Path) -> None:
    """Six photographs of role `select`: the same face with more noise scores higher."""
    from likeness.data.manifest import read_items, select_items
    from likeness.faces import FaceModels
    from likeness.jobs.detect import find_tracks

    models = FaceModels()

    items = select_items(read_items(data_dir), source="utkface", role="select")[::140][:6]
    detector = registry.build("detectors", "noise_residual")
    risen = []
    for item in items:
        clip = media.open_clip(item.file(data_dir))
        tracks = find_tracks(clip, 1, models=models)
        before = detector.analyse(clip, tracks)
        if before.score is None:
            continue
        image = next(iter(clip.frames)).image
        size = (image.shape[1], image.shape[0])
        face = hull_mask(tracks[0].landmarks_px[0][list(regions.FACE_OVAL)], size)[..., None] > 0.5
        loud = media.clip_from_frames([np.where(face, _noisy(image, 5.0), image)])
        after = detector.analyse(loud, tracks).score
        assert after is not None
        risen.append(after > before.score)
    assert len(risen) >= 5 and np.mean(risen) >= 0.8
