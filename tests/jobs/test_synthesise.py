"""The use case `synthesise` with a stand-in for the generator: crops of the NASA portrait, some of them without a face."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from images_in_outputs import images_in, kind_of

from likeness import faces, media
from likeness.apps import synthesising
from likeness.errors import ConfigError, ConsentError, OutputError, UsageError, WeightsError
from likeness.jobs import synthesise as job
from likeness.jobs.consent_records import examine_record, reference_face
from likeness.jobs.synthesise import SyntheticPeople, morph, synthesise_people
from likeness.jobs.synthesise_nearest import nearest_sheet, with_terms
from likeness.jobs.synthesise_options import (
    SynthesisPermit,
    SynthesisPlan,
    between,
    drawn,
    enlarged,
    making_of,
    open_synthesiser,
)
from likeness.jobs.synthesise_sheet import TILE_PX, contact_sheet
from likeness.provenance import read_credentials
from likeness.provenance.consent import read_consent
from likeness.provenance.keys import KeyStore
from likeness.provenance.watermark import find_watermark

TODAY = date(2026, 11, 22)
PLAN = SynthesisPlan(generator="stand_in")


class StandIn:
    """Draws the portrait's face, brighter or darker by its latent; every fourth seed shows no face."""

    size_px, tag = 64, "stand-in-1"

    def __init__(self, portrait: np.ndarray) -> None:
        self.face = cv2.resize(portrait[50:210, 140:300], (64, 64), interpolation=cv2.INTER_AREA)
        self.truncations: list[float | None] = []

    def latent_of(self, seed: int) -> np.ndarray:
        latent = np.random.default_rng(seed).normal(size=8).astype(np.float32)
        latent[0] = 9.0 if seed % 4 == 3 else abs(latent[0])
        return latent

    def draw(self, latents: np.ndarray, truncation: float | None = None) -> np.ndarray:
        self.truncations.append(truncation)
        dim = np.clip(1.0 - 0.1 * np.abs(latents[:, 1]), 0.4, 1.0)[:, None, None, None]
        images = np.round(self.face[None] * dim).astype(np.uint8)
        images[latents[:, 0] > 8.0] = np.arange(64, dtype=np.uint8)[:, None] * 3
        return images


@pytest.fixture(scope="module")
def stand_in(portrait) -> StandIn:
    return StandIn(portrait)


@pytest.fixture(scope="module")
def permit(tmp_path_factory) -> SynthesisPermit:
    keys = KeyStore.create(tmp_path_factory.mktemp("config") / "keys")
    return SynthesisPermit("research", TODAY, keys)


@pytest.fixture(scope="module")
def people(stand_in, permit, tmp_path_factory) -> SyntheticPeople:
    out = tmp_path_factory.mktemp("synthesise") / "people"
    return synthesise_people(4, 2, out, (stand_in, PLAN, permit))


def check_wholly_synthetic(path: Path, anchors: str) -> None:
    with path.open("rb") as file:
        found = read_credentials(file, "", anchors)
    assert found.intact and found.trusted
    assert found.digital_source == "trainedAlgorithmicMedia"
    assert (found.generator, found.weights) == ("stand_in", "stand-in-1")


def test_people_are_marked_and_said_to_be_wholly_synthetic(people, permit):
    anchors = permit.keys.trust_anchors_pem()
    pictures = list(images_in(people.sheet.parent))
    assert len(pictures) == 5
    assert {kind_of(data, [], anchors) for _, data in pictures} == {"marked"}
    for person in people.people:
        check_wholly_synthetic(person.picture, anchors)
        (frame,) = media.open_clip(person.picture).frames
        assert frame.image.shape == (256, 256, 3)
        assert find_watermark([frame.image]).found


def test_pictures_without_a_face_are_passed_over(people):
    assert [p.seed for p in people.people] == [2, 4, 5, 6]
    assert people.passed_over == (3,)
    facts = json.loads(people.manifest.read_text())
    assert facts["passed_over"] == [3] and facts["weights"] == "stand-in-1"
    assert [p["seed"] for p in facts["people"]] == [2, 4, 5, 6]
    assert facts["drawn_px"] == 64 and facts["written_px"] == 256


def test_their_records_allow_what_they_say_and_show_their_face(people, permit):
    key = permit.keys.maker_public_key()
    for person in people.people:
        examined = examine_record(person.record, TODAY, "research", key)
        assert examined.record.signed_by == "toolkit"
        assert examined.permission.visible_label is None
        assert examined.record.consent.basis == "synthetic_person"
    first = people.people[0].picture
    reference_face(first.read_bytes(), first.name, "the record")  # the check of `consent` itself
    with pytest.raises(ConsentError, match="purpose"):
        examine_record(people.people[0].record, TODAY, "art", key)
    with pytest.raises(ConsentError, match="expires"):
        examine_record(people.people[0].record, date(2027, 11, 23), "research", key)


def test_a_record_of_another_installation_is_worth_nothing(people, tmp_path):
    other = KeyStore.create(tmp_path / "keys").maker_public_key()
    with pytest.raises(ConsentError, match="signature"):
        read_consent(people.people[0].record, other)


def test_the_same_seed_is_the_same_person(people, stand_in, permit, tmp_path):
    again = synthesise_people(1, 5, tmp_path / "again", (stand_in, PLAN, permit))
    assert np.array_equal(again.images[0], people.images[2])


def test_nothing_is_overwritten(people, stand_in, permit, tmp_path):
    task = (stand_in, PLAN, permit)
    before = {p.name: p.read_bytes() for p in people.sheet.parent.iterdir()}
    with pytest.raises(OutputError, match="not overwritten"):
        synthesise_people(1, 0, people.sheet.parent, task)
    assert {p.name: p.read_bytes() for p in people.sheet.parent.iterdir()} == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="folder"):
        synthesise_people(1, 0, tmp_path / "file", task)


def test_a_generator_without_faces_is_said_to_be_untrained(stand_in, permit, tmp_path):
    class Blank(StandIn):
        def draw(self, latents, truncation=None):
            return np.full((len(latents), 64, 64, 3), 128, np.uint8)

    blank = Blank(np.zeros((512, 512, 3), np.uint8))
    with pytest.raises(WeightsError, match="none was found in 8"):
        synthesise_people(2, 0, tmp_path / "none", (blank, PLAN, permit))
    assert list((tmp_path / "none").iterdir()) == []


def test_requests_that_make_no_sense_are_refused_before_anything_is_drawn(permit, tmp_path):
    class Never:
        size_px, tag = 64, ""

        def latent_of(self, seed):
            raise AssertionError("drawn")

        draw = latent_of

    task = (Never(), PLAN, permit)
    for count, seed in ((0, 0), (2000, 0), (1, -1)):
        with pytest.raises(UsageError):
            synthesise_people(count, seed, tmp_path / "out", task)
    with pytest.raises(ConsentError, match="purpose"):
        synthesise_people(1, 0, tmp_path / "out", (*task[:2], replace(permit, purpose="fun")))
    past = replace(permit, expires=date(2026, 11, 21))
    with pytest.raises(ConsentError, match="expires"):
        synthesise_people(1, 0, tmp_path / "out", (*task[:2], past))
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputError, match="video"):
        morph((1, 2), 5, tmp_path / "still.png", task)
    with pytest.raises(UsageError, match="frames"):
        morph((1, 2), 1, tmp_path / "film.mp4", task)
    for wrong in ({"truncation": 0.0}, {"truncation": 1.5}, {"size_px": 64}, {"size_px": 255}):
        with pytest.raises(UsageError, match="--truncation|--size"):  # noqa: RUF043
            SynthesisPlan(**wrong)


def test_a_generator_of_another_kind_is_refused():
    with pytest.raises(UsageError, match="face_synthesis"):
        open_synthesiser(SynthesisPlan("landmark_swap"))


def test_what_is_drawn_is_checked(stand_in):
    class Wrong(StandIn):
        def draw(self, latents, truncation=None):
            return super().draw(latents)[:, :32]

    latents = np.stack([stand_in.latent_of(0)])
    wrong = Wrong.__new__(Wrong)
    wrong.__dict__.update(stand_in.__dict__)
    with pytest.raises(WeightsError, match="64 px"):
        drawn(wrong, latents, PLAN, lambda _: None)
    drawn(stand_in, latents, SynthesisPlan(truncation=0.5), lambda _: None)
    assert stand_in.truncations[-1] == 0.5


def test_film_goes_from_one_to_the_other_and_is_marked(stand_in, permit, tmp_path):
    written = morph((0, 1), 26, tmp_path / "morph.mp4", (stand_in, PLAN, permit))
    assert written.frames == 26
    check_wholly_synthetic(written.path, permit.keys.trust_anchors_pem())
    clip = media.open_clip(written.path)
    frames = [f.image for f in clip.frames]
    clip.frames.close()
    assert find_watermark(frames).found
    for seed, frame in ((0, frames[0]), (1, frames[-1])):
        own = drawn(stand_in, stand_in.latent_of(seed)[None], PLAN, lambda _: None)[0]
        assert np.abs(frame.astype(int) - own).mean() < 6.0


def test_latents_go_along_the_great_circle():
    first, last = np.eye(5, dtype=np.float32)[0] * 2, np.eye(5, dtype=np.float32)[1] * 4
    path = between(first, last, 5)
    assert np.allclose(path[0], first) and np.allclose(path[-1], last, atol=1e-6)
    assert np.allclose(np.linalg.norm(path, axis=1), [2, 2.5, 3, 3.5, 4])
    assert np.allclose(path[2, :2], 3 * np.sqrt(0.5))
    assert np.allclose(between(first, first, 3), first)
    assert np.isfinite(between(first, -first, 3)).all()
    with pytest.raises(ConfigError, match="2 or more"):
        between(first, last, 1)


def test_marks_name_generator_weights_and_seeds(permit):
    making = making_of(PLAN, permit, (7, 8), "stand-in-1")
    assert (making.generator, making.weights) == ("stand_in", "stand-in-1")
    assert making.settings["seeds"] == "7,8"
    assert making.job_id != making_of(PLAN, permit, (7, 9), "stand-in-1").job_id
    assert making.job_id != making_of(PLAN, permit, (7, 8), "stand-in-2").job_id


def test_sheets_show_everyone_once():
    images = np.stack([np.full((64, 64, 3), 10 * (i + 1), np.uint8) for i in range(5)])
    sheet = contact_sheet(images, [str(i) for i in range(5)])
    assert [int((sheet[..., 0] == v).sum()) // TILE_PX**2 for v in (10, 20, 30, 40, 50)] == [1] * 5
    assert sheet.shape[1] == 3 * (TILE_PX + 4) + 4
    training = np.stack([np.full((96, 96, 3), v, np.uint8) for v in (100, 150, 200)])
    beside = nearest_sheet(images[:2], ["a", "b"], training, np.array([[2, 0], [1, 1]]))
    counts = [int((beside[..., 0] == v).sum()) // TILE_PX**2 for v in (10, 20, 100, 150, 200)]
    assert counts == [1, 1, 1, 2, 1]
    small = enlarged(np.full((64, 64, 3), 7, np.uint8), 32)
    assert small.shape == (32, 32, 3) and (small == 7).all()


def test_real_faces_on_a_sheet_bring_their_terms(permit, tmp_path):
    from likeness.provenance.consent import RESEARCH_LABEL, require_consent

    (tmp_path / "manifest.csv").write_text("path\n")
    key = permit.keys.maker_public_key()
    making = with_terms(making_of(PLAN, permit, (1,)), permit, tmp_path)
    assert making.settings["shows_real_training_faces"] is True
    allowed = require_consent(making.consents, "research", TODAY, key)
    assert allowed.visible_label == RESEARCH_LABEL
    art = replace(permit, purpose="art")
    with pytest.raises(ConsentError, match="research"):
        require_consent(
            with_terms(making_of(PLAN, art, (1,)), art, tmp_path).consents, "art", TODAY, key
        )


def test_command_makes_people_and_films(stand_in, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr("likeness.jobs.synthesise_options.open_synthesiser", lambda plan: stand_in)
    request = synthesising.SynthesiseRequest(tmp_path / "people", count=2, seed=2)
    assert synthesising.run_synthesise(request) == 0
    said = capsys.readouterr().out
    assert "2 of 2 people" in said and "passed over: 1 of 3" in said
    film = replace(request, out=tmp_path / "film.mp4", interpolate=(0, 1), frames=5)
    assert synthesising.run_synthesise(film) == 0
    assert "5 frames" in capsys.readouterr().out
    for wrong in (
        replace(request, nearest=True),
        replace(request, option=("truncation",)),
    ):
        with pytest.raises(UsageError):
            synthesising.run_synthesise(replace(wrong, out=tmp_path / "no"))
    with pytest.raises(ConsentError, match="expires"):
        synthesising.run_synthesise(replace(request, expires="soon", out=tmp_path / "no"))
    assert not (tmp_path / "no").exists()


def test_one_face_means_one_that_is_large_enough(portrait):
    models = faces.FaceModels(1)
    assert job.shows_one_face(portrait, models)
    assert not job.shows_one_face(np.hstack([portrait, portrait]), models)
    assert not job.shows_one_face(enlarged(portrait, 128), models)
    assert not job.shows_one_face(np.full((128, 128, 3), 90, np.uint8), models)
