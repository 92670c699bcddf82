"""The pair report: equal sets give no findings, and each measured difference is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.data.face_sets import FaceSet
from likeness.data.pair_report import mesh_proportions, pair_report, skin_lab
from likeness.errors import DataError
from likeness.faces import align, find_faces
from likeness.faces.geometry import transform
from tests.data.test_face_sets import consent


@pytest.fixture(scope="module")
def astronaut() -> FaceSet:
    from skimage import data

    image = data.astronaut()
    points = find_faces(image).landmarks_px[0]
    crop = align(image, points)
    inside = transform(points.astype(np.float64), crop.matrix).astype(np.float32)
    count = 120
    rows = tuple(
        {
            "kept": True,
            "yaw_deg": (i % 20) - 10.0,
            "pitch_deg": 0.0,
            "mouth_opening": 0.1 + (i % 10) / 20,
            "native_px": 150.0,
        }
        for i in range(count)
    )
    return FaceSet(
        np.repeat(crop.image[None], count, 0),
        np.repeat(inside[None], count, 0),
        np.repeat(crop.matrix[None], count, 0),
        rows,
        consent(),
        160,
        0.25,
    )


def test_equal_sets_speak_for_themselves(astronaut: FaceSet) -> None:
    report = pair_report(astronaut, astronaut)
    assert report.findings == ("nothing here speaks against this pair",)
    assert report.tone_distance == 0.0 and report.poses_covered == 1.0
    assert all(abs(v) < 1e-9 for v in report.shape.values())
    assert "glasses and beards: not measured" in report.lines()[-1]


def test_a_wider_face_is_measured_as_wider(astronaut: FaceSet) -> None:
    stretched = astronaut.landmarks_px * np.array([1.15, 1.0], np.float32)
    wide = replace(astronaut, landmarks_px=stretched)
    report = pair_report(wide, astronaut)
    assert report.shape["width"] == pytest.approx(0.15, abs=0.01)
    assert any("face width over height +15%" in f for f in report.findings)
    same = mesh_proportions(astronaut.landmarks_px * 3)["width"][0]
    assert same == pytest.approx(mesh_proportions(astronaut.landmarks_px)["width"][0], rel=1e-5)


def test_skin_poses_mouths_and_pixels_are_told(astronaut: FaceSet) -> None:
    dark = replace(astronaut, images=(astronaut.images * 0.4).astype(np.uint8))
    assert skin_lab(dark)[0] < skin_lab(astronaut)[0] - 20
    rows = tuple(
        {**r, "yaw_deg": r["yaw_deg"] + 40, "mouth_opening": 0.9, "native_px": 300.0}
        for r in dark.rows
    )
    findings = " ".join(pair_report(astronaut, replace(dark, rows=rows)).findings)
    for words in ("skin as lit differs strongly", "poses do not occur", "mouth openings", "softer"):
        assert words in findings, words


def test_crops_that_do_not_fit_and_small_sets_are_told(astronaut: FaceSet) -> None:
    findings = " ".join(
        pair_report(astronaut.take(range(9)), replace(astronaut, margin=0.3)).findings
    )
    assert "the crops differ" in findings
    assert "source: expected at least 100 usable faces" in findings
    with pytest.raises(DataError, match="target"):
        pair_report(astronaut, astronaut.take([]))
