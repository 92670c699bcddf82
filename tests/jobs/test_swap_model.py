"""`likeness swap --model`: what a run folder may say, and that none is a way round consent."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from likeness import media
from likeness.data import identity_embedding
from likeness.data.face_sets import write_face_set
from likeness.errors import ConsentError, UsageError, WeightsError
from likeness.jobs.demo import moved
from likeness.jobs.swap import SwapOptions, SwapPermit, swap
from likeness.jobs.swap_model import known_with_run, read_trained_pair, run_consents
from likeness.jobs.train import PairTraining, TrainingPermit, train_pair
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.provenance.keys import KeyStore
from likeness.types import Consent
from tests.generators.drawn_faces import LIGHT, TRAINING, face_set
from tests.media.drawn_media import encode_picture, encode_video

TODAY = date(2026, 11, 22)
QUICK = {"detectors": False, "threads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portrait) -> Path:
    """Two face sets of the portrait, a run trained on them, a clip, two records and keys."""
    root = tmp_path_factory.mktemp("model")
    reference, _ = store_reference(root, "ref.png", encode_picture(portrait, "PNG"))
    for seed, name in enumerate(("ada", "bob")):
        record = Consent(
            name, "public_domain", "research", date(2027, 1, 1), "0" * 64, True, True, (reference,)
        )
        write_consent(record, root / f"{name}.toml")
        drawn = face_set(seed)
        rows = np.ones((len(drawn), 4), np.float32)
        write_face_set(
            root / "faces" / name,
            replace(drawn, consent=record, consent_id=name * 8, embeddings=rows),
        )
    (root / "clip.mp4").write_bytes(encode_video([f[40:360, 60:420] for f in moved(portrait, 6)]))
    keys = KeyStore.create(root / "keys")
    train_pair(
        PairTraining(
            {"generator": "autoencoder_light", "network": LIGHT, "training": TRAINING},
            root / "faces" / "ada",
            root / "faces" / "bob",
            root / "run",
            compare_identity=False,
        ),
        TrainingPermit("research", TODAY, keys),
    )
    return root


@pytest.fixture(autouse=True)
def _everybody_alike(monkeypatch) -> None:
    """Embeddings that cost nothing: these tests are about records, not about who looks like whom."""
    monkeypatch.setattr(
        identity_embedding, "DlibEmbedder", lambda: lambda *_: np.ones(4, np.float32)
    )


@pytest.fixture
def permit(folder: Path) -> SwapPermit:
    """Nobody's record: all that counts stands in the run."""
    return SwapPermit((), "research", TODAY, KeyStore(folder / "keys"))


@pytest.fixture
def forged(folder: Path, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], Any]], Path]:
    """A copy of the run with another run.json."""

    def forge(change: Callable[[dict[str, Any]], Any]) -> Path:
        run = tmp_path / "forged"
        shutil.copytree(folder / "run", run)
        facts = json.loads((run / "run.json").read_text("utf-8"))
        changed = change(facts)
        facts = facts if changed is None else changed
        (run / "run.json").write_text(facts if isinstance(facts, str) else json.dumps(facts))
        return run

    return forge


def test_the_runs_own_records_are_enough(folder: Path, permit: SwapPermit) -> None:
    done = swap(
        folder / "clip.mp4", folder / "out.mp4", permit, SwapOptions(model=folder / "run", **QUICK)
    )
    assert done.written.watermark is not None and done.written.watermark.found
    assert done.figures.swapped == 6
    assert done.figures.distance_to_source is not None  # the source's face set is there
    with (folder / "out.mp4").open("rb") as file:
        from likeness.provenance import read_credentials

        found = read_credentials(file, "video/mp4", permit.keys.trust_anchors_pem())
    assert found.trusted and "autoencoder_light" in json.dumps(found, default=str)


def test_a_run_that_expired_or_was_for_something_else_is_refused(
    folder: Path, permit: SwapPermit
) -> None:
    options = SwapOptions(model=folder / "run", **QUICK)
    for change, word in (
        ({"today": date(2028, 1, 1)}, "expires"),
        ({"purpose": "art"}, "purpose"),
    ):
        with pytest.raises(ConsentError, match=word):
            swap(folder / "clip.mp4", folder / "no.mp4", replace(permit, **change), options)
    assert not (folder / "no.mp4").exists()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda f: f.__delitem__("consents"), ConsentError, "source and of the target"),
        (lambda f: f.update(consents=[]), ConsentError, "source and of the target"),
        (lambda f: f.update(consents=f["consents"][1:]), ConsentError, "source and of the target"),
        (lambda f: f.update(consents={"0": 1, "1": 2}), ConsentError, "source and of the target"),
        (lambda f: f["consents"][0].update(adult=False), ConsentError, "adult"),
        (lambda f: f["consents"][0].update(purpose=["research"]), ConsentError, "purpose"),
        (lambda f: f["consents"][0].update(basis="own_likeness", references=[]), ConsentError, "references"),
        (lambda f: f["consents"][0]["references"][0].update(file="../../x.png"), ConsentError, "file"),
        (lambda f: f.update(generator=["autoencoder_light"]), WeightsError, "generator"),
        (lambda f: f.update(generator="../../evil"), Exception, "no generator"),
        (lambda f: f.update(generator="autoencoder_hd"), WeightsError, "autoencoder_light"),
        (lambda f: f.update(generator=""), WeightsError, "names no generator"),
        (lambda f: f.update(weights={"a": 1}), WeightsError, "weights"),
        (lambda f: f.update(face_sets=[1]), ConsentError, "--consent"),
        (lambda f: f.update(face_sets={"source": {"folder": 7}, "target": "x\0y"}), ConsentError, "--consent"),
        (lambda f: [1, 2], WeightsError, "training run"),
        (lambda f: "[" * 100_000, WeightsError, "training run"),
        (lambda f: '{"generator": ', WeightsError, "training run"),
    ],
)  # fmt: skip
def test_a_forged_run_is_a_clear_error(
    folder: Path, permit: SwapPermit, forged, change, error, words: str
) -> None:
    run = forged(change)
    with pytest.raises(error, match=words) as caught:
        swap(folder / "clip.mp4", run.parent / "o.mp4", permit, SwapOptions(model=run, **QUICK))
    assert type(caught.value).__module__ == "likeness.errors"
    assert not (run.parent / "o.mp4").exists()


def test_a_set_of_somebody_else_does_not_speak_for_the_run(
    folder: Path, permit: SwapPermit, tmp_path: Path
) -> None:
    """Extracting carol's clips into bob's folder must not let carol be generated over."""
    shutil.copytree(folder, tmp_path / "all")
    faces = tmp_path / "all" / "faces" / "bob"
    about = json.loads((faces / "set.json").read_text("utf-8"))
    about["consent"]["subject"] = "carol"
    (faces / "set.json").write_text(json.dumps(about))
    facts = json.loads((tmp_path / "all" / "run" / "run.json").read_text("utf-8"))
    for role, name in (("source", "ada"), ("target", "bob")):
        facts["face_sets"][role]["folder"] = str(tmp_path / "all" / "faces" / name)
    (tmp_path / "all" / "run" / "run.json").write_text(json.dumps(facts))
    pair = read_trained_pair(tmp_path / "all" / "run")
    assert [p.role for p in pair.people] == ["source"]
    assert len(known_with_run((), (), pair)) == 1


def test_a_set_whose_record_has_no_picture_covers_no_footage(
    folder: Path, permit: SwapPermit, forged
) -> None:
    """Its faces were compared with nothing when they were extracted."""
    pair = read_trained_pair(folder / "run")
    bare = tuple(replace(p, consent=replace(p.consent, references=())) for p in pair.people)
    with pytest.raises(ConsentError, match="--consent"):
        known_with_run((), (), replace(pair, people=bare))


def test_one_person_is_known_once(folder: Path) -> None:
    record = read_consent(folder / "bob.toml")
    from likeness.jobs.consenting import KnownPerson

    pair = read_trained_pair(folder / "run")
    given = KnownPerson("bob.toml", np.zeros((1, 4), np.float32))
    known = known_with_run([given], [record], pair)
    assert [k.name for k in known] == ["bob.toml", "the source's face set"]
    assert len(known[0].embeddings) == 25  # the reference and 24 faces


def test_a_graph_alone_does_not_say_whose_face_it_holds(folder: Path, permit: SwapPermit) -> None:
    graph = folder / "run" / "model.onnx"
    everyone = replace(permit, records=tuple(read_consent(folder / f"{n}.toml") for n in ("bob",)))
    with pytest.raises(UsageError, match="folder of a training run"):
        swap(folder / "clip.mp4", folder / "g.mp4", everyone, SwapOptions(model=graph, **QUICK))
    with pytest.raises(UsageError, match="--model RUN"):
        SwapOptions(generator="autoencoder_light", options={"model": str(graph)}, **QUICK)


def test_a_damaged_model_is_a_clear_error(folder: Path, permit: SwapPermit, tmp_path: Path) -> None:
    graph = (folder / "run" / "model.onnx").read_bytes()

    def tried(data: bytes | None, words: str) -> None:
        run = tmp_path / "run"
        shutil.copytree(folder / "run", run)
        (run / "model.onnx").unlink()
        if data is not None:  # by somebody who also rewrites its hash
            (run / "model.onnx").write_bytes(data)
            facts = json.loads((run / "run.json").read_text("utf-8"))
            facts["graph_sha256"] = hashlib.sha256(data).hexdigest()
            (run / "run.json").write_text(json.dumps(facts))
        with pytest.raises(WeightsError, match=words):
            swap(folder / "clip.mp4", tmp_path / "o.mp4", permit, SwapOptions(model=run, **QUICK))
        assert not (tmp_path / "o.mp4").exists()
        shutil.rmtree(run)

    tried(None, "likeness train")
    tried(b"", "model.onnx")
    tried(graph[: len(graph) // 2], "model.onnx")
    # The graph takes 32 px and says 48: a model trained for another resolution under a false name.
    assert graph.count(b'"input_px": 32') == 1
    tried(graph.replace(b'"input_px": 32', b'"input_px": 48'), "cannot be run")
    tried(graph.replace(b'"input_px": 32', b'"input_px": "a'), "not a model")


def test_crops_of_another_size_are_no_other_resolution(folder: Path, permit: SwapPermit) -> None:
    """A run of 96 px crops and 64 px output serves footage of any size: here twice as large."""
    import cv2

    clip = media.open_clip(folder / "clip.mp4")
    large = [cv2.resize(f.image, None, fx=2, fy=2) for f in clip.frames][:2]
    (folder / "large.mp4").write_bytes(encode_video(large))
    done = swap(
        folder / "large.mp4", folder / "l.mp4", permit, SwapOptions(model=folder / "run", **QUICK)
    )
    assert done.figures.swapped == 2
    assert media.open_clip(folder / "l.mp4").size_wh == (720, 640)


def test_the_purpose_comes_from_the_run(folder: Path, tmp_path: Path, monkeypatch) -> None:
    from typer.testing import CliRunner

    from likeness.apps.cli import app

    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    assert {c.purpose for c in run_consents(folder / "run")} == {"research"}
    out = tmp_path / "out.mp4"
    arguments = ["swap", str(folder / "clip.mp4"), "--model", str(folder / "run"), "-o", str(out)]
    done = CliRunner().invoke(app, [*arguments, "--no-detectors"], catch_exceptions=False)
    assert done.exit_code == 0 and "Swapped 6 of 6 frames" in done.output
    with pytest.raises(ConsentError, match="purpose"):
        CliRunner().invoke(app, [*arguments, "--purpose", "art"], catch_exceptions=False)


def test_another_graph_in_the_runs_place_is_refused(
    folder: Path, tmp_path: Path, permit: SwapPermit
) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    graph = run / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match=r"expected the graph that run\.json names"):
        swap(folder / "clip.mp4", tmp_path / "o.mp4", permit, SwapOptions(model=run, **QUICK))
    graph.unlink()
    with pytest.raises(WeightsError, match=r"holds no model\.onnx"):
        swap(folder / "clip.mp4", tmp_path / "o.mp4", permit, SwapOptions(model=run, **QUICK))
    assert not (tmp_path / "o.mp4").exists()
