"""Our own recomputation of the hash that ties a manifest to its file, independent of the C2PA library.

It answers one question only: are these the bytes that the manifest speaks of? It checks no signature and trusts nobody;
that is `reading`'s part. What it leaves out of the hash it lists: flips there go unnoticed by any reader.

Hashes: C2PA specification 2.2, sections 18.5 (c2pa.hash.data) and 18.7 (c2pa.hash.bmff.v2 and v3).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from likeness.errors import MediaError
from likeness.provenance.hard_binding_jumbf import Store
from likeness.provenance.hard_binding_stores import (
    Box,
    FoundStore,
    locate_store,
    read_at,
    top_boxes,
)

MOST_STORE_BYTES: Final = 16 << 20
_ALGORITHMS = {"sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}
_BLOCK, _MOST_RULES = 1 << 20, 100
_UNDERSTOOD = {"xpath", "data", "length", "version", "flags", "exact", "subset"}


@dataclass(frozen=True)
class Excluded:
    """Bytes start <= i < end of the file that the hash leaves out, and why in a few words."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True)
class HardBinding:
    """What the manifest says the file's hash is, and what it is.

    Attributes:
        matches: whether both agree; None where this reader does not know the manner of hashing (`note` says why).
        label: name of the assertion, such as c2pa.hash.data.
        algorithm: sha256, sha384 or sha512.
        stored: the hash in the manifest, hex.
        computed: the hash of the file, hex; empty if not computed.
        excluded: what the hash leaves out, in order of place.
        note: why it was not computed.
    """

    matches: bool | None
    label: str
    algorithm: str
    stored: str
    computed: str
    excluded: tuple[Excluded, ...]
    note: str = ""


def check_hard_binding(
    file: BinaryIO, media_type: str = "", sidecar: bytes | None = None
) -> HardBinding:
    """Recompute the hash that the active manifest of a file states.

    Args:
        file: readable and seekable.
        media_type: for the messages only; the container is found out from the bytes.
        sidecar: bytes of a manifest store that lies beside the file; used instead of one inside.

    Raises:
        MediaError: there is no manifest, or it is damaged.
        LimitError: it is larger or deeper than any honest one.
    """
    what = f"credentials of the {media_type} file" if media_type else "credentials"
    found = (
        locate_store(file, MOST_STORE_BYTES)
        if sidecar is None
        else FoundStore(sidecar, (), "sidecar")
    )
    if found is None:
        raise MediaError(f"{what}: expected a manifest, found none")
    store = Store(found.data)
    active = store.manifests[-1]
    assertions = store.assertions(active)
    for label, data in assertions.items():
        if not isinstance(data, dict):
            raise MediaError(f"{what}: {label} is damaged")
        if label == "c2pa.hash.data":
            return _compared(label, data, store.algorithm(active), _data_ranges(file, data))
        if label in ("c2pa.hash.bmff.v2", "c2pa.hash.bmff.v3"):
            return _bmff(file, label, data, store.algorithm(active))
    names = ", ".join(assertions) or "no hash assertion"
    return HardBinding(None, "", "", "", "", (), f"a manner of hashing not known here: {names}")


_Piece = tuple[bytes, BinaryIO, int, int]
"""Bytes that are hashed first, then those of the file from a start to an end."""


def _data_ranges(file: BinaryIO, data: dict[str, Any]) -> tuple[list[_Piece], list[Excluded]]:
    size = file.seek(0, os.SEEK_END)
    pieces: list[_Piece] = []
    excluded: list[Excluded] = []
    place = 0
    for start, length in sorted(_exclusions(data)):
        if start < place or start + length > size:
            raise MediaError("credentials: the excluded ranges overlap or leave the file")
        pieces.append((b"", file, place, start))
        place = start + length
        excluded.append(Excluded(start, place, "the manifest itself"))
    pieces.append((b"", file, place, size))
    return pieces, excluded


def _exclusions(data: dict[str, Any]) -> Iterable[tuple[int, int]]:
    given = data.get("exclusions") or []
    if not isinstance(given, list):
        raise MediaError("credentials: the excluded ranges are damaged")
    for part in given:
        start = part.get("start") if isinstance(part, dict) else None
        length = part.get("length") if isinstance(part, dict) else None
        if not isinstance(start, int) or not isinstance(length, int) or min(start, length) < 0:
            raise MediaError("credentials: an excluded range is damaged")
        yield start, length


def _bmff(file: BinaryIO, label: str, data: dict[str, Any], algorithm: str) -> HardBinding:
    """Every box that is not excluded: its place in the file as 8 bytes, then all its bytes."""
    rules = data.get("exclusions") or []
    unknown = "hashes of fragments (merkle)" if data.get("merkle") else _unknown_rule(rules)
    if unknown:
        stored = data.get("hash")
        text = stored.hex() if isinstance(stored, bytes) else ""
        return HardBinding(None, label, algorithm, text, "", (), f"not recomputed: {unknown}")
    pieces: list[_Piece] = []
    excluded: list[Excluded] = []
    for box in top_boxes(file, file.seek(0, os.SEEK_END)):
        rule = next((r for r in rules if _applies(file, box, r)), None)
        if rule is None:
            pieces.append((box.start.to_bytes(8, "big"), file, box.start, box.end))
        else:
            excluded.append(Excluded(box.start, box.end, f"box {rule['xpath']}"))
    return _compared(label, data, algorithm, (pieces, excluded))


def _unknown_rule(rules: Any) -> str:
    """Why the rules of exclusion cannot be followed here; empty if they can."""
    if not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
        raise MediaError("credentials: the rules of exclusion are damaged")
    if len(rules) > _MOST_RULES or not all(isinstance(r.get("data") or [], list) for r in rules):
        raise MediaError("credentials: the rules of exclusion are too many or damaged")
    for rule in rules:
        path = rule.get("xpath")
        if not isinstance(path, str) or len(path.lstrip("/")) != 4 or path.count("/") != 1:
            return f"an exclusion inside of a box ({str(path)[:40]!r})"
        if set(rule) - _UNDERSTOOD or any(
            rule.get(k) is not None for k in ("version", "flags", "subset")
        ):
            return "an exclusion by version, flags or part of a box"
    return ""


def _applies(file: BinaryIO, box: Box, rule: dict[str, Any]) -> bool:
    if rule["xpath"][1:].encode("latin-1", "replace") != box.kind:
        return False
    if rule.get("length") is not None and rule["length"] != box.end - box.start:
        return False
    for part in rule.get("data") or []:
        value = part.get("value") if isinstance(part, dict) else None
        offset = part.get("offset") if isinstance(part, dict) else None
        if not isinstance(value, bytes) or not isinstance(offset, int) or offset < 0:
            raise MediaError("credentials: a rule of exclusion is damaged")
        if read_at(file, box.start + offset, len(value)) != value:
            return False
    return True


def _compared(
    label: str,
    data: dict[str, Any],
    claimed: str,
    parts: tuple[list[_Piece], list[Excluded]],
) -> HardBinding:
    algorithm, stored = str(data.get("alg") or claimed), data.get("hash")
    if algorithm not in _ALGORITHMS or not isinstance(stored, bytes):
        raise MediaError(
            f"credentials: {label} states no hash of a known kind ({algorithm[:20]!r})"
        )
    digest = hashlib.new(_ALGORITHMS[algorithm])
    for before, file, start, end in parts[0]:
        digest.update(before)
        file.seek(start)
        left = end - start
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            digest.update(block)
            left -= len(block)
    computed = digest.digest()
    return HardBinding(
        matches=computed == stored,
        label=label,
        algorithm=algorithm,
        stored=stored.hex(),
        computed=computed.hex(),
        excluded=tuple(parts[1]),
    )
