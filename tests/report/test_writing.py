from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from likeness.errors import OutputError
from likeness.report import report_to_dict, write_html, write_json

from .conftest import CREATED


def test_json_and_html_arrive_whole_and_replace_what_was_there(tmp_path: Path, batch):
    target = tmp_path / "out.json"
    target.write_text("old")
    write_json(report_to_dict(batch, CREATED), target)
    assert json.loads(target.read_text(encoding="utf-8"))["created"] == CREATED
    write_html(str(tmp_path / "out.html"), "<p>\udcff é")
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == "<p>\\udcff é"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.html", "out.json"]


def test_the_file_has_the_permissions_that_the_umask_gives(tmp_path: Path):
    before = os.umask(0o022)
    try:
        write_html(tmp_path / "a.html", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.html").stat().st_mode & 0o777 == 0o644


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_html(pipe, "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("where", "why"),
    [("missing/out.html", "does not exist"), ("", "is a folder"), ("file/out.html", "no folder")],
)
def test_impossible_places_are_one_clear_line(tmp_path: Path, where: str, why: str):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=why) as caught:
        write_html(tmp_path / where, "x")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("code", "why"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission")],
)
def test_a_failing_disk_leaves_the_old_file_and_no_partial(tmp_path, monkeypatch, code, why):
    target = tmp_path / "out.html"
    target.write_text("old")

    def fail(*_args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=why):
        write_html(target, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["out.html"]
    assert target.read_text() == "old"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder(tmp_path: Path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="permission"):
            write_html(tmp_path / "out.html", "x")
    finally:
        tmp_path.chmod(0o755)
