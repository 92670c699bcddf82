"""Files that get their name when they are finished, and what a kill at every step leaves."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from likeness.errors import OutputError
from likeness.provenance import writing_landing
from likeness.provenance.writing_landing import Landing, failing

OLD, NEW = b"old content", b"new content" * 1000


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fallback":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


def land(path: Path) -> None:
    with Landing(path) as landing:
        landing.file.write(NEW)
        landing.land()


@pytest.mark.parametrize("way", ["fallback", "nameless"], indirect=True)
@pytest.mark.parametrize("old", [False, True])
def test_the_file_appears_whole_with_the_umask_of_its_owner(tmp_path: Path, way: str, old: bool):
    path = tmp_path / "out.bin"
    if old:
        path.write_bytes(OLD)
    before = os.umask(0o027)
    try:
        with Landing(path) as landing, landing.scratch() as scratch:
            scratch.write(b"unmarked")
            landing.file.write(NEW)
            assert [p.name for p in tmp_path.iterdir()] == (["out.bin"] if old else [])
            assert not old or path.read_bytes() == OLD
            landing.land()
    finally:
        os.umask(before)
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["out.bin"]


@pytest.mark.parametrize("way", ["fallback", "nameless"], indirect=True)
def test_without_landing_nothing_is_left(tmp_path: Path, way: str):
    path = tmp_path / "out.bin"
    path.write_bytes(OLD)
    with pytest.raises(ZeroDivisionError), Landing(path) as landing:
        landing.file.write(NEW)
        raise ZeroDivisionError
    assert path.read_bytes() == OLD and len(list(tmp_path.iterdir())) == 1


# Runs in a process of its own: one that has threads (as pytest's has, once something was decoded) must not be forked.
KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from likeness.provenance.writing_landing import Landing

folder, way, old, new = Path(sys.argv[1]), sys.argv[2], sys.argv[3].encode(), b"new content" * 1000
if way == "fallback":
    os.O_TMPFILE = 0

def land(path):
    with Landing(path) as landing:
        landing.file.write(new)
        landing.land()

def watched(real, state):
    def call(*arguments, **options):
        if state["left"] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        state["left"] -= 1
        return real(*arguments, **options)
    return call

def killed_before(step, path):
    child = os.fork()
    if not child:
        state = {"left": step}
        for name in ("open", "link", "fsync", "replace", "unlink", "close", "rename"):
            setattr(os, name, watched(getattr(os, name), state))
        Path.replace, Path.unlink = watched(Path.replace, state), watched(Path.unlink, state)
        land(path)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0

seen = set()
for step in range(40):
    place = folder / str(step)
    place.mkdir()
    path = place / "out.bin"
    if old:
        path.write_bytes(old)
    killed = killed_before(step, path)
    content = path.read_bytes() if path.exists() else b""
    assert content in (new, old), (step, content[:20])
    seen.add(content)
    for other in place.iterdir():
        # Hidden leftovers are whole; the fallback may leave an empty one, or a part of the finished bytes.
        content = other.read_bytes()
        assert other == path or content == new or (way == "fallback" and new.startswith(content)), step
    land(place / "next.bin")  # the next write cleans up
    assert {p.name for p in place.iterdir()} <= {"out.bin", "next.bin"}, step
    if not killed:
        break
assert not killed and step >= 4 and seen == {new, old}, (killed, step, len(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", ["fallback", "nameless"])
@pytest.mark.parametrize("old", ["", "old content"])
def test_a_kill_before_any_step_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, way: str, old: str
):
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path), way, old]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["fallback", "nameless"], indirect=True)
def test_a_write_in_progress_is_not_cleaned_away(tmp_path: Path, way: str, monkeypatch):
    partial = tmp_path / f".likeness-{'0' * 16}.partial"
    with Landing(tmp_path / "one.bin") as one:
        one.file.write(NEW)
        one._copy_to(partial) if way == "fallback" else writing_landing._link(one.file, partial)
        held = os.open(partial, os.O_RDONLY)
        if way == "fallback":
            assert writing_landing._lock(held)
        writing_landing.remove_stale(tmp_path)
        assert partial.exists()
        os.close(held)
    writing_landing.remove_stale(tmp_path)
    assert not partial.exists()


def test_only_our_own_leftovers_are_removed(tmp_path: Path):
    others = [".likeness.partial", f"likeness-{'0' * 16}.partial", ".hidden.partial", "a.partial"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / f".likeness-{'a' * 16}.partial").mkdir()
    land(tmp_path / "out.bin")
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {*others, f".likeness-{'a' * 16}.partial", "out.bin"}


def test_places_that_cannot_be_written(tmp_path: Path):
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path, words in (
        (tmp_path / "missing" / "a.bin", "does not exist"),
        (folder, "is a folder"),
        (pipe, "a pipe"),
        (Path("/dev/null"), "a device"),
        (tmp_path / "out.bin" / "a.bin", "no folder"),
        (tmp_path / ("n" * 300), "too long"),
        (tmp_path / "a\x00b", "null byte"),
    ):
        if words == "no folder":
            path.parent.write_bytes(OLD)
        with pytest.raises(OutputError, match=words):
            Landing(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_is_replaced_and_its_goal_left_alone(tmp_path: Path):
    goal, link = tmp_path / "goal", tmp_path / "link"
    goal.write_bytes(OLD)
    link.symlink_to(goal)
    land(link)
    assert goal.read_bytes() == OLD and link.read_bytes() == NEW and not link.is_symlink()


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")]
)
def test_disks_that_refuse_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
):
    def refusing(*arguments: object, **options: object) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(OutputError, match=words):
        Landing(tmp_path / "out.bin")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="permission"):
            land(tmp_path / "out.bin")
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("way", ["fallback", "nameless"], indirect=True)
def test_a_file_that_may_not_grow_is_told_and_nothing_is_left(tmp_path: Path, way: str):
    import resource

    path = tmp_path / "out.bin"
    path.write_bytes(OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="larger than is allowed"), failing(path):
            land(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == OLD and len(list(tmp_path.iterdir())) == 1
