"""Reading: three separate facts about anybody's credentials, offline, and never a crash."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import random
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from provenance.signing_kit import JOB, drawn, making, outside_chain, signed

from likeness.errors import LikenessError, LimitError
from likeness.provenance import certificates, credentials_report
from likeness.provenance.credentials_scan import find_traces
from likeness.provenance.hard_binding import check_hard_binding
from likeness.provenance.keys import KeyStore
from likeness.provenance.reading import Credentials, read_credentials

PNG_HEAD = 33  # signature and IHDR


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore.create(tmp_path_factory.mktemp("config") / "keys")


def read(data: bytes, anchors: str = "") -> Credentials:
    return read_credentials(io.BytesIO(data), "", anchors)


def facts(found: Credentials) -> tuple[bool, bool | None, bool | None]:
    return found.present, found.intact, found.trusted


def test_absence_is_no_suspicion() -> None:
    found = read(drawn("image/png"))
    assert found == Credentials(present=False) and facts(found) == (False, None, None)


def test_ordinary_files_never_load_the_library(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(drawn("image/png"))
    code = (
        "import sys; from likeness.provenance.reading import read_credentials; "
        "print(read_credentials(open(sys.argv[1], 'rb')).present, 'c2pa' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")], capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_round_trip_in_a_fresh_process(keys: KeyStore, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from likeness.provenance.keys import KeyStore; "
        "from likeness.provenance.reading import read_credentials as r; "
        "from likeness.provenance.hard_binding import check_hard_binding as h; "
        "k = KeyStore(Path(sys.argv[1])).trust_anchors_pem()\n"
        "for p in sys.argv[2:]:\n"
        "    f = open(p, 'rb'); c = r(f, '', k); print(c.present, c.intact, c.trusted, c.job_id, h(f).matches)"
    )
    paths = []
    for media_type in ("image/jpeg", "image/png", "image/webp", "video/mp4", "audio/wav"):
        paths.append(tmp_path / media_type.replace("/", "."))
        paths[-1].write_bytes(signed(media_type, keys))
    command = [sys.executable, "-c", code, str(keys.folder), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [f"True True True {JOB} True"] * 5, done.stderr


def test_trust_is_apart_from_integrity(keys: KeyStore, tmp_path: Path) -> None:
    data = signed("image/jpeg", keys)
    stranger = KeyStore.create(tmp_path / "other")
    assert facts(read(data, keys.trust_anchors_pem())) == (True, True, True)
    for anchors in ("", stranger.trust_anchors_pem()):
        found = read(data, anchors)
        assert facts(found) == (True, True, False)
        assert "leads to none that you trust (signingCredential.untrusted)" in found.problems[0]
    (tmp_path / "root.pem").write_bytes((keys.folder / "root.pem").read_bytes())
    stranger.add_trust(tmp_path / "root.pem")
    assert facts(read(data, stranger.trust_anchors_pem())) == (True, True, True)


def test_an_intermediate_can_be_trusted(keys: KeyStore) -> None:
    intermediate = (keys.folder / "intermediate.pem").read_text()
    assert facts(read(signed("image/png", keys), intermediate)) == (True, True, True)


@pytest.mark.parametrize(
    ("where", "expected", "words"),
    [
        (b"IDAT", (True, False, True), "changed after it was signed (assertion.dataHash"),
        (b"autoencoder", (True, False, True), "a statement of the credentials was changed"),
        (b"jumd", (True, False, False), "damaged and cannot be read"),
        (b"made_on", (True, False, True), "a statement of the credentials was changed"),
    ],
)
def test_tampering(keys: KeyStore, where: bytes, expected: tuple[bool, ...], words: str) -> None:
    data = bytearray(signed("image/png", keys))
    data[data.find(where) + (20 if where == b"IDAT" else 0)] ^= 1
    found = read(bytes(data), keys.trust_anchors_pem())
    assert facts(found) == expected and any(words in p for p in found.problems), found.problems


def test_a_forged_signature_is_neither_intact_nor_trusted(keys: KeyStore) -> None:
    data = bytearray(signed("image/png", keys))
    place = data.find(b"claim_generator_info")  # inside the signed claim
    data[data.find(b"Likeness", place) + 2] ^= 1
    found = read(bytes(data), keys.trust_anchors_pem())
    assert facts(found) == (True, False, False)
    assert any("claimSignature.mismatch" in p for p in found.problems)


def test_a_manifest_of_another_picture(keys: KeyStore) -> None:
    data = signed("image/png", keys)
    size = struct.unpack(">I", data[PNG_HEAD : PNG_HEAD + 4])[0] + 12
    assert data[PNG_HEAD + 4 : PNG_HEAD + 8] == b"caBX"
    from media.drawn_media import encode_picture, picture

    other = encode_picture(picture(3, (96, 64)), "PNG")
    moved = other[:PNG_HEAD] + data[PNG_HEAD : PNG_HEAD + size] + other[PNG_HEAD:]
    assert facts(read(moved, keys.trust_anchors_pem())) == (True, False, True)


def test_an_expired_signer_is_intact_and_not_trusted(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    keys = KeyStore.create(tmp_path / "keys")
    leaf, root = outside_chain(key, days=2.5 / 86400)
    keys.use(leaf + root, certificates.key_pem(key))
    data, anchors = signed("image/png", keys), keys.trust_anchors_pem()
    assert facts(read(data, anchors)) == (True, True, True)
    time.sleep(4)  # certificates end on whole seconds, and the last one still counts
    found = read(data, anchors)
    assert facts(found) == (True, True, False)
    assert any("has expired" in problem for problem in found.problems), found.problems


class _Counting(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


def test_nothing_is_fetched(keys: KeyStore) -> None:
    """A manifest that lies on a server is named and not asked for."""
    import c2pa

    server = http.server.HTTPServer(("127.0.0.1", 0), _Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/remote.c2pa"
    signer = keys.signer()
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.chain_pem, signer.key_pem, None)
    out = io.BytesIO()
    with c2pa.Builder({"claim_generator_info": [{"name": "x", "version": "1"}]}) as builder:
        builder.set_intent(
            c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CAPTURE
        )
        builder.set_remote_url(address)
        builder.set_no_embed()
        builder.sign(
            c2pa.Signer.from_info(info), "image/jpeg", io.BytesIO(drawn("image/jpeg")), out
        )
    try:
        found = read(out.getvalue(), keys.trust_anchors_pem())
        assert found.remote == address and not found.present
        assert _Counting.asked == []
        with contextlib.suppress(
            c2pa.C2paError
        ):  # the library by itself would ask: the test can fail
            c2pa.Reader("image/jpeg", io.BytesIO(out.getvalue()))
        assert _Counting.asked
    finally:
        server.shutdown()


def test_somebody_elses_edit_of_ours(keys: KeyStore, tmp_path: Path) -> None:
    """Re-signed with ours as an ingredient: the new signer is reported, and what went in still says generated."""
    ours = signed("image/png", keys)
    other = KeyStore.create(tmp_path / "other")
    data = _resigned(ours, other)
    found = read(data, other.trust_anchors_pem())
    assert facts(found) == (True, True, True) and found.job_id is None
    assert found.digital_sources == ()
    (part,) = found.ingredients
    assert part.issuer.startswith("Likeness")
    assert part.digital_sources == ("compositeWithTrainedAlgorithmicMedia",)


def _resigned(data: bytes, keys: KeyStore, copies: int = 1) -> bytes:
    import c2pa

    ids = [f"i{n}" for n in range(copies)]
    actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ids[:1]}}]
    if copies > 1:
        actions.append({"action": "c2pa.placed", "parameters": {"ingredientIds": ids[1:]}})
    definition = {
        "claim_generator_info": [{"name": "x", "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    signer, out = keys.signer(), io.BytesIO()
    info = c2pa.C2paSignerInfo(signer.algorithm, signer.chain_pem, signer.key_pem, None)
    with c2pa.Builder(definition) as builder:
        for number, name in enumerate(ids):
            told = {"title": "p", "instance_id": name, "label": name}
            told["relationship"] = "componentOf" if number else "parentOf"
            builder.add_ingredient(json.dumps(told), "image/png", io.BytesIO(data))
        builder.sign(c2pa.Signer.from_info(info), "image/png", io.BytesIO(data), out)
    return out.getvalue()


def test_many_ingredients_below_each_other_are_read_in_time(keys: KeyStore) -> None:
    data = signed("image/png", keys)
    for _ in range(8):  # 2 ** 8 paths, 9 manifests
        data = _resigned(data, keys, copies=2)
    start = time.monotonic()
    found = read(data, keys.trust_anchors_pem())
    assert found.present and time.monotonic() - start < 10


def _png_with_store(store: bytes) -> bytes:
    plain = drawn("image/png")
    chunk = struct.pack(">I", len(store)) + b"caBX" + store + b"\0\0\0\0"
    return plain[:PNG_HEAD] + chunk + plain[PNG_HEAD:]


def _superbox(label: bytes, kind: bytes, *content: bytes) -> bytes:
    uuid = kind + bytes.fromhex("00110010800000aa00389b71")
    described = uuid + b"\3" + label + b"\0"
    inside = struct.pack(">I", len(described) + 8) + b"jumd" + described + b"".join(content)
    return struct.pack(">I", len(inside) + 8) + b"jumb" + inside


def test_bombs_are_bounded_and_not_checked() -> None:
    many = _superbox(b"c2pa", b"c2pa", *(_superbox(b"m%d" % n, b"c2ma") for n in range(300)))
    huge = _superbox(b"c2pa", b"c2pa", b"\0" * (17 << 20))
    cbor = struct.pack(">I", 17) + b"cbor" + b"\x9a\x7f\xff\xff\xff\x01\x02\x03\x04"
    count = _superbox(b"c2pa", b"c2pa", _superbox(b"m", b"c2ma", _superbox(b"x", b"cbor", cbor)))
    for store in (many, huge, count):
        start = time.monotonic()
        found = read(_png_with_store(store))
        assert facts(found) == (True, None, None), found
        assert found.problems[0].startswith("not checked")
        assert time.monotonic() - start < 2
    with pytest.raises(LimitError):
        check_hard_binding(io.BytesIO(_png_with_store(huge)))


def test_random_bytes_where_a_manifest_should_be() -> None:
    rng = random.Random(4)
    for length in (0, 1, 7, 40, 5000):
        noise = rng.randbytes(length)
        for store in (noise, b"\0\0\0\0jumb" + noise, _superbox(b"c2pa", b"c2pa", noise)):
            found = read(_png_with_store(store))
            assert not found.intact and not found.trusted


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp", "video/mp4"])
def test_damaged_files_give_facts(keys: KeyStore, media_type: str) -> None:
    whole = signed(media_type, keys)
    anchors = keys.trust_anchors_pem()
    rng = random.Random(5)
    for turn in range(60):
        data = bytearray(whole)
        place = rng.randrange(len(data))
        if turn % 3 == 0:
            del data[place:]
        elif turn % 3 == 1:
            data[place : place + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        else:
            data[place:place] = rng.randbytes(20)
        found = read(bytes(data), anchors)  # never raises
        if bytes(data) != whole and turn % 3 != 1:
            assert not found.intact
        with contextlib.suppress(LikenessError):
            check_hard_binding(io.BytesIO(bytes(data)))


def test_the_quick_look_crosses_block_borders() -> None:
    for shift in range(-5, 6):
        data = b"x" * ((1 << 18) + shift) + b"jumb" + b"y" * 100
        assert find_traces(io.BytesIO(data)).manifest
    assert not find_traces(io.BytesIO(b"jum" + b"x" * (3 << 20) + b"umb")).manifest
    assert find_traces(io.BytesIO(b"ID3" + b"x" * 50)).manifest  # its frames may be compressed


def test_a_report_of_strange_shape_says_nothing() -> None:
    for store in (
        None,
        [],
        {},
        {"manifests": [1]},
        {"active_manifest": "a", "manifests": {"a": 3}},
    ):
        told = credentials_report.facts_of(store)
        assert told["intact"] is False and told["trusted"] is False
    looped = {"ingredients": [{"active_manifest": "a"}], "assertions": "x"}
    told = credentials_report.facts_of({"active_manifest": "a", "manifests": {"a": looped}})
    assert len(told["ingredients"]) == 1


def test_text_of_a_manifest_is_cleaned(keys: KeyStore) -> None:
    told = making(generator="evil\x1b[31m\n" + "x" * 500)
    found = read(signed("image/png", keys, told), keys.trust_anchors_pem())
    assert "\x1b" not in found.generator and "\n" not in found.generator
    assert len(found.generator) <= 200
