from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness import media, testing
from likeness.data.known_faces import renumbered
from likeness.detectors import _skin_measures as skin
from likeness.detectors import _skin_shadows as shadows
from likeness.detectors.skin_tone import Config, build
from likeness.faces.patch import oval_mask
from likeness.faces.shading import angle_deg, fit_light, harmonics, mean_face, posed_normals
from likeness.faces.skin import SIZE_PX, skin_crop, skin_regions
from likeness.types import DoubleArray, FaceTrack, ImageArray

TONE, STEP, SPREAD, MIRROR, SIDE = 0, 1, 5, 6, 7


@pytest.fixture(scope="module")
def track() -> FaceTrack:
    _, (only,) = testing.portrait_clip()
    return only


def recoloured(track: FaceTrack, shift: tuple[int, int, int], factor: float = 0.8) -> ImageArray:
    """The portrait with the inner face moved by so many levels of red, green and blue."""
    import cv2

    portrait = testing.portrait().astype(np.float32)
    mask = oval_mask(track.landmarks_px[0], (512, 512), factor)
    soft = cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None]
    return np.clip(portrait + soft * np.array(shift, np.float32), 0, 255).astype(np.uint8)


def values_of(image: ImageArray, track: FaceTrack) -> DoubleArray:
    found = skin.measured(image, track.landmarks_px[0], track.pose_deg[0])
    assert found is not None
    return found.values


def test_another_tone_of_the_face_shows_in_tone_and_not_in_brightness(track: FaceTrack) -> None:
    before = values_of(testing.portrait(), track)
    after = values_of(recoloured(track, (-14, 4, 14)), track)
    assert after[TONE] > before[TONE] + 4.0
    assert abs(after[STEP] - before[STEP]) < 3.0


def test_a_darker_face_shows_in_brightness_and_not_in_tone(track: FaceTrack) -> None:
    before = values_of(testing.portrait(), track)
    darker = values_of(recoloured(track, (-40, -40, -40)), track)
    assert abs(darker[STEP] - before[STEP]) > 8.0
    assert abs(darker[TONE] - before[TONE]) < 1.0


def test_the_whole_picture_in_another_light_is_not_a_difference(track: FaceTrack) -> None:
    whole = np.clip(testing.portrait() * np.array([0.9, 1.0, 0.95]), 0, 255).astype(np.uint8)
    before, after = values_of(testing.portrait(), track), values_of(whole, track)
    assert abs(after[TONE] - before[TONE]) < 2.0 and abs(after[SPREAD] - before[SPREAD]) < 2.5


@pytest.mark.parametrize("direction", [(0.8, 0.0, -0.6), (-0.6, -0.5, -0.62), (0.0, 0.7, -0.71)])
def test_the_light_that_drew_a_face_is_found_again(direction: tuple[float, float, float]) -> None:
    towards = np.array(direction) / np.linalg.norm(direction)
    normals = posed_normals(np.array([10.0, -5.0, 8.0]))
    brightness = 0.3 + 0.15 * normals @ towards
    brightness[::37] = 1.0  # highlights
    light = fit_light(brightness, normals, np.ones(468, np.bool_), order=1)
    assert light is not None
    assert np.degrees(np.arccos(min(1.0, light.direction @ towards))) < 3.0
    assert light.strength == pytest.approx(0.15 / 0.3, rel=0.5)
    assert light.explained > 0.95
    assert light.from_right == pytest.approx(light.strength * towards[0], abs=0.03)
    assert angle_deg(light, light) == pytest.approx(0.0, abs=1e-3)
    both = fit_light(brightness, normals, np.ones(468, np.bool_), order=2)
    assert both is not None and angle_deg(light, both) < 5.0


def test_a_cast_shadow_on_one_side_is_uneven_and_light_from_the_side_is_not() -> None:
    normals, everywhere = posed_normals(np.zeros(3)), np.ones(468, np.bool_)
    lit = 0.4 + harmonics(normals)[:, 1] * 0.2
    shadow = lit.copy()
    right_cheek = (mean_face().points_mm[:, 0] < -25) & (
        np.abs(mean_face().points_mm[:, 1] - 35) < 18
    )
    shadow[right_cheek] *= 0.7
    even, odd = (fit_light(values, normals, everywhere) for values in (lit, shadow))
    assert even is not None and odd is not None
    assert skin.uneven(even) < 0.02 < 0.04 < skin.uneven(odd)


def test_normals_point_out_of_the_head_and_turn_with_it() -> None:
    face = mean_face()
    assert np.allclose(np.linalg.norm(face.normals, axis=1), 1.0, atol=1e-5)
    assert np.array_equal(face.mirror[face.mirror], np.arange(468))
    assert np.allclose(face.normals[face.mirror] * [-1, 1, 1], face.normals, atol=0.15)
    nose = 4
    assert face.normals[nose, 2] < -0.9
    assert posed_normals(np.array([30.0, 0, 0]))[nose, 0] > 0.4  # turned to the image's right
    assert posed_normals(np.array([0, 30.0, 0]))[nose, 1] < -0.4  # looks up


def test_too_few_points_and_darkness_have_no_light() -> None:
    normals = posed_normals(np.zeros(3))
    few = np.zeros(468, np.bool_)
    few[:20] = True
    assert fit_light(np.ones(468), normals, few) is None
    assert fit_light(np.zeros(468), normals, np.ones(468, np.bool_)) is None


def test_regions_are_skin_in_their_places(track: FaceTrack) -> None:
    crop = skin_crop(testing.portrait(), track.landmarks_px[0])
    where = skin_regions(crop)
    assert not (where.inner & where.rim).any() and not (where.rim & where.beside).any()
    rows = np.indices((SIZE_PX, SIZE_PX))[0]
    assert where.inner.sum() > 300 and where.rim.sum() > 100 and where.neck.sum() > 40
    assert rows[where.neck].min() > rows[where.inner].mean()
    orange = crop.lab[..., 2] > 60  # her suit is no neck
    assert not (where.neck & orange).any()


def test_light_on_face_and_neck_from_opposite_sides_is_seen(track: FaceTrack) -> None:
    """The same ramp over everything agrees; a ramp that is turned round on the neck does not."""
    portrait = testing.portrait().astype(np.float32)
    x = (np.arange(512, dtype=np.float32) - track.landmarks_px[0][168, 0]) / 512
    ramp = np.repeat(1.0 + 1.6 * x[None], 512, axis=0)
    chin = int(track.landmarks_px[0][152, 1]) + 3
    turned = ramp.copy()
    turned[chin:] = 1.0 - 1.6 * x
    same, opposite = (
        np.clip(0.75 * portrait * r[..., None], 0, 255).astype(np.uint8) for r in (ramp, turned)
    )
    a, b = values_of(same, track)[SIDE], values_of(opposite, track)[SIDE]
    assert b > a + 0.1


def test_grey_dark_and_absent_faces_are_refused_with_a_reason(track: FaceTrack) -> None:
    detector = build(Config())
    portrait = testing.portrait()
    grey = np.repeat(portrait.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    for image in (grey, np.zeros_like(portrait)):
        evidence = detector.analyse(media.clip_from_frames([image]), [track])
        assert evidence.status == "not_applicable" and "grey or dark" in evidence.note
    turned = replace(track, pose_deg=np.array([[60.0, 0, 0]], np.float32))
    evidence = detector.analyse(media.clip_from_frames([portrait]), [turned])
    assert evidence.status == "not_applicable" and "turned away" in evidence.note


def test_a_neck_that_is_not_seen_is_not_reported_and_says_nothing(track: FaceTrack) -> None:
    cut = testing.portrait()[: int(track.landmarks_px[0][17, 1])].copy()
    evidence = build(Config()).analyse(media.clip_from_frames([cut]), [track])
    assert evidence.status == "scored"
    assert not any("neck" in reading.name for reading in evidence.readings)
    whole = build(Config()).analyse(media.clip_from_frames([testing.portrait()]), [track])
    sides = [r for r in whole.readings if r.name == skin.NAMES[SIDE]]
    assert (
        len(sides) == 1 and sides[0].usual is None
    )  # too few necks were seen to say what is usual
    found = skin.filled(values_of(cut, track))
    assert found[3] == skin.UNSEEN[3] and found[SIDE] == skin.UNSEEN[SIDE]


def test_two_faces_under_different_light_are_further_apart_than_twins(track: FaceTrack) -> None:
    portrait = testing.portrait().astype(np.float32)
    x = (np.arange(512, dtype=np.float32) - track.landmarks_px[0][168, 0]) / 512
    left, right = (
        portrait * np.clip(1.0 + s * 2.5 * x, 0.1, 2.5)[None, :, None] * 0.7 for s in (1, -1)
    )
    second = replace(
        renumbered(track),
        track_id=1,
        landmarks_px=track.landmarks_px + np.array([512, 0], np.float32),
        boxes_px=track.boxes_px + np.array([512, 0, 512, 0], np.float32),
    )

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        picture = np.clip(np.concatenate([a, b], axis=1), 0, 255).astype(np.uint8)
        evidence = build(Config()).analyse(media.clip_from_frames([picture]), [track, second])
        angles = [r.value for r in evidence.readings if r.unit == "degrees"]
        assert len(angles) == 2
        return angles[0]

    assert apart(left, left) < 2.0
    assert apart(left, right) > 25.0


def test_the_map_shows_a_patch_of_another_tone(track: FaceTrack) -> None:
    found = skin.measured(
        recoloured(track, (-25, 5, 25), 0.45), track.landmarks_px[0], track.pose_deg[0]
    )
    plain = skin.measured(testing.portrait(), track.landmarks_px[0], track.pose_deg[0])
    assert found is not None and plain is not None
    assert skin.tone_map(found).sum() > 1.3 * skin.tone_map(plain).sum()
    assert skin.tone_map(found).min() >= 0.0 and skin.tone_map(found).max() <= 1.0


LIT = 0.25
"""Amplitude of the drawn light over its mean, along the direction it comes from."""


def lit_face(track: FaceTrack, from_right: float, shadow_right: float) -> ImageArray:
    """Smooth skin over the portrait's landmarks, lit from one side, with shadows of nose and brows on one side.

    `from_right` 1 = light from the image's right, -1 = from its left; `shadow_right` 1 = shadows on the image's right, -1 on
    its left, 0 = none.
    """
    import cv2
    from scipy.interpolate import griddata

    points = track.landmarks_px[0][:468].astype(np.float64)
    normals = posed_normals(np.array([track.pose_deg[0, 0], track.pose_deg[0, 1], 0.0]))
    towards = np.array([0.8 * from_right, 0.0, -0.6])
    light = 0.35 + LIT * normals @ towards
    _, under, around = shadows._places()
    mirror = mean_face().mirror
    side = np.concatenate([under, around])
    if shadow_right:
        light[side if shadow_right > 0 else mirror[side]] *= 0.35
    y, x = np.mgrid[:512, :512]
    drawn = griddata(points, light, (x, y), "linear", fill_value=0.3)
    coded = cv2.GaussianBlur(np.clip(drawn, 0.02, 1.0), (0, 0), 1.0) ** (1 / 2.2)
    return np.clip(coded[..., None] * np.array([255.0, 200.0, 175.0]), 0, 255).astype(np.uint8)


def cast(image: ImageArray, track: FaceTrack) -> shadows.Shadows | None:
    found = skin.measured(image, track.landmarks_px[0], track.pose_deg[0])
    assert found is not None
    return shadows.shadows_of(found.crop, found.where, track.pose_deg[0])


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_shadows_away_from_the_light_agree_and_towards_it_do_not(
    track: FaceTrack, side: float
) -> None:
    right, wrong, none = (
        cast(lit_face(track, side, shadow), track) for shadow in (-side, side, 0.0)
    )
    assert right is not None and wrong is not None and none is not None
    assert np.sign(right.from_right) == side and abs(right.from_right) > shadows.LEAST_SIDE
    assert min(right.agreement) > shadows.LEAST_SHADOW
    assert max(wrong.agreement) < -shadows.LEAST_SHADOW
    assert np.abs(none.agreement).max() < min(right.agreement)


def test_no_shadow_is_read_without_light_from_the_side_or_on_a_turned_face(
    track: FaceTrack,
) -> None:
    assert cast(lit_face(track, 0.0, 1.0), track) is None
    found = skin.measured(lit_face(track, 1.0, -1.0), track.landmarks_px[0], track.pose_deg[0])
    assert found is not None
    turned = np.array([30.0, 0.0, 0.0])
    assert shadows.shadows_of(found.crop, found.where, turned) is None


def test_the_report_says_and_shows_a_shadow_on_the_wrong_side(track: FaceTrack) -> None:
    detector = build(Config())
    right, wrong, frontal = (
        detector.analyse(media.clip_from_frames([lit_face(track, *sides)]), [track])
        for sides in ((1.0, -1.0), (1.0, 1.0), (0.0, 1.0))
    )
    assert "falls towards" in wrong.note and "nose and the brows" in wrong.note
    assert "falls towards" not in right.note
    named = {r.name: r for r in wrong.readings}
    for name in shadows.NAMES:
        reading = named[name]
        assert reading.usual is not None and reading.value < reading.usual[0]
    assert not set(shadows.NAMES) & {r.name for r in frontal.readings}
    assert len(wrong.heatmaps) == 2 and len(frontal.heatmaps) == 1
    drawn = wrong.heatmaps[1].values
    assert drawn.shape == (28, 28) and 0.1 < drawn.max() <= 1.0
    assert drawn[:, 15:].sum() > 1.5 * drawn[:, :13].sum()  # on the image's right


def test_shadows_move_no_score(track: FaceTrack) -> None:
    """What is added to a face's numbers takes no part in its logit."""
    image = lit_face(track, 1.0, 1.0)
    model = build(Config()).model
    found = skin.measured(image, track.landmarks_px[0], track.pose_deg[0])
    assert found is not None
    evidence = build(Config()).analyse(media.clip_from_frames([image]), [track])
    (expected,) = model.logit(skin.filled(found.values)[None])
    assert evidence.score == pytest.approx(float(expected), abs=1e-12)


def test_two_faces_with_shadows_on_opposite_sides_are_told_apart(track: FaceTrack) -> None:
    second = replace(
        renumbered(track),
        track_id=1,
        landmarks_px=track.landmarks_px + np.array([512, 0], np.float32),
        boxes_px=track.boxes_px + np.array([512, 0, 512, 0], np.float32),
    )

    def apart(side: float) -> float:
        halves = [lit_face(track, 1.0, -1.0), lit_face(track, side, -side)]
        clip = media.clip_from_frames([np.concatenate(halves, axis=1)])
        evidence = build(Config()).analyse(clip, [track, second])
        found = [r.value for r in evidence.readings if r.name == shadows.OTHERS]
        assert len(found) == 2
        return found[0]

    assert apart(1.0) < 0.05 and apart(-1.0) > 2 * shadows.LEAST_SHADOW
