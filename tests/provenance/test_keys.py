"""The key store: made whole, checked when opened, and never readable by others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from provenance.signing_kit import consent, outside_chain

from likeness.errors import KeyStoreError, OutputError, UsageError
from likeness.provenance import certificates
from likeness.provenance.keys import KeyStore, open_or_create, store_exists

PRIVATE = ("leaf.key", "intermediate.key", "maker.key", "salt")


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return open_or_create(tmp_path / "config" / "keys")


def test_made_on_first_use_and_opened_afterwards(store: KeyStore) -> None:
    again = open_or_create(store.folder)
    assert store.exists() and again.signer() == store.signer()
    assert again.maker_public_key() == store.maker_public_key()
    assert again.consent_id(consent()) == store.consent_id(consent())


def test_nobody_else_can_read_it(store: KeyStore) -> None:
    assert store.folder.stat().st_mode & 0o777 == 0o700
    for path in store.folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path.name


def test_no_private_key_in_any_text(store: KeyStore) -> None:
    assert "PRIVATE" not in repr(store.signer()) and "PRIVATE" not in store.trust_anchors_pem()


@pytest.mark.parametrize("name", [*PRIVATE, "leaf.pem", "root.pem", "store.json"])
def test_a_file_open_to_others_is_refused(store: KeyStore, name: str) -> None:
    (store.folder / name).chmod(0o640)
    with pytest.raises(KeyStoreError, match="0640"):
        KeyStore(store.folder)


def test_an_open_folder_is_refused(store: KeyStore) -> None:
    store.folder.chmod(0o755)
    with pytest.raises(KeyStoreError, match="lets other people in"):
        open_or_create(store.folder)


@pytest.mark.parametrize("name", PRIVATE)
def test_a_link_out_of_the_store_is_refused(store: KeyStore, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (store.folder / name).rename(elsewhere)
    (store.folder / name).symlink_to(elsewhere)
    with pytest.raises(KeyStoreError, match="link"):
        KeyStore(store.folder)


def test_a_linked_folder_is_refused(store: KeyStore, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(store.folder)
    with pytest.raises(KeyStoreError, match="link"):
        KeyStore(tmp_path / "linked")


@pytest.mark.parametrize(
    "name", [*PRIVATE, "leaf.pem", "root.pem", "intermediate.pem", "store.json"]
)
@pytest.mark.parametrize("how", ["truncated", "empty", "foreign", "missing", "huge", "a pipe"])
def test_a_damaged_file_is_a_typed_error(store: KeyStore, name: str, how: str) -> None:
    path = store.folder / name
    whole = path.read_bytes()
    path.unlink()
    if how == "a pipe":
        os.mkfifo(path, 0o600)
    elif how != "missing":
        texts = {"truncated": whole[: len(whole) // 2], "empty": b"", "foreign": b"hello\n" * 9}
        path.write_bytes(texts.get(how, b"x" * 70_000))
        path.chmod(0o600)
    with pytest.raises(KeyStoreError, match=r"missing|no key|" + str(path)):
        KeyStore(store.folder)


@pytest.mark.parametrize("name", ["leaf.key", "leaf.pem", "intermediate.key", "root.pem"])
def test_a_part_of_another_store_is_refused(store: KeyStore, name: str, tmp_path: Path) -> None:
    other = KeyStore.create(tmp_path / "other")
    (store.folder / name).write_bytes((other.folder / name).read_bytes())
    with pytest.raises(KeyStoreError, match=r"does not fit|was not issued by"):
        KeyStore(store.folder)


def test_a_later_format_is_refused(store: KeyStore) -> None:
    marker = json.loads((store.folder / "store.json").read_text())
    (store.folder / "store.json").write_text(json.dumps(marker | {"format": 2}))
    with pytest.raises(KeyStoreError, match="format 1"):
        KeyStore(store.folder)


def test_somebody_elses_folder_stays_untouched(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "keys" / "diary.txt").write_text("mine")
    with pytest.raises(KeyStoreError):
        open_or_create(tmp_path / "keys")
    assert [p.name for p in tmp_path.rglob("*")] == ["keys", "diary.txt"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        KeyStore.create(tmp_path / "file" / "keys")


_MAKE = "import sys; from pathlib import Path; from likeness.provenance.keys import open_or_create; print(open_or_create(Path(sys.argv[1])).maker_public_key().hex())"


def test_two_at_once_get_the_same_store(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKE, str(tmp_path / "keys")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    keys = {process.communicate(timeout=60)[0] for process in both}
    assert len(keys) == 1 and len(keys.pop().strip()) == 64
    assert [p.name for p in tmp_path.iterdir()] == ["keys"]


def test_a_kill_leaves_a_whole_store_or_none(tmp_path: Path) -> None:
    seen = set()
    for number in range(8):
        folder = tmp_path / str(number) / "keys"
        process = subprocess.Popen(
            [sys.executable, "-c", _MAKE, str(folder)], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not folder.parent.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(number * 0.001)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        seen.add(store_exists(folder))
        if folder.exists():
            KeyStore(folder)  # whole
        open_or_create(folder)
    assert False in seen  # at least one kill came in time


def test_what_a_kill_left_is_removed_later(tmp_path: Path) -> None:
    left = tmp_path / ".keys.new-abc"
    left.mkdir()
    (left / "leaf.key").write_text("x")
    os.utime(left, (time.time() - 7200,) * 2)
    young = tmp_path / ".keys.new-def"
    young.mkdir()
    open_or_create(tmp_path / "keys")
    assert not left.exists() and young.exists()


def test_an_expired_leaf_is_renewed_with_the_same_key(tmp_path: Path) -> None:
    made = datetime.now(UTC) - timedelta(days=6 * 365)
    old = KeyStore.create(tmp_path / "keys", made).signer()
    assert old.expires < datetime.now(UTC)
    new = KeyStore(tmp_path / "keys").signer()
    assert new.expires > datetime.now(UTC) and new.key_pem == old.key_pem
    assert KeyStore(tmp_path / "keys").signer() == new  # stored, and everything still fits


def test_an_expired_intermediate_is_said(tmp_path: Path) -> None:
    made = datetime.now(UTC) - timedelta(days=21 * 365)
    KeyStore.create(tmp_path / "keys", made)
    with pytest.raises(KeyStoreError, match="holds from"):
        KeyStore(tmp_path / "keys").signer()


def test_the_maker_key_signs(store: KeyStore) -> None:
    public = Ed25519PublicKey.from_public_bytes(store.maker_public_key())
    public.verify(store.maker_sign(b"record"), b"record")  # raises if it does not hold


def test_consent_ids(store: KeyStore, tmp_path: Path) -> None:
    one = store.consent_id(consent("Ada Lovelace"))
    assert len(one) == 16 and int(one, 16) >= 0
    assert store.consent_id(consent("  ada  LOVELACE ")) == one
    assert store.consent_id(consent("Ada Byron")) != one
    assert KeyStore.create(tmp_path / "other").consent_id(consent("Ada Lovelace")) != one


KINDS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("algorithm", KINDS)
def test_the_users_own_certificate(store: KeyStore, algorithm: str) -> None:
    key = KINDS[algorithm]()
    leaf, root = outside_chain(key)
    signer = store.use(leaf + root, certificates.key_pem(key))
    assert (signer.algorithm, signer.name, signer.own) == (algorithm, "Harbour News", True)
    assert signer.chain_pem == leaf  # a root does not travel
    assert KeyStore(store.folder).signer() == signer
    assert [a.origin for a in store.anchors()] == ["local", "own chain"]
    store.use_local()
    assert not store.signer().own and len(store.anchors()) == 1


def _bad(what: str) -> tuple[bytes, bytes]:
    key, other = KINDS["es256"](), KINDS["es256"]()
    leaf, root = outside_chain(key)
    pem = certificates.key_pem(key)
    _, strange_root = outside_chain(other)
    if what == "locked":
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            Encoding,
            PrivateFormat,
        )

        locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
        return leaf + root, locked
    weak = ec.generate_private_key(ec.SECP256K1())
    return {
        "other key": (leaf + root, certificates.key_pem(other)),
        "other root": (leaf + strange_root, pem),
        "no issuer": (leaf, pem),
        "expired": (b"".join(outside_chain(key, days=-0.5)), pem),
        "a root alone": (root + root, pem),
        "no certificate": (b"hello", pem),
        "no key": (leaf + root, b"hello"),
        "curve": (b"".join(outside_chain(weak)), certificates.key_pem(weak)),
        "many": ((leaf + root) * 20, pem),
    }[what]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("other key", "does not fit"),
        ("other root", "was not issued by"),
        ("no issuer", "without its issuer"),
        ("expired", "holds from"),
        ("a root alone", "does not fit"),
        ("no certificate", "in PEM form"),
        ("no key", "in PEM form"),
        ("locked", "password"),
        ("curve", "expected a key for"),
        ("many", "at most"),
    ],
)
def test_a_certificate_that_cannot_sign_is_refused(store: KeyStore, what: str, words: str) -> None:
    with pytest.raises(KeyStoreError, match=words):
        store.use(*_bad(what))
    assert not store.signer().own


def test_an_own_certificate_that_expired_is_said(store: KeyStore) -> None:
    key = KINDS["es256"]()
    store.use(b"".join(outside_chain(key, days=1)), certificates.key_pem(key))
    with pytest.raises(KeyStoreError, match="your own certificate"):
        KeyStore(store.folder, datetime.now(UTC) + timedelta(days=2)).signer()


def test_trust(store: KeyStore, tmp_path: Path) -> None:
    leaf, root = outside_chain(KINDS["es256"]())
    (tmp_path / "root.pem").write_bytes(root)
    (fingerprint,) = store.add_trust(tmp_path / "root.pem")
    store.add_trust(tmp_path / "root.pem")  # again changes nothing
    assert [a.origin for a in store.anchors()] == ["local", "added"]
    assert store.anchors()[1].fingerprint == fingerprint
    assert root.decode().strip() in store.trust_anchors_pem()
    with pytest.raises(UsageError, match="fits 0"):
        store.remove_trust("zz")
    with pytest.raises(UsageError):
        store.remove_trust("")
    assert store.remove_trust(fingerprint[:12].upper()) == fingerprint
    assert len(store.anchors()) == 1
    (tmp_path / "leaf.pem").write_bytes(leaf)
    for name, words in (("leaf.pem", "may not issue"), ("none.pem", "found none")):
        with pytest.raises(KeyStoreError, match=words):
            store.add_trust(tmp_path / name)


def test_a_swapped_trusted_certificate_is_refused(store: KeyStore, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(outside_chain(KINDS["es256"]())[1])
    (fingerprint,) = store.add_trust(tmp_path / "root.pem")
    (store.folder / "trust" / f"{fingerprint}.pem").write_bytes(outside_chain(KINDS["es256"]())[1])
    with pytest.raises(KeyStoreError, match="not its fingerprint"):
        store.trust_anchors_pem()
