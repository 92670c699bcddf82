"""Which pictures a report gets: a film of the faces drawn in full, what maps lie on, and nothing that is no original."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import MediaError
from likeness.jobs.detect import Examination
from likeness.jobs.reporting import report_item
from likeness.media import clip_from_frames
from likeness.report.film import DRAWN_FACES, SLOTS
from likeness.types import Clip, Evidence, FaceQuality, FaceTrack, Frame, Heatmap, Verdict

JPEG = b"\xff\xd8\xff"
FRAMES = 60


@pytest.fixture(scope="module")
def clip() -> Clip:
    pictures = np.random.default_rng(0).integers(0, 255, (FRAMES, 96, 128, 3), np.uint8)
    return clip_from_frames(list(pictures), fps=25.0)


def track(track_id: int, frames: int = FRAMES) -> FaceTrack:
    index = np.arange(frames)
    one = np.ones(frames, np.float32)
    return FaceTrack(
        track_id,
        index,
        index / 25.0,
        np.tile(np.float32([40, 20, 80, 70]), (frames, 1)),
        np.zeros((frames, 478, 2), np.float32),
        np.zeros((frames, 3), np.float32),
        one,
        FaceQuality(one, one, one, one, np.ones((frames, 2), np.float32)),
        np.zeros(frames, bool),
    )


def examined(clip: Clip, tracks: list[FaceTrack], evidence: tuple[Evidence, ...] = ()):
    verdict = Verdict("x", "", "inconclusive", None, (), evidence=evidence, tracks=tuple(tracks))
    return Examination(verdict, clip)


def heatmap(x0: float, y0: float, x1: float, y1: float, track_id: int | None = 0) -> Heatmap:
    corners = np.float32([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return Heatmap(np.ones((2, 2), np.float32), 7, track_id, corners)


def finding(name: str, *maps: Heatmap) -> Evidence:
    return Evidence(name, "c", "blended", "scored", score=0.0, heatmaps=maps)


def encode(frame: Frame, box: tuple[float, float, float, float]) -> tuple[bytes, str]:
    assert 0 <= box[0] < box[2] <= 128 and 0 <= box[1] < box[3] <= 96
    return JPEG + frame.image[0, 0].tobytes(), "image/jpeg"


def test_a_face_in_a_clip_has_a_film_and_no_thumbnails(clip: Clip):
    item = report_item("x", examined(clip, [track(0)]), encode)
    assert item.pictures == () and len(item.film) == SLOTS
    indices = [p.frame_index for p in item.film]
    assert indices == sorted(set(indices)) and indices[0] < 3 and indices[-1] > FRAMES - 4
    for picture in item.film:
        (frame,) = clip.frames.at([picture.frame_index])
        assert picture.data == JPEG + frame.image[0, 0].tobytes()


def test_faces_beyond_those_drawn_in_full_have_one_thumbnail(clip: Clip):
    item = report_item("x", examined(clip, [track(k) for k in range(8)]), encode)
    assert {p.track_id for p in item.film} == set(range(DRAWN_FACES))
    assert [p.track_id for p in item.pictures] == [6, 7]


def test_a_picture_has_thumbnails_and_no_film(clip: Clip):
    item = report_item("x", examined(clip, [track(0, 1)]), encode)
    assert item.film == () and [p.frame_index for p in item.pictures] == [0]
    nobody = report_item("x", examined(clip, []), encode)
    assert [(p.track_id, p.box_px) for p in nobody.pictures] == [(None, (0, 0, 128, 96))]


def test_maps_of_several_cues_share_a_picture_that_holds_them_all(clip: Clip):
    evidence = (
        finding("a", heatmap(30, 20, 60, 50)),
        finding("b", heatmap(50, 10, 90, 40), heatmap(0, 0, 128, 96, None)),
    )
    item = report_item("x", examined(clip, [track(0)], evidence), encode)
    boxes = {(p.track_id, p.frame_index): p.box_px for p in item.pictures}
    assert boxes == {(0, 7): (30, 10, 90, 50), (None, 7): (0, 0, 128, 96)}


def test_pixels_of_no_input_file_are_not_encoded_as_originals(clip: Clip):
    with pytest.raises(MediaError, match="without a hash"):
        report_item("x", examined(clip, [track(0)]))


def test_generated_pixels_are_labelled_in_the_film_too(clip: Clip):
    item = report_item("x", examined(clip, [track(0)]), encode, "GENERATED")
    assert {p.generated_label for p in item.film} == {"GENERATED"}
