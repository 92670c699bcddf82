"""Drawn faces in the benchmark's matrix: the same path for both, one row each, and cells by generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness import media, testing
from likeness.apps.web.studio_synthetic import shipped
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import Item
from likeness.errors import WeightsError
from likeness.jobs import bench_synthesis as job
from likeness.jobs.bench_matrix import matrix_lines
from likeness.jobs.bench_models import drawing_run
from likeness.jobs.bench_synthesis import FaceGenerator, face_cells, face_works, score_faces
from likeness.jobs.synthesise_options import enlarged, shipped_synthesisers
from likeness.types import Clip, Evidence, FaceTrack
from tests.jobs.test_synthesise import StandIn

DRAWN = FaceGenerator("drawn", "stand_in")


class Watcher:
    """A detector that gives the mean brightness and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def analyse(self, clip: Clip, tracks: tuple[FaceTrack, ...]) -> Evidence:
        image = next(iter(clip.frames)).image
        self.seen.append(image)
        value = float(image.mean())
        return Evidence("watcher", "brightness", "synthesised", "scored", score=value)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[KnownFace]]:
    folder = tmp_path_factory.mktemp("faces")
    items = []
    for number, share in enumerate((1.0, 0.8)):
        image = (testing.portrait()[:300, 80:380] * share).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{number}.png")
        items.append(
            Item(
                f"{number}.png", "face", 0, "drawn", f"p{number}", "free", f"{number}" * 12, "test"
            )
        )
    return folder, known_faces(folder, items)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(testing.portrait())
    monkeypatch.setattr(job, "_opened", lambda part, options: stand_in)
    return stand_in


def test_real_and_drawn_faces_come_by_the_same_path(known, opened, monkeypatch) -> None:
    folder, faces = known
    qualities: list[int] = []
    coded = media.jpeg_round_trip

    def round_trip(image: np.ndarray, quality: int) -> np.ndarray:
        qualities.append(quality)
        return coded(image, quality)

    monkeypatch.setattr(media, "jpeg_round_trip", round_trip)
    watcher = Watcher()
    rows = score_faces(folder, faces, (DRAWN, 0), {"watcher": watcher})
    assert [(r.label, r.kind) for r in rows] == [(0, "drawn_real"), (1, "drawn")] * 2
    assert {image.shape for image in watcher.seen} == {(256, 256, 3)}
    assert qualities[0] == qualities[1] and qualities[2] == qualities[3]
    assert [r.group for r in rows] == ["p0", "drawn 0", "p1", "drawn 1"]
    # A real face lost what a generator of 64 px cannot have: nothing is finer than its pixels.
    for image in watcher.seen[::2]:
        again = enlarged(enlarged(image, 64), 256)
        assert np.abs(image.astype(int) - again).mean() < 3.0
    assert np.abs(watcher.seen[0].astype(int) - watcher.seen[2]).mean() > 5.0


def test_a_picture_without_a_face_has_no_row(known, opened) -> None:
    folder, faces = known
    rows = score_faces(folder, faces[:1], (DRAWN, 3), {"watcher": Watcher()})  # seed of no face
    assert [r.label for r in rows] == [0]


def test_restored_faces_stay_the_same_person_and_have_the_same_size(known, monkeypatch) -> None:
    class Restorer:
        tag = "r"

        def generate(self, request):
            assert request.target.image.shape == (192, 192, 3)
            assert request.target.landmarks_px is not None
            return request.target

    monkeypatch.setattr(job, "_opened", lambda part, options: Restorer())
    folder, faces = known
    rows = score_faces(folder, faces, (FaceGenerator("restore", "restore"), 0), {})
    assert [(r.label, r.group) for r in rows] == [(0, "p0"), (1, "p0"), (0, "p1"), (1, "p1")]
    real, worn = job.face_pair(folder, faces[0], FaceGenerator("restore", "restore"), 0)
    assert real.shape == worn.shape == (192, 192, 3) and (real != worn).any()


def test_kept_scores_are_those_of_these_weights(known) -> None:
    folder, faces = known
    keys = [
        face_works(folder, faces, [FaceGenerator("drawn", "stand_in", {}, mark)])[0].key
        for mark in ("a", "b", "a")
    ]
    assert keys[0] == keys[2] != keys[1]
    assert len(face_works(folder, faces * 9, [DRAWN, DRAWN])) == 2 * 3


def test_a_cell_for_each_generator_and_its_own_reals(known, opened) -> None:
    folder, faces = known
    scored = [
        row
        for generator in (DRAWN, FaceGenerator("other", "stand_in"))
        for row in score_faces(folder, faces, (generator, 0), {"watcher": Watcher()})
    ]
    cells = face_cells(scored)
    assert [c.generator for c in cells] == ["drawn (faces)", "other (faces)"]
    assert all(len(c.scored) == 4 for c in cells)
    assert not list(matrix_lines(cells, ["watcher"]))  # two of each are too few for a figure


def test_runs_that_draw_faces_are_told_from_swaps(tmp_path: Path) -> None:
    for name, part in (("gan", "light_gan"), ("swap", "autoencoder_light"), ("other", "nobody")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"generator": part}))
    assert drawing_run(f"mine={tmp_path / 'gan'}") == ("mine", "light_gan", tmp_path / "gan")
    for text in ("swap", "other", "missing"):
        assert drawing_run(f"mine={tmp_path / text}") is None
    assert drawing_run(str(tmp_path / "gan")) is None
    with pytest.raises(WeightsError):
        job.face_generators({"mine": ("light_gan", tmp_path / "gan")})


def test_only_what_has_weights_is_offered() -> None:
    from likeness import registry

    names = shipped_synthesisers()
    assert names == shipped()
    assert all(registry.load("generators", name).WEIGHTS for name in names)
