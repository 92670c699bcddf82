"""Signed reports: every single bit counts, and trust is what `likeness keys trust` says."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from likeness.errors import DataError
from likeness.provenance.keys import KeyStore
from likeness.provenance.report_signature import check_report, sign_report

JSON = (
    b'{\n "schema": "likeness-report/1",\n "results": [{"label": "inconclusive", "llr": 0.25}]\n}\n'
)
HTML = b"<!doctype html>\n<html lang=en><title>Report</title><p>Inconclusive.</p></html>\n"
REPORTS = {"json": JSON, "html": HTML}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore.create(tmp_path_factory.mktemp("mine") / "keys")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return KeyStore.create(tmp_path_factory.mktemp("theirs") / "keys")


@pytest.mark.parametrize("kind", REPORTS)
def test_signed_is_untouched_and_still_a_report(keys: KeyStore, kind: str) -> None:
    signed = sign_report(REPORTS[kind], keys)
    found = check_report(signed, keys)
    assert found.state == "untouched"
    assert found.signer == keys.signer().name and found.signer in found.sentence
    assert found.signed is not None and datetime.now(UTC) - found.signed < timedelta(minutes=1)
    if kind == "json":
        value = json.loads(signed)
        assert value.pop("signature").startswith("likeness-signature-1 ")
        assert value == json.loads(JSON)
    else:
        assert signed.startswith(HTML.rstrip())


@pytest.mark.parametrize("kind", REPORTS)
def test_every_single_bit_counts(keys: KeyStore, kind: str) -> None:
    signed = sign_report(REPORTS[kind], keys)
    body = len(REPORTS[kind])
    places = [*range(8 * body), *random.Random(4).sample(range(8 * body, 8 * len(signed)), 1500)]
    for place in places:
        changed = bytearray(signed)
        changed[place // 8] ^= 1 << place % 8
        state = check_report(bytes(changed), keys).state
        assert state in ("altered", "unsigned"), (place, state)


@pytest.mark.parametrize("kind", REPORTS)
def test_what_is_cut_or_added_counts(keys: KeyStore, kind: str) -> None:
    signed = sign_report(REPORTS[kind], keys)
    for changed in (
        signed + b" ",
        signed + b"<script></script>",
        b" " + signed,
        signed[:-1],
        signed.replace(b"\n", b"\r\n"),
        signed[: len(REPORTS[kind]) // 2] + signed[len(REPORTS[kind]) // 2 + 1 :],
        signed + signed,
    ):
        assert check_report(changed, keys).state == "altered"
    assert check_report(REPORTS[kind], keys).state == "unsigned"


def test_a_signature_does_not_fit_another_report(keys: KeyStore) -> None:
    one, two = sign_report(HTML, keys), sign_report(HTML.replace(b"Inc", b"C"), keys)
    line = one.index(b"<!-- likeness")
    assert check_report(two[: two.index(b"<!-- likeness")] + one[line:], keys).state == "altered"


def test_time_and_chain_are_covered(keys: KeyStore, others: KeyStore) -> None:
    signed = sign_report(HTML, keys, datetime(2026, 3, 1, tzinfo=UTC))
    later = signed.replace(b"signed=2026-03-01", b"signed=2026-04-01")
    assert later != signed
    assert check_report(later, keys).state == "altered"
    mine, theirs = (
        s.split(b"chain=")[1].split(b" ")[0] for s in (signed, sign_report(HTML, others))
    )
    assert check_report(signed.replace(mine, theirs), others).state == "altered"


def test_trust_is_asked_of_the_key_store(keys: KeyStore, others: KeyStore, tmp_path: Path) -> None:
    signed = sign_report(JSON, others)
    for judge in (keys, None):
        found = check_report(signed, judge)
        assert found.state == "unknown_key"
        assert found.signer == others.signer().name
    root = tmp_path / "root.pem"
    root.write_bytes((others.folder / "root.pem").read_bytes())
    (fingerprint,) = keys.add_trust(root)
    assert check_report(signed, keys).state == "untouched"
    keys.remove_trust(fingerprint)
    assert check_report(signed, keys).state == "unknown_key"


def test_a_certificate_that_did_not_hold_is_not_trusted(keys: KeyStore) -> None:
    leaf = keys.signer().expires
    for moment in (datetime(2020, 1, 1, tzinfo=UTC), leaf + timedelta(days=1)):
        assert check_report(sign_report(JSON, keys, moment), keys).state == "unknown_key"
    assert check_report(sign_report(JSON, keys, leaf), keys).state == "untouched"


def test_a_file_may_be_called_like_the_line(keys: KeyStore) -> None:
    named = JSON.replace(b"inconclusive", b"likeness-signature-1 signed=now.png")
    assert check_report(sign_report(named, keys), keys).state == "untouched"


def test_refuses_what_is_no_report(keys: KeyStore) -> None:
    for wrong in (b"", b"{", b"{}", b"[1]", b"PK\x03\x04", sign_report(JSON, keys)):
        with pytest.raises(DataError, match="report: expected"):
            sign_report(wrong, keys)


@pytest.mark.parametrize(
    "noise",
    [
        b"chain=AAAA value=" + b"0" * 128,
        b"chain=.... value=" + b"0" * 64,
        b"chain==== value=" + b"f" * 64,
        b"chain=" + b"A" * 70000 + b" value=" + b"0" * 64,
    ],
)
def test_nonsense_in_the_line_is_no_crash(keys: KeyStore, noise: bytes) -> None:
    line = b"<!-- likeness-signature-1 signed=2026-01-01T00:00:00+00:00 " + noise + b" -->\n"
    assert check_report(HTML + line, keys).state == "altered"
