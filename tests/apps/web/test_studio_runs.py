"""What the studio's workers do, in this process: the same jobs as the command line, with the files that pages show."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from likeness.apps.web import run_consent, run_extract, run_pair, run_swap, run_train
from likeness.apps.web.kinds import Outcome, Task
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_people import RECORD
from likeness.apps.web.studio_runs import workplace
from likeness.apps.web.studio_store import StudioStore
from likeness.data import identity_embedding
from likeness.data.face_sets import read_face_set
from likeness.errors import DataError, MarkError, OutputError, UsageError
from likeness.jobs import extract_run
from likeness.media import Limits
from likeness.provenance import read_credentials
from likeness.provenance.keys import KeyStore
from likeness.training.run_folder import read_metrics
from tests.apps.web import studio_made as made
from tests.generators.drawn_faces import LIGHT, TRAINING
from tests.jobs.test_extract import view
from tests.media.drawn_media import encode_picture, encode_video


class Studio:
    """A studio without a server: what `Desk` needs of one is its store."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "studio", folder
        self.store = StudioStore(self.root)
        self.keys = KeyStore.create(folder / "keys").folder
        self.told: list[tuple[float, str]] = []
        self.number = 0

    def run(self, job: Callable[..., Outcome], **options: Any) -> Path:
        """Do a job; gives the folder of its result."""
        self.number += 1
        folder = self.folder / "scratch" / f"{self.number}"
        for name in ("out", "tmp"):
            (folder / name).mkdir(parents=True)
        task = Task(
            "0" * 16, "", folder / "no", folder / "out", "f", options, Limits(), self.keys, studio=self.root
        )  # fmt: skip
        self.outcome = job(task, lambda share, text: self.told.append((share, text)))
        return task.folder

    @property
    def desk(self) -> Desk:
        return self  # type: ignore[return-value]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


@pytest.fixture(autouse=True)
def _everybody_alike(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Embeddings that cost nothing; who resembles whom is not the question here."""

    def alike() -> Callable[..., Any]:
        return lambda *_: np.ones(4, np.float32)

    monkeypatch.setattr(identity_embedding, "DlibEmbedder", alike)
    monkeypatch.setattr(extract_run, "DlibEmbedder", alike)
    yield


def draft(studio: Studio, *pictures: bytes, **changes: Any) -> str:
    document = studio.folder / "letter"
    document.write_bytes(b"I agree.")
    who = studio.store.add_person({**made.FACTS, **changes}, document)
    paths = []
    for number, content in enumerate(pictures):
        path = studio.folder / f"upload{number}"
        path.write_bytes(content)
        paths.append((path, "image/png"))
    studio.store.put_pictures(who, paths)
    return who.id


def test_a_record_is_made_and_what_it_was_made_of_is_gone(
    studio: Studio, portrait: np.ndarray
) -> None:
    picture = encode_picture(portrait[:320, 60:400], "PNG")
    who = draft(studio, picture)
    studio.run(run_consent.run, person=who)
    person = studio.store.person(who)
    consent = person.consent()
    assert (consent.subject, consent.purpose, consent.expires) == (
        "Ada",
        "research",
        date(2099, 12, 31),
    )
    assert consent.document_sha256 == hashlib.sha256(b"I agree.").hexdigest()
    (reference,) = consent.references
    assert (person.folder / reference.file).read_bytes() == picture
    assert sorted(p.name for p in person.folder.iterdir()) == [
        RECORD,
        "person.json",
        reference.file,
    ]


@pytest.mark.parametrize("change", [{"attested": False}, {"expires": "2001-01-01"}, {}])
def test_a_record_that_may_not_be_is_not_made(
    studio: Studio, portrait: np.ndarray, change: dict[str, Any]
) -> None:
    """The worker asks again: a page that let it through, or a day that passed, changes nothing."""
    face = (
        encode_picture(portrait[:320, 60:400], "PNG")
        if change
        else encode_picture(portrait[:60], "PNG")
    )
    who = draft(studio, face, **change)
    with pytest.raises(DataError, match=r"attest|expires|exactly one face"):
        studio.run(run_consent.run, person=who)
    person = studio.store.person(who)
    assert not person.recorded and not (person.folder / "pictures").exists()
    assert sorted(p.name for p in person.folder.iterdir()) == ["document", "person.json"]


def test_faces_are_laid_out_and_what_is_thrown_out_stays_out(
    studio: Studio, portrait: np.ndarray
) -> None:
    who = made.person(
        studio.desk, studio.folder, picture=encode_picture(portrait[:320, 60:400], "PNG")
    )
    clip = studio.folder / "clip"
    frames = [view(portrait, 3.0 * i - 12) for i in range(5)]
    clip.write_bytes(encode_video(frames, options={"crf": "12"}))
    who = made.with_footage(studio.desk, who, clip, "holiday.mp4", "video/mp4")
    folder = studio.run(run_extract.run, person=who.id, every=1)
    sheet = json.loads((folder / "sheet.json").read_text())
    kept = sheet["groups"][0]["faces"]
    assert sheet["kept"] == len(kept) == 5
    assert all((folder / f["file"]).read_bytes().startswith(b"\xff\xd8") for f in kept)
    assert kept[0]["origin"].startswith("holiday.mp4, ") and str(studio.root) not in str(sheet)
    assert [share for share, _ in studio.told] == sorted(share for share, _ in studio.told)
    out = kept[2]["id"]
    again = studio.run(run_extract.run, person=who.id, every=0, drop=[out])
    sheet = json.loads((again / "sheet.json").read_text())
    groups = {g["key"]: [f["id"] for f in g["faces"]] for g in sheet["groups"]}
    assert out not in groups["kept"] and groups["by_hand"] == [out]
    assert out not in read_face_set(who.faces).values("face_id")
    back = studio.run(run_extract.run, person=who.id, every=0, keep=[out])
    assert json.loads((back / "sheet.json").read_text())["kept"] == 5


def test_a_pair_is_compared(studio: Studio) -> None:
    pair = made.pair(studio.desk, studio.folder)
    report = json.loads((studio.run(run_pair.run, pair=pair.id) / "pair.json").read_text())
    assert "expected at least 100 usable faces" in report["findings"][0]
    assert any(line.startswith("faces: source 24") for line in report["figures"])


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Runs of so many steps with a network that trains in a second."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")

    def steps(count: int) -> None:
        recipe = {
            "generator": "autoencoder_light",
            "network": LIGHT,
            "training": {**TRAINING, "steps": count},
        }
        monkeypatch.setattr(run_train, "recipe", lambda *_: recipe)

    return steps


def tensors(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def test_a_training_that_is_stopped_goes_on_to_the_same_bits(
    studio: Studio, tiny: Callable[[int], None]
) -> None:
    pair = made.pair(studio.desk, studio.folder)
    options = {"pair": pair.id, "generator": "autoencoder_light", "minutes": 1}
    tiny(6)
    pair.stop.touch()  # asked before the first step: ends after it, in good order
    studio.run(run_train.run, **options)
    assert "Stopped after 1 steps" in studio.outcome.summary and not pair.stop.exists()
    assert studio.store.pair(pair.id).usable
    studio.run(run_train.run, **options)
    assert "Ended after 6 steps" in studio.outcome.summary
    assert [row["step"] for row in read_metrics(pair.run)][-1] == 6
    resumed = tensors(pair.run)
    shutil.rmtree(pair.run)
    studio.run(run_train.run, **options)
    assert tensors(pair.run) == resumed
    assert any("of 1 minutes" in text for _, text in studio.told)
    keys = KeyStore(studio.keys)
    for preview in (pair.run / "previews").iterdir():
        with preview.open("rb") as file:
            assert read_credentials(file, "image/png", keys.trust_anchors_pem()).trusted


def test_pictures_that_carry_no_marks_are_not_kept_and_cost_no_training(
    studio: Studio, tiny: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise MarkError("no watermark was found")

    monkeypatch.setattr("likeness.provenance.encode_marked", refuse)
    monkeypatch.setattr("likeness.jobs.timelapse.write_timelapse", refuse)
    pair = made.pair(studio.desk, studio.folder)
    tiny(2)
    studio.run(run_train.run, pair=pair.id, generator="autoencoder_light", minutes=1)
    assert studio.store.pair(pair.id).usable and not (pair.run / "previews").exists()


def test_a_run_measures_itself_often_enough_to_be_watched() -> None:
    training = run_train.recipe("autoencoder_light", 20)["training"]
    assert training["minutes"] == 20 and training["measure_every_s"] == 30
    assert run_train.recipe("x", 0.1)["training"]["measure_every_s"] == 8
    assert run_train.recipe("x", 10_000)["training"]["preview_every_s"] == 120


@pytest.fixture
def faces(studio: Studio, portrait: np.ndarray) -> str:
    """A pair of the portrait and its mirror image."""
    people = []
    for name, image in (("Ada", portrait), ("Bob", portrait[:, ::-1].copy())):
        small = cv2.resize(image, (320, 320), interpolation=cv2.INTER_AREA)
        data = encode_picture(small, "PNG")
        who = made.person(studio.desk, studio.folder, subject=name, picture=data)
        path = studio.folder / name
        path.write_bytes(data)
        people.append(made.with_footage(studio.desk, who, path, f"{name} at sea.png", "image/png"))
    return studio.store.add_pair(*people).id


def test_a_swap_by_landmarks_is_marked_and_measured(studio: Studio, faces: str) -> None:
    target = studio.store.pair(faces).target.footage[0].file
    folder = studio.run(
        run_swap.run, pair=faces, target=target, generator="landmark_swap", detectors=False
    )
    assert sorted(p.name for p in folder.iterdir()) == [
        "after.png",
        "quality.json",
        "report.html",
        "report.json",
    ]
    quality = json.loads((folder / "quality.json").read_text())
    assert quality["after"] == "after.png" and quality["swapped"] == 1 and quality["watermark"]
    assert "research use only" in quality["label"] and len(quality["rows"]) > 5
    with (folder / "after.png").open("rb") as file:
        found = read_credentials(file, "image/png", KeyStore(studio.keys).trust_anchors_pem())
    assert found.intact and found.trusted
    html = (folder / "report.html").read_text()
    assert "Bob at sea.png" in html and target not in html and str(studio.folder) not in html


def test_a_swap_asks_the_records_again(studio: Studio, faces: str) -> None:
    """A record that expired since the page was opened, or that lost its reference: nothing is written."""
    pair = studio.store.pair(faces)
    options = {"target": pair.target.footage[0].file, "generator": "landmark_swap"}
    whole = pair.target.record.read_text()
    for change in (("2099-12-31", "2001-12-31"), ('purpose = "research"', 'purpose = "art"')):
        pair.target.record.write_text(whole.replace(*change))
        with pytest.raises(DataError, match=r"expires|purpose"):
            studio.run(run_swap.run, pair=faces, **options)
    pair.target.record.unlink()
    with pytest.raises(DataError):
        studio.run(run_swap.run, pair=faces, **options)
    assert not list(studio.folder.glob("scratch/*/*/*"))


def test_errors_name_files_as_the_person_did(studio: Studio) -> None:
    task = Task("0" * 16, "", Path("no"), studio.folder / "1" / "out", "f", {}, Limits(), studio.keys, studio=studio.root)  # fmt: skip
    ours = f"{studio.root}/people/0123456789abcdef/footage/00ff.mp4"
    with pytest.raises(DataError) as caught, workplace(task, {"00ff.mp4": "sea.mp4"}):
        raise OutputError(f"{ours}: no; {studio.folder}/1/tmp/after.mp4: no")
    assert str(caught.value) == "sea.mp4: no; after.mp4: no"
    for missing in ({"studio": None}, {"keys": None}):
        with pytest.raises(UsageError), workplace(replace(task, **missing)):
            raise AssertionError("the studio opened without what it needs")
