"""Nearest training faces beside synthesised people: the sheet, its terms, and the test for copies."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from images_in_outputs import images_in, kind_of

from likeness.errors import ConsentError
from likeness.jobs import synthesise_nearest as job
from likeness.jobs.synthesise_nearest import NearestOptions, nearest_faces
from likeness.jobs.synthesise_options import SynthesisPermit, SynthesisPlan, making_of
from likeness.provenance.keys import KeyStore

pytest.importorskip("torch")


class Faces:
    """Stands for the aligned faces of a role."""

    size_px = 64

    def __init__(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        small = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
        self.images = np.repeat(np.repeat(small, 8, 1), 8, 2)

    def shrunk(self, size_px: int) -> np.ndarray:
        assert size_px == 64
        return self.images


@pytest.fixture
def permit(tmp_path) -> SynthesisPermit:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.csv").write_text("path\n")
    return SynthesisPermit("research", date(2026, 11, 22), KeyStore.create(tmp_path / "keys"))


@pytest.fixture
def roles(monkeypatch) -> list[list[str]]:
    asked: list[list[str]] = []
    found = {"train": Faces(1, 60), "select": Faces(2, 20)}

    def aligned(data, roles, *_):
        asked.append(roles)
        return found[roles[0]]

    monkeypatch.setattr(job, "aligned_faces", aligned)
    return asked


def test_copies_are_found_and_shown_beside_what_they_were_copied_from(
    permit, roles, tmp_path
) -> None:
    making = making_of(SynthesisPlan("stand_in"), permit, range(12))
    copies = Faces(1, 60).images[20:32]
    options = NearestOptions(tmp_path / "data")
    found = nearest_faces(tmp_path, (copies, range(12)), options, (making, permit))
    assert found.memorisation is not None and found.memorisation.memorised
    assert found.memorisation.copied == 1.0
    assert found.memorisation.nearest.tolist() == list(range(20, 32))
    assert roles == [["train"], ["select"]]  # nothing of role test is looked at
    pictures = [(w, data) for w, data in images_in(tmp_path) if w.endswith(".png")]
    assert [w for w, _ in pictures] == ["nearest_for_yourself.png"]
    assert kind_of(pictures[0][1], [], permit.keys.trust_anchors_pem()) == "marked"
    few = tmp_path / "few"
    few.mkdir()
    found = nearest_faces(few, (copies[:3], range(3)), options, (making, permit))
    assert found.memorisation is None and found.sheet.is_file()


def test_other_purposes_than_research_are_refused(permit, roles, tmp_path) -> None:
    art = SynthesisPermit("art", permit.today, permit.keys)
    making = making_of(SynthesisPlan("stand_in"), art, (1,))
    with pytest.raises(ConsentError, match="research"):
        nearest_faces(
            tmp_path, (Faces(3, 1).images, (1,)), NearestOptions(tmp_path / "data"), (making, art)
        )
    assert not (tmp_path / job.SHEET).exists()
