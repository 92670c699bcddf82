from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness import media, registry, testing
from likeness.detectors import _eyes_ears as ears
from likeness.detectors import _eyes_measures as measures
from likeness.detectors import eyes
from likeness.detectors._eyes_pupil import pupil_roundness
from likeness.errors import ConfigError, WeightsError
from likeness.faces import regions
from likeness.types import FaceTrack, FloatArray, ImageArray

COLOUR, LIGHT, PLACE, SIZE, PATTERN, SHARPNESS, DETAIL, MOUTH = range(8)
CENTRES = ((140.0, 150.0), (260.0, 150.0))  # the subject's right eye lies on the left
BROWN = (110, 75, 50)


def _landmarks(radius: float = 20.0, opening: float = 22.0, gap: float = 2.0) -> FloatArray:
    """(478, 2) a frontal face of 400 x 400 px that has eyes, irises, cheeks and lips."""
    points = np.full((478, 2), 200.0)
    for ring, iris, (x, y) in zip(
        (regions.RIGHT_EYE, regions.LEFT_EYE),
        (regions.RIGHT_IRIS, regions.LEFT_IRIS),
        CENTRES,
        strict=True,
    ):
        angle = np.linspace(np.pi, -np.pi, len(ring), endpoint=False)
        points[list(ring)] = np.stack(
            [x + 40.0 * np.cos(angle), y + opening * np.sin(angle)], axis=1
        )
        points[iris[0]] = (x, y)
        points[list(iris[1:])] = (x, y) + radius * np.array([(1, 0), (0, -1), (-1, 0), (0, 1)])
    points[list(regions.RIGHT_EYE_CORNERS)] = ((100, 150), (180, 150))
    points[list(regions.LEFT_EYE_CORNERS)] = ((300, 150), (220, 150))
    points[list(regions.RIGHT_CHEEK)] = (120, 240)
    points[list(regions.LEFT_CHEEK)] = (280, 240)
    angle = np.linspace(np.pi, -np.pi, len(regions.LIPS_INNER), endpoint=False)
    points[list(regions.LIPS_INNER)] = np.stack(
        [200.0 + 40.0 * np.cos(angle), 310.0 + 0.5 * gap * np.sin(angle)], axis=1
    )
    points[13], points[14] = (200.0, 310.0 - 0.5 * gap), (200.0, 310.0 + 0.5 * gap)
    return points.astype(np.float32)


def _face(
    colours: tuple[tuple[int, int, int], ...] = (BROWN, BROWN),
    lights: tuple[tuple[int, int] | None, ...] = ((6, -6), (6, -6)),
    radius: int = 20,
) -> ImageArray:
    """(400, 400, 3) skin with two drawn eyes; `lights` are the reflections' places from the iris centre in pixels."""
    image = np.full((400, 400, 3), (205, 165, 140), np.uint8)
    for (x, y), colour, light in zip(CENTRES, colours, lights, strict=True):
        at = (int(x), int(y))
        cv2.ellipse(image, at, (40, 22), 0, 0, 360, (235, 230, 225), -1)
        cv2.circle(image, at, radius, colour, -1, cv2.LINE_AA)
        cv2.circle(image, at, radius // 3, (12, 10, 10), -1, cv2.LINE_AA)
        if light is not None:
            cv2.circle(image, (at[0] + light[0], at[1] + light[1]), 4, (255, 255, 255), -1)
    return image


@cache
def _found() -> FaceTrack:
    return testing.portrait_clip()[1][0]


def _track(landmarks: FloatArray, yaw: float = 0.0, opening: float = 0.3) -> FaceTrack:
    found = _found()
    quality = replace(found.quality, eye_aspect_ratio=np.full((1, 2), opening, np.float32))
    pose = np.array([[yaw, 0.0, 0.0]], np.float32)
    return replace(found, landmarks_px=landmarks[None], pose_deg=pose, quality=quality)


def _numbers(image: ImageArray) -> np.ndarray:
    found = measures.of_face(image, _landmarks())
    assert found is not None
    return found


def test_equal_eyes_do_not_differ() -> None:
    values = _numbers(_face())
    assert values[COLOUR] < 1.0 and values[LIGHT] < 1.0
    assert values[PLACE] < 0.1 and values[SIZE] < 0.1
    assert values[PATTERN] < 0.1 and values[SHARPNESS] < 0.1
    assert values[MOUTH] == measures.CLOSED_MOUTH


def test_a_blue_and_a_brown_iris_differ_in_colour_and_nothing_else() -> None:
    values = _numbers(_face(colours=(BROWN, (60, 85, 120))))
    assert values[COLOUR] > 20.0
    assert values[PLACE] < 0.1


def test_reflections_at_other_places_are_measured_in_iris_radii() -> None:
    same, apart = _numbers(_face()), _numbers(_face(lights=((-9, -6), (9, -6))))
    assert apart[PLACE] == pytest.approx(18 / 20, abs=0.12)
    assert apart[PATTERN] > same[PATTERN] + 0.1
    assert apart[COLOUR] < 1.0


def test_a_reflection_in_one_eye_alone_counts_as_one_radius() -> None:
    assert _numbers(_face(lights=((6, -6), None)))[PLACE] == 1.0
    assert _numbers(_face(lights=(None, None)))[PLACE] == 0.0


def test_one_blurred_eye_shows() -> None:
    image = _face()
    image[:, 210:] = cv2.GaussianBlur(image, (0, 0), 4.0)[:, 210:]
    assert _numbers(image)[SHARPNESS] > 0.2


def test_teeth_are_looked_at_in_an_open_mouth_only() -> None:
    image = _face()
    rng = np.random.default_rng(0)
    image[290:330, 160:240] = rng.integers(0, 255, (40, 80, 3), np.uint8)
    assert measures.mouth_detail(image, _landmarks(gap=2.0)) is None
    sharp = measures.mouth_detail(image, _landmarks(gap=30.0))
    soft = measures.mouth_detail(cv2.GaussianBlur(image, (0, 0), 3.0), _landmarks(gap=30.0))
    assert sharp is not None and soft is not None and sharp > soft + 0.5


def test_a_round_pupil_fits_its_ellipse_and_a_dented_one_does_not() -> None:
    landmarks = _landmarks()
    whole = _face(lights=(None, None))
    dented = whole.copy()
    for x, y in CENTRES:
        cv2.rectangle(dented, (int(x), int(y) - 9), (int(x) + 9, int(y) + 1), BROWN, -1)
    fits = []
    for image in (whole, dented):
        both = measures.both_eyes(image, landmarks)
        assert both is not None
        fits.append(pupil_roundness(both[0]))
    assert fits[0] is not None and fits[0] > 0.9
    assert fits[1] is None or fits[1] < fits[0] - 0.1


def test_no_pupil_is_claimed_in_an_iris_as_dark_as_it() -> None:
    both = measures.both_eyes(_face(colours=((14, 12, 12),) * 2, lights=(None, None)), _landmarks())
    assert both is not None and pupil_roundness(both[0]) is None


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (lambda: _track(_landmarks(), yaw=35.0), "within 20 degrees"),
        (lambda: _track(_landmarks(), opening=0.1), "closed"),
        (lambda: _track(_landmarks(radius=3.0)), "smaller than 8 px"),
        (lambda: replace(_track(_landmarks()), bridged=np.ones(1, bool)), "no face"),
    ],
)
def test_what_cannot_be_judged_is_said(track, reason: str) -> None:
    clip = media.clip_from_frames([_face()])
    evidence = registry.build("detectors", "eyes").analyse(clip, (track(),))
    assert evidence.status == "not_applicable" and reason in evidence.note


def test_grey_pictures_and_eyes_beyond_the_edge_are_not_judged() -> None:
    grey = np.repeat(cv2.cvtColor(_face(), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    evidence = registry.build("detectors", "eyes").analyse(
        media.clip_from_frames([grey]), (_track(_landmarks()),)
    )
    assert evidence.status == "not_applicable" and "colour" in evidence.note
    assert measures.of_face(_face(), _landmarks() - np.float32([135.0, 0.0])) is None


def test_what_differs_is_said_in_words_and_read_in_numbers() -> None:
    clip = media.clip_from_frames([_face(colours=(BROWN, (60, 85, 120)))])
    evidence = registry.build("detectors", "eyes").analyse(clip, (_track(_landmarks()),))
    assert evidence.status == "scored" and "differ in colour" in evidence.note
    named = {r.name: r for r in evidence.readings}
    reading = named[measures.NAMES[COLOUR]]
    assert reading.usual is not None and reading.value > reading.usual[1]
    assert measures.NAMES[MOUTH] not in named  # the mouth is closed
    assert "overlap of the right pupil with an ellipse" in named
    assert evidence.llr is None


def test_the_cue_is_an_illustration() -> None:
    assert registry.part("detectors", "eyes").info["fitted_on"] == "none"


def test_no_frames_and_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frames"):
        eyes.build(eyes.Config(frames=0))
    with pytest.raises(WeightsError):
        eyes.build(eyes.Config(weights=str(tmp_path / "missing.safetensors")))


WALL = (60, 80, 130)
FOLDS = ((0.3, -0.5), (0.5, 0.0), (0.2, 0.5))
OTHER_FOLDS = ((0.2, -0.1), (0.6, 0.6), (0.6, -0.6))


def _points() -> FloatArray:
    """(478, 2) the portrait's landmarks in its head at four times the size, 800 x 800 px."""
    return ((_found().landmarks_px[0] - np.float32([120, 20])) * 4).astype(np.float32)


def _head(
    tones: tuple[tuple[int, ...], ...] = ((205, 165, 140),) * 2,
    folds: tuple[tuple[tuple[float, float], ...], ...] = (FOLDS, FOLDS),
) -> ImageArray:
    """(800, 800, 3) the portrait's face on a drawn head before a blue wall, with an ear on either side."""
    points = _points()
    image = np.full((800, 800, 3), WALL, np.uint8)
    along = (points[454] - points[234]) / np.linalg.norm(points[454] - points[234])
    down = np.array([-along[1], along[0]])
    width = float(np.linalg.norm(points[454] - points[234]))
    top, bottom = float((points[[33, 263]] @ down).mean()), float(points[2] @ down)
    axes = np.array([0.09 * width, 0.65 * (bottom - top)])
    roll = float(np.degrees(np.arctan2(along[1], along[0])))
    for point, outwards, tone, dents in zip((234, 454), (-1, 1), tones, folds, strict=True):
        middle = points[point] + down * (0.5 * (top + bottom) - points[point] @ down)
        cv2.ellipse(image, (middle.tolist(), (2 * axes).tolist(), roll), tone, -1)
        for across, lower in dents:
            at = middle + outwards * across * axes[0] * along + 0.8 * lower * axes[1] * down
            shade = tuple(int(0.8 * v) for v in tone)
            cv2.circle(image, np.rint(at).astype(int).tolist(), round(0.25 * axes[0]), shade, -1)
    face = np.zeros((800, 800, 1), np.uint8)
    cv2.fillPoly(face, [points[list(regions.FACE_OVAL)].astype(np.int32)], 1)
    portrait = cv2.resize(testing.portrait()[20:220, 120:320], (800, 800))
    return np.where(face > 0, portrait, image)


def _skin() -> tuple[int, ...]:
    cheek = _points()[list(regions.RIGHT_CHEEK)].mean(axis=0).astype(int)
    return tuple(int(v) for v in _head()[cheek[1], cheek[0]])


def _ears(image: ImageArray) -> ears.Ears:
    found = ears.of_face(image, _points())
    assert found is not None
    return found


def test_equal_ears_are_seen_where_they_are_and_do_not_differ() -> None:
    found = _ears(_head((_skin(),) * 2))
    assert found.values[1] < 0.2 and found.values[2] < 0.4
    middle, points = found.tiles_px.mean(axis=1), _points()  # the right ear lies on the left
    assert middle[0, 0] < points[234, 0] and middle[1, 0] > points[454, 0]
    assert points[33, 1] < middle[0, 1] < points[2, 1]


def test_an_ear_of_another_tone_or_of_another_shape_shows() -> None:
    skin = _skin()
    red = (skin[0], skin[1] - 25, skin[2] - 15)
    plain, toned = _ears(_head((skin, skin))), _ears(_head((skin, red)))
    shaped = _ears(_head((skin, skin), (FOLDS, OTHER_FOLDS)))
    assert toned.values[0] > plain.values[0] + 5.0
    assert abs(toned.values[2] - plain.values[2]) < 0.15
    assert shaped.values[2] > plain.values[2] + 0.2
    assert shaped.maps.mean() > 1.3 * plain.maps.mean()
    assert shaped.maps.dtype == np.float32 and 0.0 <= shaped.maps.min() <= shaped.maps.max() <= 1.0


def test_ears_that_are_not_both_seen_are_not_compared() -> None:
    image, points = _head((_skin(),) * 2), _points()
    left, right = int(points[234, 0]), int(points[454, 0])
    hair, wall = image.copy(), image.copy()
    hair[:, :left] = (40, 30, 25)
    wall[:, right + 1 :] = _skin()  # of the skin's colour: no ear ends there
    assert ears.of_face(hair, points) is None and ears.of_face(wall, points) is None
    cut = np.ascontiguousarray(image[:, left:])
    assert ears.of_face(cut, points - np.float32([left, 0])) is None
    assert ears.of_face(image, np.zeros((478, 2), np.float32)) is None


def test_the_detector_shows_the_ears_of_frontal_faces_and_they_move_no_score() -> None:
    quality = replace(_found().quality, eye_distance_px=np.float32([160.0]))

    def seen(image: ImageArray, yaw: float):
        pose = np.array([[yaw, 0.0, 0.0]], np.float32)
        track = replace(_found(), pose_deg=pose, quality=quality, landmarks_px=_points()[None])
        detector = registry.build("detectors", "eyes")
        return detector.analyse(media.clip_from_frames([image]), (track,))

    skin = _skin()
    plain = seen(_head((skin, skin)), 0.0)
    other = seen(_head((skin, skin), (FOLDS, OTHER_FOLDS)), 0.0)
    turned = seen(_head((skin, skin)), 15.0)
    assert plain.status == "scored" and plain.score == other.score == turned.score
    assert set(ears.NAMES) <= {r.name for r in plain.readings} and len(plain.heatmaps) == 2
    assert "not weighed" in plain.note and "not weighed" not in turned.note
    assert not set(ears.NAMES) & {r.name for r in turned.readings} and not turned.heatmaps
