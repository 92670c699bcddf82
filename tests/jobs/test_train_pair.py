"""`likeness train` on two face sets: consent first, marks on every preview, errors that say what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from typer.testing import CliRunner

from likeness import media
from likeness.apps.cli import app
from likeness.data.face_sets import read_face_set, write_face_set
from likeness.errors import ConfigError, ConsentError, UsageError
from likeness.jobs.train import (
    PairTraining,
    TrainingPermit,
    TrainingReports,
    read_recipe,
    train,
    train_pair,
)
from likeness.provenance import open_or_create, read_credentials
from tests.generators.drawn_faces import CONSENT, LIGHT, TRAINING, face_set

TODAY = date(2026, 11, 22)
SETTINGS = {"generator": "autoencoder_light", "network": LIGHT, "training": TRAINING}
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    for name, seed in (("ada", 0), ("bob", 1)):
        write_face_set(folder / name, face_set(seed))
    return folder


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return open_or_create(tmp_path_factory.mktemp("config") / "keys")


def job(sets: Path, out: Path, **changes) -> PairTraining:
    plain = PairTraining(SETTINGS, sets / "ada", sets / "bob", out, compare_identity=False)
    return replace(plain, **changes)


@pytest.fixture(scope="module")
def done(sets, keys, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ada_bob"
    said = []
    figures = train_pair(
        job(sets, out), TrainingPermit("research", TODAY, keys), TrainingReports(say=said.append)
    )
    return out, figures, said


def test_previews_carry_the_marks(done, keys):
    out, figures, said = done
    (preview,) = (out / "previews").iterdir()
    with preview.open("rb") as file:
        found = read_credentials(file, "image/png", keys.trust_anchors_pem())
    assert found.present and found.intact and found.trusted
    assert "compositeWithTrainedAlgorithmicMedia" in found.digital_source
    assert figures["step"] == 4 and said


def test_two_previews_make_a_marked_film_and_one_makes_none(done, sets, keys, tmp_path):
    out = done[0]
    assert not (out / "timelapse.mp4").exists()  # a run of four steps has one preview
    fast = {**TRAINING, "preview_every_s": 1e-6}
    fast_job = job(sets, tmp_path / "run", settings={**SETTINGS, "training": fast})
    train_pair(fast_job, TrainingPermit("research", TODAY, keys))
    film = tmp_path / "run" / "timelapse.mp4"
    previews = sorted((tmp_path / "run" / "previews").iterdir())
    clip = media.open_clip(film)
    assert len(previews) > 1 and len(clip.frames) == len(previews) + 8
    first, preview = (next(iter(media.open_clip(p).frames)).image for p in (film, previews[0]))
    height, width = preview.shape[:2]
    assert np.abs(first[:height, :width].astype(float) - preview).mean() < 6
    with film.open("rb") as file:
        found = read_credentials(file, "video/mp4", keys.trust_anchors_pem())
    assert found.intact and found.trusted


def test_the_run_names_its_face_sets_and_consents(done, sets):
    from likeness.provenance.consent_form import consent_from_dict

    about = json.loads((done[0] / "run.json").read_text())
    assert about["face_sets"]["source"]["folder"] == str(sets / "ada")
    assert about["face_sets"]["target"]["sha256"] == read_face_set(sets / "bob").sha256
    assert [consent_from_dict(c) for c in about["consents"]] == [CONSENT, CONSENT]


def test_without_keys_nothing_generated_is_written(sets, tmp_path):
    train_pair(job(sets, tmp_path / "run"), TrainingPermit("research", TODAY))
    assert not (tmp_path / "run" / "previews").exists()


@pytest.mark.parametrize(
    "permit,field",
    [
        (TrainingPermit("research", date(2028, 1, 1)), "expires"),
        (TrainingPermit("journalism", TODAY), "purpose"),
    ],
)
def test_consent_comes_before_the_first_batch(sets, tmp_path, permit, field):
    with pytest.raises(ConsentError, match=field):
        train_pair(job(sets, tmp_path / "run"), permit)
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_left_alone_unless_resumed(done, sets):
    permit = TrainingPermit("research", TODAY)
    with pytest.raises(UsageError, match="--resume"):
        train_pair(job(sets, done[0]), permit)
    longer = {**SETTINGS, "training": {**TRAINING, "steps": 6}}
    assert train_pair(job(sets, done[0], settings=longer, resume=True), permit)["step"] == 6


def test_asking_to_stop_ends_in_good_order(sets, tmp_path):
    endless = {**SETTINGS, "training": {**TRAINING, "steps": 10_000}}
    asked = iter([False, False, True])
    figures = train_pair(
        job(sets, tmp_path / "run", settings=endless),
        TrainingPermit("research", TODAY),
        TrainingReports(stop=lambda: next(asked)),
    )
    assert figures["step"] == 3
    assert (tmp_path / "run" / "model.onnx").is_file()


def test_recipes_for_the_other_kind_are_explained(sets, tmp_path):
    with pytest.raises(UsageError, match="--source FACES --target FACES"):
        train(RECIPES / "swap_light.toml", tmp_path)
    with pytest.raises(UsageError, match="--data"):
        train_pair(
            job(sets, tmp_path, settings={"detector": "spectrum"}),
            TrainingPermit("research", TODAY),
        )
    with pytest.raises(ConfigError, match="is not trained"):
        train_pair(
            job(sets, tmp_path, settings={"generator": "landmark_swap"}),
            TrainingPermit("research", TODAY),
        )
    both = tmp_path / "both.toml"
    both.write_text('generator = "autoencoder_light"\ndetector = "spectrum"\n')
    with pytest.raises(ConfigError, match='detector = "NAME" or generator = "NAME"'):
        read_recipe(both)


@pytest.mark.parametrize("name", ["swap_light", "swap_original", "swap_hd"])
def test_shipped_recipes_are_valid(name):
    from likeness import registry
    from likeness.generators._autoencoder_settings import resolve

    recipe = read_recipe(RECIPES / f"{name}.toml")
    module = registry.load("generators", recipe["generator"])
    settings = resolve(recipe["generator"], recipe, module.DEFAULTS)
    assert settings.training.precision in ("float32", "bfloat16")


def test_the_command_line_trains_and_explains(sets, tmp_path, monkeypatch):
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    recipe = tmp_path / "tiny.toml"
    tables = {"network": LIGHT, "training": TRAINING}
    lines = ['generator = "autoencoder_light"']
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())]
    recipe.write_text("\n".join(lines))
    runner = CliRunner()
    arguments = ["train", str(recipe), "--source", str(sets / "ada"), "--target", str(sets / "bob")]
    found = runner.invoke(app, [*arguments, "-o", str(tmp_path / "run")], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    assert "held-out DSSIM" in found.output and "onnx_difference" in found.output
    pytest.importorskip("dlib")
    assert "nearer_to_source" in found.output
    with pytest.raises(UsageError, match="--source FACES"):
        runner.invoke(app, ["train", str(recipe)], catch_exceptions=False)
    with pytest.raises(UsageError, match="--purpose"):
        runner.invoke(app, [*arguments, "--purpose", "fun"], catch_exceptions=False)
    with pytest.raises(UsageError, match="--data FOLDER"):
        runner.invoke(app, ["train", str(RECIPES / "spectrum.toml")], catch_exceptions=False)
