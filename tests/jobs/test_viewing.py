"""What is kept for a viewer: the file's own pixels, readable without opening the file again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from likeness import media
from likeness.errors import DataError, MediaError
from likeness.jobs.demo import portrait_path
from likeness.jobs.detect import DetectOptions, Examination, Examiner
from likeness.jobs.viewing import INDEX, keep, kept, kept_item
from likeness.report import render_html


@pytest.fixture(scope="module")
def examination() -> Examination:
    return Examiner(DetectOptions(detectors=("blur_mismatch",))).examine(portrait_path())


@pytest.fixture
def folder(tmp_path: Path, examination: Examination) -> Path:
    keep(tmp_path, "portrait.png", examination)
    return tmp_path


def test_a_kept_file_is_shown_without_opening_it(folder: Path, examination: Examination) -> None:
    viewing = kept(folder)
    assert (viewing.kind, viewing.size_wh, viewing.media_type) == ("image", (512, 512), "image/png")
    assert [f.index for f in viewing.frames] == [0]
    frame = media.open_clip(folder / viewing.frames[0].file)
    original = next(iter(examination.clip.frames.at([0]))).image
    (shown,) = list(frame.frames)
    assert np.abs(shown.image.astype(int) - original).mean() < 3
    (heat,) = viewing.heats
    assert heat.detector == "blur_mismatch" and (folder / heat.file).read_bytes()[:4] == b"\x89PNG"
    assert heat.corners_px[0][0] < heat.corners_px[1][0]


def test_the_report_is_the_same_as_of_the_open_clip(folder: Path, examination: Examination) -> None:
    from likeness.jobs.reporting import report_item

    created = "2026-03-04T10:15:00+00:00"
    fresh = render_html([report_item("portrait.png", examination)], created)
    assert render_html([kept_item(folder, "portrait.png", examination.verdict)], created) == fresh


def test_names_are_flat_and_plain(folder: Path) -> None:
    for path in folder.iterdir():
        assert path.is_file() and re.fullmatch(r"[a-z0-9-]+\.(json|jpg|png)", path.name)


def test_pixels_of_no_file_are_not_kept(tmp_path: Path, examination: Examination) -> None:
    drawn = media.clip_from_frames([np.zeros((64, 64, 3), np.uint8)])
    with pytest.raises(MediaError, match="without a hash"):
        keep(tmp_path, "x", Examination(examination.verdict, drawn))
    assert not (tmp_path / INDEX).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format="other/1"),
        lambda d: d.pop("frames"),
        lambda d: d.update(size_wh=[1, 2, 3]),
        lambda d: d["heats"][0].pop("corners_px"),
    ],
)
def test_what_is_damaged_is_said(folder: Path, change) -> None:
    stored = json.loads((folder / INDEX).read_text())
    change(stored)
    (folder / INDEX).write_text(json.dumps(stored))
    with pytest.raises(DataError, match="viewing"):
        kept(folder)


def test_a_forged_name_opens_no_other_file(folder: Path, examination: Examination) -> None:
    stored = json.loads((folder / INDEX).read_text())
    stored["pictures"][0]["file"] = "../../etc/passwd"
    (folder / INDEX).write_text(json.dumps(stored))
    with pytest.raises(DataError, match="name of a kept picture"):
        kept_item(folder, "x", examination.verdict)


def test_nothing_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="examine the file again"):
        kept(tmp_path)
