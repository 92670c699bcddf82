"""Our own recomputation of the hash: right on files of the library, strict about rules, bounded on hostile bytes."""

from __future__ import annotations

import hashlib
import io
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provenance.signing_kit import drawn, signed

from likeness.errors import LikenessError, LimitError, MediaError
from likeness.provenance.hard_binding import check_hard_binding
from likeness.provenance.hard_binding_jumbf import Store, decode_cbor
from likeness.provenance.hard_binding_stores import C2PA_BOX, locate_store, top_boxes
from likeness.provenance.keys import KeyStore


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore.create(tmp_path_factory.mktemp("config") / "keys")


def check(data: bytes):
    return check_hard_binding(io.BytesIO(data))


def test_a_data_hash_by_hand(keys: KeyStore) -> None:
    data = signed("image/png", keys)
    found = check(data)
    (hole,) = found.excluded
    assert found.label == "c2pa.hash.data" and found.algorithm == "sha256" and found.matches
    expected = hashlib.sha256(data[: hole.start] + data[hole.end :]).hexdigest()
    assert found.computed == found.stored == expected
    assert data[hole.start + 4 : hole.start + 8] == b"caBX"


def test_a_box_hash_by_hand(keys: KeyStore) -> None:
    data = signed("video/mp4", keys)
    found = check(data)
    assert found.label == "c2pa.hash.bmff.v3" and found.matches
    digest = hashlib.sha256()
    for box in top_boxes(io.BytesIO(data), len(data)):
        if box.kind in (b"mdat", b"moov"):
            digest.update(struct.pack(">Q", box.start) + data[box.start : box.end])
    assert found.computed == digest.hexdigest()
    assert {e.reason for e in found.excluded} == {"box /ftyp", "box /uuid", "box /free"}


def test_every_byte_of_a_small_file_is_in_the_hash_or_in_the_list(keys: KeyStore) -> None:
    data = signed("image/jpeg", keys)
    holes = check(data).excluded
    for place in range(0, len(data), 17):
        changed = bytearray(data)
        changed[place] ^= 0x10
        try:
            noticed = check(bytes(changed)).matches is not True
        except LikenessError:
            noticed = True
        assert noticed or any(e.start <= place < e.end for e in holes), place


def test_a_moved_box_is_noticed(keys: KeyStore) -> None:
    """The place of every box is part of the hash: eight bytes of padding in front of the sound and picture data."""
    data = signed("video/mp4", keys)
    boxes = {b.kind: b for b in top_boxes(io.BytesIO(data), len(data))}
    place = boxes[b"mdat"].start
    moved = data[:place] + struct.pack(">I4s", 8, b"free") + data[place:]
    assert check(moved).matches is False


def test_no_manifest_is_a_typed_error() -> None:
    for media_type in (
        "image/png",
        "image/jpeg",
        "image/webp",
        "video/mp4",
        "audio/wav",
        "image/tiff",
    ):
        with pytest.raises(MediaError, match="found none"):
            check(drawn(media_type))


def _superbox(label: bytes, kind: bytes, *content: bytes) -> bytes:
    uuid = kind + bytes.fromhex("00110010800000aa00389b71")
    described = uuid + b"\3" + label + b"\0"
    inside = struct.pack(">I", len(described) + 8) + b"jumd" + described + b"".join(content)
    return struct.pack(">I", len(inside) + 8) + b"jumb" + inside


def _store(label: bytes, cbor: bytes) -> bytes:
    box = struct.pack(">I", len(cbor) + 8) + b"cbor" + cbor
    assertion = _superbox(label, b"cbor", box)
    return _superbox(
        b"c2pa",
        b"c2pa",
        _superbox(b"m", b"c2ma", _superbox(b"c2pa.assertions", b"c2as", assertion)),
    )


def _cbor(value: object) -> bytes:
    def head(major: int, count: int) -> bytes:
        return bytes([major << 5 | 26]) + struct.pack(">I", count)

    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(_cbor, value))
    assert isinstance(value, dict)
    return head(5, len(value)) + b"".join(_cbor(k) + _cbor(v) for k, v in value.items())


def _sidecar(file: bytes, label: str, **assertion: object):
    store = _store(label.encode(), _cbor(assertion))
    return check_hard_binding(io.BytesIO(file), sidecar=store)


def test_hashes_of_other_lengths() -> None:
    for name in ("sha256", "sha384", "sha512"):
        digest = hashlib.new(name, b"abcf").digest()
        found = _sidecar(
            b"abcdef",
            "c2pa.hash.data",
            alg=name,
            hash=digest,
            exclusions=[{"start": 3, "length": 2}],
        )
        assert found.matches and found.algorithm == name
        assert [(e.start, e.end) for e in found.excluded] == [(3, 5)]


@pytest.mark.parametrize(
    "exclusions",
    [
        [{"start": 0, "length": 3}, {"start": 2, "length": 2}],
        [{"start": 0, "length": 99}],
        [{"start": "0", "length": 3}],
        [{"length": 3}],
        ["x"],
        {"start": 0},
    ],
)
def test_impossible_exclusions_are_refused(exclusions: object) -> None:
    digest = hashlib.sha256(b"").digest()
    with pytest.raises(MediaError):
        _sidecar(b"abcdef", "c2pa.hash.data", alg="sha256", hash=digest, exclusions=exclusions)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "", "shake_128"])
def test_weak_and_unknown_hashes_are_refused(algorithm: str) -> None:
    with pytest.raises(MediaError, match="no hash of a known kind"):
        _sidecar(b"abcdef", "c2pa.hash.data", alg=algorithm, hash=b"x" * 32)


def test_what_is_not_understood_is_not_called_a_match() -> None:
    for label, more in (
        ("c2pa.hash.boxes", {}),
        ("c2pa.hash.bmff", {}),
        ("c2pa.hash.bmff.v3", {"merkle": [{"count": 1}]}),
        ("c2pa.hash.bmff.v3", {"exclusions": [{"xpath": "/moov/trak"}]}),
        ("c2pa.hash.bmff.v3", {"exclusions": [{"xpath": "/mdat", "subset": [{"offset": 0}]}]}),
    ):
        found = _sidecar(drawn("video/mp4"), label, alg="sha256", hash=b"x" * 32, **more)
        assert found.matches is None and found.note and not found.computed


def test_rules_about_boxes_are_followed() -> None:
    film = drawn("video/mp4")
    boxes = list(top_boxes(io.BytesIO(film), len(film)))
    kinds = [box.kind for box in boxes]
    mdat = boxes[kinds.index(b"mdat")]

    def excluded(rule: dict[str, object]) -> set[str]:
        found = _sidecar(film, "c2pa.hash.bmff.v2", alg="sha256", hash=b"x" * 32, exclusions=[rule])
        return {e.reason for e in found.excluded}

    begins = [{"offset": 4, "value": b"mdat"}]
    assert excluded({"xpath": "/mdat", "length": mdat.end - mdat.start}) == {"box /mdat"}
    assert excluded({"xpath": "/mdat", "length": 7}) == set()
    assert excluded({"xpath": "/mdat", "data": begins}) == {"box /mdat"}
    assert excluded({"xpath": "/mdat", "data": [{"offset": 4, "value": b"moov"}]}) == set()
    with pytest.raises(MediaError):
        excluded({"xpath": "/mdat", "data": ["x"]})


def test_a_manifest_over_several_segments_of_a_jpeg() -> None:
    store = _store(
        b"c2pa.hash.data", _cbor({"alg": "sha256", "hash": b"x" * 32, "pad": b"\0" * 150_000})
    )
    parts, rest = [], store[8:]
    for number in range(0, len(rest), 60_000):
        body = (
            b"JP\0\1"
            + struct.pack(">I", number // 60_000 + 1)
            + store[:8]
            + rest[number : number + 60_000]
        )
        parts.append(b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body)
    plain = drawn("image/jpeg")
    found = locate_store(io.BytesIO(plain[:2] + b"".join(parts) + plain[2:]), 1 << 20)
    assert found is not None and found.data == store and len(found.ranges) == 3


def test_only_a_c2pa_box_is_looked_into() -> None:
    film, store = drawn("video/mp4"), _store(b"c2pa.hash.data", _cbor({}))
    body = b"\0\0\0\0manifest\0" + b"\0" * 8 + store
    for kind, there in ((C2PA_BOX, True), (b"x" * 16, False)):
        box = struct.pack(">I", len(body) + 24) + b"uuid" + kind + body
        found = locate_store(io.BytesIO(film + box), 1 << 20)
        assert (found is not None and found.data.startswith(store)) is there


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_cbor_of_any_bytes(data: bytes) -> None:
    try:
        decode_cbor(data)
    except MediaError:
        return


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x18\x64", 100),
        (b"\x39\x01\xf3", -500),
        (b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", 1.1),
        (b"\xf9\x3c\x00", 1.0),
        (b"\x82\x01\x82\x02\x03", [1, [2, 3]]),
        (b"\xbf\x61a\x01\x61b\x9f\x02\x03\xff\xff", {"a": 1, "b": [2, 3]}),
        (b"\x5f\x42\x01\x02\x41\x03\xff", b"\1\2\3"),
        (b"\xc0\x61x", "x"),
        (b"\xf4", False),
        (b"\xf6", None),
    ],
)
def test_cbor_of_the_standard(data: bytes, value: object) -> None:
    assert decode_cbor(data) == value  # RFC 8949, appendix A


@pytest.mark.parametrize(
    "data",
    [
        b"\x9b" + b"\x7f" * 8,
        b"\x81" * 5000,
        b"\x5f\x01\xff",
        b"\xa1\x80\x01",
        b"\x1c",
        b"\x9f" * 40,
        b"",
    ],
)
def test_cbor_bombs(data: bytes) -> None:
    with pytest.raises(MediaError):
        decode_cbor(data)


def test_stores_are_bounded() -> None:
    deep = b""
    for _ in range(3000):
        deep = _superbox(b"x", b"c2ma", deep)
    Store(_superbox(b"c2pa", b"c2pa", deep)).check_counts()
    with pytest.raises(LimitError, match="manifests"):
        Store(_superbox(b"c2pa", b"c2pa", _superbox(b"m", b"c2ma") * 300))
    boxes = struct.pack(">I4s", 8, b"free") * 30_000
    with pytest.raises(LimitError, match="boxes"):
        Store(_superbox(b"c2pa", b"c2pa", _superbox(b"m", b"c2ma"), boxes))


@pytest.mark.parametrize(
    "media_type", ["image/jpeg", "image/png", "image/webp", "image/avif", "audio/wav"]
)
def test_mutated_files_give_answers_or_typed_errors(keys: KeyStore, media_type: str) -> None:
    whole, rng = signed(media_type, keys), random.Random(2)
    for _ in range(250):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(min(len(data), 6000))
            data[place : place + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 6))
        try:
            check(bytes(data))
        except LikenessError:
            continue
