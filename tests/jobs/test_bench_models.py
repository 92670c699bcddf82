"""Which person of the data a trained swap puts its face on, and how the command line is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from likeness.apps.benching import BenchRequest, _labelled, _models, usable_role_file
from likeness.data import face_rows
from likeness.data.manifest import Item
from likeness.errors import UnknownPartError, UsageError, WeightsError
from likeness.jobs import bench_models
from likeness.jobs.bench_models import read_model

ITEMS = [
    Item(f"v/{n}.mp4", "video", 0, s, g, "t", h * 16, "test")
    for n, s, g, h in (
        ("one", "mead", "anna", "a"),
        ("two", "mead", "berta", "b"),
        ("three", "portraits", "carla", "c"),
    )
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    about = {
        "generator": "autoencoder_light",
        "face_sets": {"target": {"folder": str(tmp_path / "faces")}},
        "settings": {"training": {"held_out_files": ["one.mp4"]}},
    }
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def sets(monkeypatch: pytest.MonkeyPatch, *hashes: str) -> None:
    """Face sets whose rows were cut from files with these hashes."""

    class Stored:
        rows = tuple({"sha256": h * 64} for h in hashes)

    assert face_rows.read_manifest is bench_models.read_manifest
    monkeypatch.setattr(bench_models, "read_manifest", lambda folder: Stored)


def test_the_target_is_who_the_face_set_was_cut_from(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets(monkeypatch, "b", "b")
    model = read_model(f"late={run}", ITEMS)
    assert (model.name, model.group, model.generator) == ("late", "berta", "autoencoder_light")
    assert model.held_out == ("one.mp4",)


def test_a_target_can_be_named(run: Path) -> None:
    assert read_model(f"late={run}:anna", ITEMS).group == "anna"


def test_a_run_without_its_sets_asks_for_the_person(run: Path) -> None:
    with pytest.raises(UsageError, match="GROUP"):
        read_model(f"late={run}", ITEMS)


@pytest.mark.parametrize("person", ["carla", "nobody"])
def test_people_whose_terms_do_not_cover_swaps_are_refused(run: Path, person: str) -> None:
    with pytest.raises(UsageError, match="terms"):
        read_model(f"late={run}:{person}", ITEMS)


def test_foreign_folders_and_forms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no readable training run"):
        read_model(f"late={tmp_path}:anna", ITEMS)
    with pytest.raises(UsageError, match="NAME=RUN"):
        read_model("late", ITEMS)


def request(detectors: tuple[str, ...], **given: object) -> BenchRequest:
    values = {
        "data": Path("gone"), "out": None, "ladder": False, "matrix": False, "models": (),
        "weights": (), "role": "test", "limit": None, "clip_frames": 64, "gallery": 0,
        "processes": 1, "scores": Path("s"), "role_file": Path("r"), **given,
    }  # fmt: skip
    return BenchRequest(detectors=detectors, **values)  # type: ignore[arg-type]


def test_weights_go_to_their_detector() -> None:
    assert _labelled(request(("mesonet",), weights=("a/Meso4_DF.h5",))) == {
        "mesonet:Meso4_DF": ("mesonet", {"weights": "a/Meso4_DF.h5"})
    }
    found = _labelled(request(("boundary", "mesonet"), weights=("mesonet=x.h5", "mesonet=y.h5")))
    assert list(found) == ["boundary", "mesonet:x", "mesonet:y"]
    with pytest.raises(UsageError, match="DETECTOR=FILE"):
        _labelled(request(("boundary", "mesonet"), weights=("x.h5",)))


def test_names_are_checked_before_anything_is_read() -> None:
    assert _labelled(request(("fused", "a.b:c"))) == {
        "fused": ("fused", {}),
        "a.b:c": ("a.b:c", {}),
    }
    with pytest.raises(UnknownPartError, match="boundary"):
        _labelled(request(("boundry",)))
    with pytest.raises(UsageError, match="matrix"):
        _models(request(("boundary",), models=("late=run",)), None)


def test_roles_of_another_data_set_are_not_used(tmp_path: Path) -> None:
    roles = tmp_path / "roles.csv"
    roles.write_text("path,cluster,role\na.jpg,person_1,test\n")
    assert usable_role_file(roles, tmp_path) is None
    (tmp_path / "a.jpg").write_bytes(b"")
    assert usable_role_file(roles, tmp_path) == roles
    assert usable_role_file(tmp_path / "gone.csv", tmp_path) is None
    roles.write_text("")
    assert usable_role_file(roles, tmp_path) is None
