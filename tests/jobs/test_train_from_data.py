"""Training of generators on a data folder: what the job refuses, and what it hands on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from likeness.errors import ConfigError, InputError, MissingExtraError, UnknownPartError, UsageError
from likeness.jobs import train_from_data as job
from likeness.jobs.train import TrainingReports
from likeness.jobs.train_from_data import DataTraining, learns_from_data, train_from_data

RECIPE = {"generator": "restore", "training": {"steps": 3, "seed": 5}}


def test_it_is_known_who_learns_from_data() -> None:
    assert learns_from_data("restore") and not learns_from_data("autoencoder_light")
    with pytest.raises(UnknownPartError):
        learns_from_data("restorer")


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data"):
        train_from_data(DataTraining(RECIPE, tmp_path / "nowhere", tmp_path / "run"))
    pair = {"generator": "autoencoder_light"}
    with pytest.raises(ConfigError, match="--source"):
        train_from_data(DataTraining(pair, tmp_path, tmp_path / "run"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="--resume"):
        train_from_data(DataTraining(RECIPE, tmp_path, tmp_path / "run"))


def test_settings_and_reports_are_handed_on(tmp_path: Path, monkeypatch) -> None:
    seen = {}

    def training_on_data(settings, data, out, hooks):
        seen.update(settings=settings, data=data, out=out, hooks=hooks)
        return {"psnr_db": 30.0}

    module = SimpleNamespace(training_on_data=training_on_data)
    monkeypatch.setattr(job.registry, "load", lambda kind, name: module)
    said: list[str] = []
    wanted = DataTraining(RECIPE, tmp_path, tmp_path / "run", minutes=2.5)
    figures = train_from_data(wanted, TrainingReports(say=said.append), lambda image: b"marked")
    assert figures == {"psnr_db": 30.0}
    assert seen["settings"]["training"] == {"steps": 3, "seed": 5, "minutes": 2.5}
    assert RECIPE["training"] == {"steps": 3, "seed": 5}
    seen["hooks"].say("hello")
    assert said == ["hello"] and seen["hooks"].encode(None) == b"marked"


def test_without_torch_it_says_what_is_missing(tmp_path: Path, monkeypatch) -> None:
    def training_on_data(*_):
        raise ModuleNotFoundError("no torch", name="torch")

    module = SimpleNamespace(training_on_data=training_on_data)
    monkeypatch.setattr(job.registry, "load", lambda kind, name: module)
    with pytest.raises(MissingExtraError, match="torch"):
        train_from_data(DataTraining(RECIPE, tmp_path, tmp_path / "run"))
