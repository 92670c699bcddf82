"""`likeness keys` and `likeness provenance`: what a person types and sees."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from media.drawn_media import encode_picture, picture
from provenance.signing_kit import JOB, drawn, making, outside_chain, signed
from typer.testing import CliRunner

from likeness.apps.cli import app
from likeness.apps.config_folder import config_folder, keys_folder
from likeness.errors import KeyStoreError, UsageError
from likeness.provenance import certificates
from likeness.provenance.credentials import sign_sidecar
from likeness.provenance.keys import KeyStore, open_or_create


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_where_the_config_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert config_folder() == tmp_path / "config" and keys_folder().name == "keys"
    monkeypatch.delenv("LIKENESS_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config_folder() == tmp_path / "xdg" / "likeness"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_folder() == tmp_path / ".config" / "likeness"


def test_new_then_list(config: Path) -> None:
    with pytest.raises(KeyStoreError, match="likeness keys new"):
        run("keys", "list")
    made = run("keys", "new")
    assert str(config / "keys") in made and run("keys", "list") == made
    assert "PRIVATE" not in made
    with pytest.raises(UsageError, match="holds a key store already"):
        run("keys", "new")


def test_own_certificate_and_back(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "chain.pem").write_bytes(b"".join(outside_chain(key)))
    (tmp_path / "leaf.key").write_bytes(certificates.key_pem(key))
    parts = ("--chain", str(tmp_path / "chain.pem"), "--key", str(tmp_path / "leaf.key"))
    assert "Harbour News (es256, your own certificate)" in run("keys", "use", *parts)
    assert "made here" in run("keys", "use", "--local")
    for wrong in (parts[:2], ("--local", *parts), ()):
        with pytest.raises(UsageError, match="--chain and --key"):
            run("keys", "use", *wrong)


def test_trust(tmp_path: Path) -> None:
    other = KeyStore.create(tmp_path / "other")
    run("keys", "new")
    file = tmp_path / "picture.png"
    file.write_bytes(signed("image/png", other))
    assert "trusted    NO" in run("provenance", "show", str(file))
    added = run("keys", "trust", "add", str(other.folder / "root.pem")).split()[-1]
    assert "trusted    yes" in run("provenance", "show", str(file))
    assert added[:16] in run("keys", "trust", "list")
    assert added in run("keys", "trust", "remove", added[:10])
    assert "trusted    NO" in run("provenance", "show", str(file))


def test_show_says_what_it_found_and_that_it_can_be_forged(tmp_path: Path) -> None:
    keys = open_or_create(keys_folder())
    file = tmp_path / "picture.png"
    file.write_bytes(signed("image/png", keys))
    shown = run("provenance", "show", str(file))
    for words in (
        "present    yes",
        "intact     yes",
        "trusted    yes",
        f"job        {JOB:016x}",
        "footage.mp4",
        "forged",
    ):
        assert words in shown, shown
    data = bytearray(file.read_bytes())
    data[-30] ^= 1
    file.write_bytes(bytes(data))
    changed = run("provenance", "show", str(file))
    assert "intact     NO" in changed and "changed after it was signed" in changed


def test_an_untrusted_name_is_not_shown_as_a_fact(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key, forger = ec.generate_private_key(ec.SECP256R1()), KeyStore.create(tmp_path / "forger")
    forger.use(b"".join(outside_chain(key, name="The Famous Times")), certificates.key_pem(key))
    file = tmp_path / "picture.png"
    file.write_bytes(signed("image/png", forger))
    shown = run("provenance", "show", str(file))
    assert "The Famous Times  (so the certificate says; nobody confirms it)" in shown


def test_show_without_marks_is_no_suspicion(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(encode_picture(picture(0, (96, 64)), "PNG"))
    shown = run("provenance", "show", str(file))
    assert "  Content credentials\n    none\n" in shown and "means nothing" in shown
    assert not keys_folder().exists()  # looking makes no keys


def test_a_sidecar_beside_the_file(tmp_path: Path) -> None:
    keys = open_or_create(keys_folder())
    film = tmp_path / "film.mkv"
    film.write_bytes(drawn("video/x-matroska"))
    manifest = sign_sidecar(io.BytesIO(film.read_bytes()), "video/x-matroska", making(), keys)
    (tmp_path / "film.mkv.c2pa").write_bytes(manifest)
    shown = run("provenance", "show", str(film))
    assert "present    yes, in a file beside this one" in shown and "trusted    yes" in shown


def test_json_is_for_machines(tmp_path: Path) -> None:
    keys = open_or_create(keys_folder())
    file = tmp_path / "picture.png"
    file.write_bytes(signed("image/png", keys))
    (item,) = json.loads(run("provenance", "show", "--json", str(file)))
    assert item["credentials"]["job_id"] == f"{JOB:016x}"
    assert item["credentials"]["trusted"] is True and item["credentials"]["made_on"] == "2026-11-22"
    assert item["metadata"] == []


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(drawn("image/png"))
    done = CliRunner().invoke(app, ["provenance", "show", str(tmp_path / "none.png"), str(file)])
    assert done.exit_code == 3 and "Content credentials" in done.output


def test_a_broken_key_store_trusts_nobody_and_says_so(tmp_path: Path) -> None:
    keys = open_or_create(keys_folder())
    file = tmp_path / "picture.png"
    file.write_bytes(signed("image/png", keys))
    (keys.folder / "leaf.key").chmod(0o644)
    done = CliRunner().invoke(app, ["provenance", "show", str(file)])
    assert done.exit_code == 0 and "trusted    NO" in done.output
    assert "no signer is trusted until" in done.output + (done.stderr or "")


def test_the_command_line_stays_light() -> None:
    code = "import sys, likeness.apps.cli; print([m for m in ('c2pa', 'cryptography', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
