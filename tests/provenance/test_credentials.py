"""Signing: every carrier, what the manifest says, and what it must never say."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from provenance.signing_kit import (
    JOB,
    SUBJECT,
    consent,
    drawn,
    making,
    outside_chain,
    signed,
)

from likeness.errors import KeyStoreError, OutputError
from likeness.provenance import certificates
from likeness.provenance.credentials import CARRIERS, can_carry, sign, sign_sidecar
from likeness.provenance.credentials_manifest import WITHHELD, manifest_of
from likeness.provenance.hard_binding import check_hard_binding
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Ingredient
from likeness.provenance.reading import Credentials, read_credentials

DRAWN = (
    *("image/jpeg", "image/png", "image/webp", "image/tiff", "image/gif", "image/avif"),
    *("video/mp4", "video/quicktime", "video/x-msvideo", "audio/mp4", "audio/wav", "audio/mpeg"),
    "audio/flac",
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore.create(tmp_path_factory.mktemp("config") / "keys")


def read(data: bytes, keys: KeyStore, sidecar: bytes | None = None) -> Credentials:
    return read_credentials(io.BytesIO(data), "", keys.trust_anchors_pem(), sidecar)


@pytest.mark.parametrize("media_type", DRAWN)
def test_every_carrier_is_signed_read_and_bound(keys: KeyStore, media_type: str) -> None:
    assert can_carry(media_type)
    data = signed(media_type, keys)
    found = read(data, keys)
    assert (found.present, found.intact, found.trusted) == (True, True, True), found.problems
    assert found.problems == () and found.job_id == JOB
    assert not read_credentials(io.BytesIO(drawn(media_type))).present
    if media_type != "image/gif":
        assert check_hard_binding(io.BytesIO(data)).matches


@pytest.mark.parametrize("media_type", DRAWN)
def test_a_change_in_any_carrier_is_noticed(keys: KeyStore, media_type: str) -> None:
    data = bytearray(signed(media_type, keys))
    original = drawn(media_type)
    pieces = (original[i : i + 20] for i in range(len(original) // 2, len(original) - 20))
    piece = next(p for p in pieces if len(set(p)) > 12)  # no padding, whose like lies elsewhere
    place = data.find(piece)
    assert place > 0
    data[place + 5] ^= 1
    found = read(bytes(data), keys)
    assert (found.present, found.intact) == (True, False) and found.problems
    if media_type != "image/gif":
        assert check_hard_binding(io.BytesIO(bytes(data))).matches is False


def test_every_name_of_a_carrier_is_known_to_the_library() -> None:
    import c2pa

    assert set(c2pa.Builder.get_supported_mime_types()) >= CARRIERS


@pytest.mark.parametrize("media_type", ["video/x-matroska", "image/bmp", "application/pdf", ""])
def test_what_cannot_carry_is_refused_and_the_sidecar_offered(
    keys: KeyStore, media_type: str
) -> None:
    assert not can_carry(media_type)
    with pytest.raises(OutputError, match="sidecar"):
        sign(io.BytesIO(b"x"), io.BytesIO(), media_type, making(), keys)


def test_a_sidecar_binds_its_file(keys: KeyStore) -> None:
    film = drawn("video/x-matroska")
    manifest = sign_sidecar(io.BytesIO(film), "video/x-matroska", making(), keys)
    found = read(film, keys, manifest)
    assert found.from_sidecar and found.job_id == JOB
    assert (found.present, found.intact, found.trusted) == (True, True, True)
    assert check_hard_binding(io.BytesIO(film), sidecar=manifest).matches
    changed = bytearray(film)
    changed[len(film) // 2] ^= 1
    assert read(bytes(changed), keys, manifest).intact is False
    assert check_hard_binding(io.BytesIO(bytes(changed)), sidecar=manifest).matches is False
    assert not read(film, keys).present


def test_a_file_that_is_not_what_it_says_is_a_typed_error(keys: KeyStore) -> None:
    for media_type in ("image/png", "image/jpeg", "video/mp4", "audio/wav"):
        with pytest.raises(OutputError, match="content credentials of"):
            sign(io.BytesIO(b"no such file"), io.BytesIO(), media_type, making(), keys)


def test_a_full_disk_is_a_typed_error(keys: KeyStore) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError):
        sign(io.BytesIO(drawn("image/png")), Full(), "image/png", making(), keys)


def test_keys_that_cannot_sign_are_said(tmp_path: Path) -> None:
    keys = KeyStore.create(tmp_path / "keys")
    (keys.folder / "leaf.key").chmod(0o644)
    with pytest.raises(KeyStoreError, match="0644"):
        sign(io.BytesIO(drawn("image/png")), io.BytesIO(), "image/png", making(), keys)


def test_a_composite_was_opened_and_edited(keys: KeyStore) -> None:
    found = read(signed("image/png", keys), keys)
    assert [a.name for a in found.actions] == ["c2pa.opened", "c2pa.edited"]
    assert found.digital_source == "compositeWithTrainedAlgorithmicMedia"
    assert found.actions[1].software == "autoencoder ae-1"
    assert (found.generator, found.weights) == ("autoencoder", "ae-1")
    assert found.claim_generator.startswith("Likeness ")
    assert [(i.name, i.relationship, i.sha256) for i in found.ingredients] == [
        ("footage.mp4", "parentOf", "ab" * 32),
        ("face.png", "inputTo", "cd" * 32),
    ]
    assert found.consent_ids == (keys.consent_id(consent()),)
    assert found.made_on is not None and found.made_on.isoformat() == "2026-11-22"
    assert found.signed_at == ""  # nobody vouches for the time


def test_wholly_generated_media_were_created(keys: KeyStore) -> None:
    told = making(digital_source="trainedAlgorithmicMedia", ingredients=())
    found = read(signed("image/jpeg", keys, told), keys)
    assert [a.name for a in found.actions] == ["c2pa.created"]
    assert found.digital_source == "trainedAlgorithmicMedia" and found.ingredients == ()


@pytest.mark.parametrize("job", [0, 1, 2**63, 2**64 - 1])
def test_all_64_bits_of_the_job_come_back(keys: KeyStore, job: int) -> None:
    assert read(signed("image/png", keys, making(job_id=job)), keys).job_id == job


def test_several_targets_have_one_parent(keys: KeyStore) -> None:
    parts = tuple(Ingredient(f"{n}.mp4", "ef" * 32, "video/mp4") for n in range(3))
    found = read(signed("image/png", keys, making(ingredients=parts)), keys)
    assert [i.relationship for i in found.ingredients] == ["parentOf", "componentOf", "componentOf"]
    assert found.intact and found.problems == ()


def test_no_name_and_no_place_in_a_signed_file(keys: KeyStore) -> None:
    told = making(
        weights="quatermain-7",
        ingredients=(
            Ingredient("/home/someone/secret/Zoë Quatermain talk.mp4", "ab" * 32, "video/mp4"),
            Ingredient("C:\\Users\\someone\\zoe_2.png", "cd" * 32, "image/png", "source"),
        ),
        settings={
            "out": "/home/someone/secret/out.mp4",
            "title": "portrait of ZOE",
            "note": "ZoeQuatermainFinal",
            "home": "~/secret/model",
            "seed": 3,
        },
    )
    for media_type in ("image/png", "video/mp4"):
        data = signed(media_type, keys, told)
        for hidden in ("quatermain", "zoë", "zoe", "someone", "secret", str(keys.folder), "/tmp"):
            for form in (hidden, hidden.upper(), hidden.title()):
                for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                    assert form.encode(encoding) not in data, (media_type, form)
        import getpass
        import platform

        assert platform.node().encode() not in data or len(platform.node()) < 4
        assert f"/{getpass.getuser()}/".encode() not in data


def test_redaction_spares_what_names_nobody() -> None:
    told = manifest_of(
        making(
            consents=(consent("Ann"),),
            settings={"blend": "planned", "for": "ann!", "n": "Ann2"},
            ingredients=(Ingredient("channel.mp4", "ab" * 32, "video/mp4"),),
        ),
        ["0" * 16],
        "1",
    )
    ours = next(a for a in told["assertions"] if a["label"] == "org.likeness.making")["data"]
    assert ours["settings"] == {"blend": "planned", "for": WITHHELD, "n": WITHHELD}
    assert told["ingredients"][0]["title"] == "channel.mp4"


def test_no_thumbnails(keys: KeyStore) -> None:
    import c2pa

    data = signed("image/png", keys)
    with c2pa.Reader("image/png", io.BytesIO(data)) as reader:
        assert "thumbnail" not in json.dumps(json.loads(reader.json()))
    assert data.count(b"\x89PNG") == 1 and b"c2pa.thumbnail" not in data
    assert len(data) - len(drawn("image/png")) < 6000


@pytest.mark.parametrize("kind", ["es384", "ed25519"])
def test_the_users_own_certificate_signs(tmp_path: Path, kind: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key = (
        ec.generate_private_key(ec.SECP384R1())
        if kind == "es384"
        else ed25519.Ed25519PrivateKey.generate()
    )
    keys = KeyStore.create(tmp_path / "keys")
    leaf, root = outside_chain(key)
    keys.use(leaf + root, certificates.key_pem(key))
    data = signed("image/png", keys)
    found = read(data, keys)
    assert found.trusted and found.issuer == "Harbour News" and found.problems == ()
    keys.use_local()
    stranger = read(data, keys)
    assert (stranger.intact, stranger.trusted) == (True, False)
    assert SUBJECT.encode() not in data
