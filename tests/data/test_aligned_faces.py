"""Faces of a data folder cut alike, over a folder drawn from the NASA portrait."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness import testing
from likeness.data.aligned_faces import FaceCut, FaceStores, aligned_faces
from likeness.errors import DataError

CUT = FaceCut(size_px=96, sources=("drawn",))
COLUMNS = ("path", "kind", "label", "source", "group", "licence", "sha256", "note")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sharp face, a blurred, a grey, one at the edge; one each of role select and test; one fake."""
    root = tmp_path_factory.mktemp("data")
    face = testing.portrait()[:320, 60:400]
    grey = np.repeat(face.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    pictures = {
        "sharp": (face, "train"),
        "blurred": (cv2.GaussianBlur(face, (0, 0), 6), "train"),
        "grey": (grey, "train"),
        "edge": (face[:, :178], "train"),
        "other": (face[:, ::-1], "select"),
        "kept": (face, "test"),
        "fake": (face, "train"),
    }
    with (
        (root / "manifest.csv").open("w", newline="") as m,
        (root / "splits.csv").open("w", newline="") as s,
    ):
        manifest, splits = csv.writer(m), csv.writer(s)
        manifest.writerow(COLUMNS)
        splits.writerow(("path", "role"))
        for name, (image, role) in pictures.items():
            data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()
            (root / f"{name}.png").write_bytes(data)
            label = "fake" if name == "fake" else "real"
            digest = hashlib.sha256(data).hexdigest()
            manifest.writerow((f"{name}.png", "face", label, "drawn", name, "own", digest, ""))
            splits.writerow((f"{name}.png", role))
    return root


def stores(folder: Path) -> FaceStores:
    return FaceStores(folder / "faces", folder / "packs")


def test_good_real_faces_of_the_role_are_cut_and_kept(folder: Path) -> None:
    faces = aligned_faces(folder, ["train"], CUT, stores(folder))
    assert faces.paths == ("sharp.png",)
    assert faces.groups == ("sharp",)
    assert faces.licences == ("own",)
    assert faces.images.shape == (1, 96, 96, 3)
    mesh = faces.landmarks_px[0, :468]
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    assert float((high - low).max()) == pytest.approx(96, abs=1)
    assert np.allclose((low + high) / 2, 47.5, atol=1)


def test_what_was_cut_once_is_not_cut_again(folder: Path) -> None:
    first = aligned_faces(folder, ["train"], CUT, stores(folder))
    told = []
    again = aligned_faces(folder, ["train"], CUT, stores(folder), lambda *facts: told.append(facts))
    assert told == []
    assert again.sha256 == first.sha256
    assert np.array_equal(again.images, first.images)
    wider = aligned_faces(folder, ["train"], FaceCut(96, 0.2, ("drawn",)), stores(folder))
    assert wider.sha256 != first.sha256


def test_pictures_of_role_test_are_never_cut(folder: Path) -> None:
    for roles in (["test"], ["train", "test"], []):
        with pytest.raises(DataError, match="test"):
            aligned_faces(folder, roles, CUT, stores(folder))
    both = aligned_faces(folder, ["train", "select"], CUT, stores(folder))
    assert set(both.paths) == {"sharp.png", "other.png"}


def test_faces_shrink_by_area(folder: Path) -> None:
    faces = aligned_faces(folder, ["train"], CUT, stores(folder))
    small = faces.shrunk(48)
    assert small.shape == (1, 48, 48, 3)
    mean = faces.images[0].astype(float).reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
    assert float(np.abs(small[0] - mean).max()) <= 1
    with pytest.raises(DataError, match="shrunk"):
        faces.shrunk(128)


def test_nothing_left_and_damage_are_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="good enough"):
        strict = FaceCut(96, 0.0, ("drawn",), sharpness=9.0)
        aligned_faces(folder, ["train"], strict, FaceStores(folder / "faces", tmp_path))
    aligned_faces(folder, ["train"], CUT, FaceStores(folder / "faces", tmp_path))
    (place,) = tmp_path.glob("aligned-*")
    (place / "images.npy").write_bytes(b"x")
    with pytest.raises(DataError, match="damaged"):
        aligned_faces(folder, ["train"], CUT, FaceStores(folder / "faces", tmp_path))
    with pytest.raises(DataError, match="no pictures"):
        aligned_faces(folder, ["train"], FaceCut(sources=("nobody",)), stores(folder))
