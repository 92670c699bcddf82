"""`likeness consent`, as a person types it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from likeness.apps import consenting
from likeness.errors import ConsentError, KeyStoreError, LikenessError

NEW = [
    "consent",
    "new",
    "--subject",
    "Ada",
    "--basis",
    "own_likeness",
    "--purpose",
    "research",
    "--expires",
    "2027-12-31",
    "--document",
    "letter.pdf",
    "-o",
    "ada.consent.toml",
]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: exit codes are part of the interface."""
    return subprocess.run(
        [sys.executable, "-m", "likeness.apps.cli", *arguments],
        capture_output=True, text=True, cwd=folder, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "LIKENESS_CONFIG": str(folder / "config")},
    )  # fmt: skip


def quick(*arguments: str) -> str:
    """In this process; errors come through."""
    done = CliRunner().invoke(consenting.consent_app, list(arguments))
    if isinstance(done.exception, LikenessError):
        raise done.exception
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.fixture
def folder(tmp_path: Path, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "letter.pdf").write_bytes(b"I agree.")
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / "ada.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    return tmp_path


def test_the_example_works_as_written_and_check_says_what_is_missing(folder: Path) -> None:
    made = run(folder, *NEW)
    assert made.returncode == 0, made.stderr
    assert "of age" in made.stdout and "No sexual" in made.stdout
    assert "does not permit generation yet" in made.stdout
    checked = run(folder, "consent", "check", "ada.consent.toml")
    assert checked.returncode == 6
    assert "references" in checked.stderr and "Traceback" not in checked.stderr


def test_with_a_picture_it_allows_what_it_says(folder: Path) -> None:
    assert "permit" not in quick(*NEW[1:], "--reference", "ada.jpg")
    shown = quick("check", "ada.consent.toml")
    for words in (
        "research with the likeness of Ada",
        "2027-12-31",
        "ada.jpg",
        "signed by   nobody",
    ):
        assert words in shown
    with pytest.raises(ConsentError, match="purpose"):
        quick("check", "ada.consent.toml", "--purpose", "art")


def test_signing_as_the_subject(folder: Path) -> None:
    quick(*NEW[1:])
    quick("add-reference", "ada.consent.toml", "ada.jpg")
    public = quick("new-key", "ada.key.pem").split("Public key: ")[1].strip()
    assert Path("ada.key.pem").stat().st_mode & 0o777 == 0o600
    quick("sign", "ada.consent.toml", "--key", "ada.key.pem")
    assert f"signed by   the subject, key {public}" in quick("check", "ada.consent.toml")
    with pytest.raises(KeyStoreError):
        quick("sign", "ada.consent.toml", "--key", "letter.pdf")
    with pytest.raises(LikenessError, match="not overwritten"):
        quick("new-key", "ada.key.pem")
    Path("ada.consent.toml").write_text(Path("ada.consent.toml").read_text() + "#\n")
    with pytest.raises(ConsentError, match="does not verify"):
        quick("check", "ada.consent.toml")


@pytest.mark.parametrize(("days", "warns"), [(0, True), (30, True), (31, False)])
def test_it_warns_in_the_last_thirty_days(folder: Path, days: int, warns: bool) -> None:
    last = (date.today() + timedelta(days=days)).isoformat()
    arguments = [last if a == "2027-12-31" else a for a in NEW[1:]]
    arguments[arguments.index("own_likeness")] = "public_domain"
    assert "covers no face in footage" in quick(*arguments)
    shown = quick("check", "ada.consent.toml")
    assert (f"expires in {days} days" in shown) == warns
    assert "SYNTHETIC · research use only" in shown


def test_an_expired_record_is_refused(folder: Path) -> None:
    quick(
        *[
            (date.today() - timedelta(days=1)).isoformat() if a == "2027-12-31" else a
            for a in NEW[1:]
        ]
    )
    with pytest.raises(ConsentError, match="expires"):
        quick("check", "ada.consent.toml")


def test_on_a_terminal_it_asks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(question: str, default: bool) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr(consenting.typer, "confirm", answer)
    monkeypatch.setattr(consenting, "_on_a_terminal", lambda: True)
    with pytest.raises(ConsentError, match="adult, no_sexual_use"):
        quick(*NEW[1:])
    assert not Path("ada.consent.toml").exists()
    quick(*NEW[1:])
    assert len(asked) == 2
    Path("ada.consent.toml").unlink()
    quick(*NEW[1:], "--attest")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("--expires", "soon", "expires"),
        ("--basis", "friendship", "basis"),
        ("--basis", "synthetic_person", "basis"),
        ("--purpose", "fun", "purpose"),
        ("--document", "nowhere.pdf", "document_sha256"),
        ("--reference", "nowhere.jpg", "references"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, option: str, value: str, field: str) -> None:
    with pytest.raises(ConsentError, match=field):
        quick(*NEW[1:], option, value)
    assert not Path("ada.consent.toml").exists()


def test_a_damaged_key_store_does_not_matter_to_real_people(folder: Path) -> None:
    (folder / "config" / "keys").mkdir(parents=True)
    (folder / "config" / "keys" / "store.json").write_text("nonsense")
    quick(*NEW[1:], "--reference", "ada.jpg")
    assert "Ada" in quick("check", "ada.consent.toml")


def test_the_documents_commands_work_as_written(folder: Path) -> None:
    page = Path(consenting.__file__).parents[2] / "docs" / "consent.md"
    if not page.is_file():
        pytest.skip("no docs beside the package: it runs from an installed copy")
    lines = page.read_text(encoding="utf-8").splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    likeness consent ")]
    assert len(commands) >= 5
    for command in commands:
        quick(*command[2:])
    assert "signed by   the subject" in quick("check", "ada.consent.toml")
