"""Faces that are generated over must be those of the records' references."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness import faces, media
from likeness.errors import ConsentError, ShapeError
from likeness.jobs.consenting import (
    FRAMES_PER_STRETCH,
    MATCH_DISTANCE,
    STRETCHES,
    KnownPerson,
    chosen_positions,
    known_people,
    match_people,
    require_people,
    track_distance,
    track_embeddings,
)
from likeness.jobs.demo import moved
from likeness.provenance.consent import ConsentRecord, read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.types import Clip, Consent, FaceTrack, FloatArray, ImageArray

ADA = Consent(
    "Ada", "own_likeness", "research", date(2027, 12, 31), "ab" * 32, adult=True, no_sexual_use=True
)


@pytest.fixture(scope="module")
def models() -> faces.FaceModels:
    return faces.FaceModels(1)


@pytest.fixture(scope="module")
def seen(portrait: np.ndarray, models: faces.FaceModels) -> tuple[Clip, FaceTrack]:
    clip = media.clip_from_frames(moved(portrait, 12))
    (track,) = faces.track_faces(clip, range(12), models=models)
    return clip, track


def record_of(folder: Path, image: ImageArray, name: str = "ada") -> ConsentRecord:
    picture = folder / f"{name}-source.png"
    Image.fromarray(image).save(picture)
    reference, _ = store_reference(folder, f"{name}.png", picture.read_bytes())
    path = folder / f"{name}.consent.toml"
    write_consent(replace(ADA, references=(reference,)), path)
    return read_consent(path)


def brightness(image: ImageArray, landmarks_px: FloatArray) -> FloatArray:
    """A stand-in for the network: the mean colour between the eyes."""
    x, y = landmarks_px[168].astype(int)
    return image[y - 4 : y + 5, x - 4 : x + 5].mean(axis=(0, 1)).astype(np.float32) / 255.0


def rows(*values: float) -> FloatArray:
    return np.array([[v, 0.0] for v in values], np.float32)


def test_a_track_counts_by_its_worst_stretch_and_the_nearest_reference() -> None:
    assert track_distance(rows(0.0, 0.1), rows(0.0)) == pytest.approx(0.1)
    assert track_distance(rows(0.0, 1.0), rows(0.1, 0.8)) == pytest.approx(0.2)
    with pytest.raises(ShapeError):
        track_distance(rows(0.0), np.zeros((1, 3), np.float32))


def test_every_track_gets_its_person_and_the_edge_still_matches() -> None:
    people = [KnownPerson("ada", rows(0.0)), KnownPerson("bob", rows(2.0))]
    found = match_people({3: rows(2.25), 0: rows(-0.5)}, people, distance=0.5)
    assert [(m.track_id, m.person) for m in found] == [(3, 1), (0, 0)]
    assert found[0].distance == pytest.approx(0.25)


def test_a_stranger_stops_the_job_and_the_message_says_who_and_by_how_much() -> None:
    people = [KnownPerson("ada.consent.toml", rows(0.0)), KnownPerson("bob", rows(5.0))]
    says = r"face track 7 has no consent: references: nearest is ada\.consent\.toml at distance 0\.70, a match is at most 0\.50"
    with pytest.raises(ConsentError, match=says):
        match_people({1: rows(0.1), 7: rows(0.7)}, people, distance=0.5)


def test_a_track_that_slips_to_somebody_else_is_refused() -> None:
    with pytest.raises(ConsentError, match="face track 0"):
        match_people({0: rows(0.0, 0.0, 0.9)}, [KnownPerson("ada", rows(0.0))])
    # and so is one whose two people both have a record: neither covers all of it
    both = [KnownPerson("ada", rows(0.0)), KnownPerson("bob", rows(0.9))]
    with pytest.raises(ConsentError, match="face track 0"):
        match_people({0: rows(0.0, 0.0, 0.9)}, both)


def test_nothing_to_compare_is_no_match() -> None:
    ada = KnownPerson("ada", rows(0.0))
    with pytest.raises(ConsentError, match="references: none of the records has one"):
        match_people({0: rows(0.0)}, [])
    with pytest.raises(ConsentError, match="never seen well enough"):
        match_people({0: np.zeros((0, 2), np.float32)}, [ada])
    with pytest.raises(ConsentError, match="nearest is ada at distance nan"):
        match_people({0: rows(float("nan"))}, [ada])
    assert match_people({}, [ada]) == ()


def test_frames_are_spread_over_the_track_and_made_up_ones_are_left_out(
    seen: tuple[Clip, FaceTrack],
) -> None:
    track = seen[1]
    chosen = chosen_positions(track)
    assert len(chosen) == STRETCHES and all(len(c) == FRAMES_PER_STRETCH for c in chosen)
    assert [int(c[0]) // 4 for c in chosen] == [0, 1, 2]
    bridged = np.zeros(len(track), bool)
    bridged[:6] = True
    assert min(np.concatenate(chosen_positions(replace(track, bridged=bridged)))) == 6
    assert chosen_positions(replace(track, bridged=np.ones(len(track), bool))) == []


def test_the_most_frontal_frames_of_a_stretch_are_taken(seen: tuple[Clip, FaceTrack]) -> None:
    pose = np.zeros((12, 3), np.float32)
    pose[1, 0] = 40.0
    assert chosen_positions(replace(seen[1], pose_deg=pose))[0].tolist() == [0, 2, 3]


def test_a_clip_of_the_person_passes_and_one_of_another_does_not(
    tmp_path: Path, portrait: np.ndarray, seen: tuple[Clip, FaceTrack], models: faces.FaceModels
) -> None:
    clip, track = seen
    records = [record_of(tmp_path, portrait)]
    (match,) = require_people(clip, [track], records, brightness, models)
    assert match.distance < 0.1
    darker = [record_of(tmp_path, portrait // 3, "eve")]
    with pytest.raises(ConsentError, match=r"face track 0 \(0\.0-0\.4 s\) has no consent.*eve"):
        require_people(clip, [track], darker, brightness, models)
    assert require_people(clip, [track], darker + records, brightness, models)[0].person == 1
    assert require_people(clip, [], records, brightness, models) == ()


def test_an_altered_reference_stops_the_job(
    tmp_path: Path, portrait: np.ndarray, models: faces.FaceModels
) -> None:
    record = record_of(tmp_path, portrait)
    (tmp_path / "ada.png").write_bytes((tmp_path / "ada-source.png").read_bytes() + b"\0")
    with pytest.raises(
        ConsentError, match=r"ada\.consent\.toml: references: ada\.png: was altered"
    ):
        known_people([record], brightness, models)


def test_records_without_references_cover_no_footage(
    tmp_path: Path, seen: tuple[Clip, FaceTrack], models: faces.FaceModels
) -> None:
    path = tmp_path / "set.consent.toml"
    write_consent(replace(ADA, basis="dataset_terms"), path)
    with pytest.raises(ConsentError, match="none of the records has one"):
        require_people(seen[0], [seen[1]], [read_consent(path)], brightness, models)


def test_dlib_knows_the_portrait_again(
    tmp_path: Path, portrait: np.ndarray, seen: tuple[Clip, FaceTrack], models: faces.FaceModels
) -> None:
    pytest.importorskip("dlib")
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    (match,) = require_people(*[seen[0], [seen[1]]], [record_of(tmp_path, mirrored)], None, models)
    assert 0.0 < match.distance < MATCH_DISTANCE


@pytest.mark.slow
def test_real_people_are_told_apart(
    tmp_path: Path, data_dir: Path, models: faces.FaceModels
) -> None:
    pytest.importorskip("dlib")
    from likeness.data.identity_embedding import DlibEmbedder

    embed = DlibEmbedder()
    mead, grid = data_dir / "video/real/mead", data_dir / "video/real/grid_s1"
    picture = media.open_clip(mead / "M030_front_neutral_level1_001.mp4")
    records = [record_of(tmp_path, next(iter(picture.frames)).image)]
    people = known_people(records, embed, models)
    other = media.open_clip(mead / "M030_front_happy_level3_001.mp4")
    stranger = media.open_clip(grid / "lbwk8n.mpg")
    for clip, same in ((other, True), (stranger, False)):
        (track,) = faces.track_faces(clip, range(0, len(clip.frames), 12), models=models)
        rows = track_embeddings(clip, [track], embed)
        if same:
            assert match_people(rows, people, [track])[0].person == 0
        else:
            with pytest.raises(ConsentError, match="nearest is ada"):
                match_people(rows, people, [track])
        clip.frames.close()
