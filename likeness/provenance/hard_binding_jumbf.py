"""JUMBF boxes and CBOR of a manifest store, as far as a hash assertion needs them: bounded in depth, count and size.

Independent of the C2PA library on purpose: two readers that agree are worth more than one.
Sources: ISO/IEC 19566-5 (JUMBF), RFC 8949 (CBOR), C2PA specification 2.2, section 11.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from likeness.errors import LimitError, MediaError

MOST_BOXES: Final = 20_000
MOST_MANIFESTS: Final = 200
_MOST_DEPTH = 8
_MOST_ITEMS, _MOST_NESTING = 200_000, 32
_C2PA_UUID = bytes.fromhex("63327061001100108000 00aa00389b71".replace(" ", ""))
_MANIFEST_KINDS = (b"c2ma", b"c2um", b"c2cm")


@dataclass(frozen=True)
class Superbox:
    """A described JUMBF box.

    Attributes:
        kind: first four bytes of its type, such as c2ma for a manifest.
        label: its name.
        start: where its content boxes start in the store.
        end: where they end.
    """

    kind: bytes
    label: str
    start: int
    end: int


class Store:
    """A manifest store.

    Raises:
        MediaError: not a manifest store.
        LimitError: more boxes or manifests than any honest file has.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._boxes_left = MOST_BOXES
        outer = next(iter(self._children(0, len(data))), None)
        if outer is None or outer.label != "c2pa":
            raise MediaError("credentials: expected a C2PA manifest store, got other data")
        manifests = (b for b in self._children(outer.start, outer.end) if b.kind in _MANIFEST_KINDS)
        self.manifests: tuple[Superbox, ...] = ()
        for box in manifests:
            self.manifests += (box,)
            if len(self.manifests) > MOST_MANIFESTS:
                raise LimitError(f"credentials: expected at most {MOST_MANIFESTS} manifests")
        if not self.manifests:
            raise MediaError("credentials: the manifest store is empty")

    def assertions(self, manifest: Superbox) -> dict[str, Any]:
        """Label -> decoded CBOR of the hash assertions (c2pa.hash.*) of a manifest."""
        out: dict[str, Any] = {}
        for store in self._children(manifest.start, manifest.end):
            if store.label != "c2pa.assertions":
                continue
            for assertion in self._children(store.start, store.end):
                if assertion.label.startswith("c2pa.hash."):
                    for kind, start, end in self._boxes(assertion.start, assertion.end):
                        if kind == b"cbor":
                            out[assertion.label] = decode_cbor(self._data[start:end])
        return out

    def algorithm(self, manifest: Superbox) -> str:
        """The hash algorithm that a manifest's claim names for all assertions; empty if none."""
        for box in self._children(manifest.start, manifest.end):
            if box.label in ("c2pa.claim", "c2pa.claim.v2"):
                for kind, start, end in self._boxes(box.start, box.end):
                    if kind == b"cbor":
                        claim = decode_cbor(self._data[start:end])
                        return str(claim.get("alg", "")) if isinstance(claim, dict) else ""
        return ""

    def check_counts(self) -> None:
        """Raise `LimitError` if CBOR anywhere declares more items than it has bytes: a reader might make room for them."""
        waiting = [(0, len(self._data), 0)]
        while waiting:
            start, end, depth = waiting.pop()
            for kind, inner, stop in self._boxes(start, end):
                if kind == b"cbor":
                    _check_counts(self._data, inner, stop)
                elif kind == b"jumb" and depth < _MOST_DEPTH:
                    waiting.append((inner, stop, depth + 1))

    def _children(self, start: int, end: int) -> Iterator[Superbox]:
        for kind, inner, stop in self._boxes(start, end):
            if kind == b"jumb":
                yield self._described(inner, stop)

    def _described(self, start: int, end: int) -> Superbox:
        kind, inner, stop = next(self._boxes(start, end), (b"", 0, 0))
        if kind != b"jumd" or stop - inner < 17:
            raise MediaError("credentials: a JUMBF box has no description")
        toggles, label = self._data[inner + 16], ""
        if toggles & 2:
            zero = self._data.find(b"\0", inner + 17, stop)
            if zero < 0:
                raise MediaError("credentials: a JUMBF label has no end")
            label = self._data[inner + 17 : zero].decode("utf-8", "replace")
        return Superbox(self._data[inner : inner + 4], label, stop, end)

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """(type, start of content, end of content) of the boxes side by side from `start` to `end`."""
        while start < end:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise LimitError(f"credentials: expected at most {MOST_BOXES} boxes, got more")
            if end - start < 8:
                raise MediaError("credentials: a JUMBF box is cut off")
            size, kind = struct.unpack_from(">I4s", self._data, start)
            head = 8
            if size == 1 and end - start >= 16:
                (size,) = struct.unpack_from(">Q", self._data, start + 8)
                head = 16
            elif size == 0:
                size = end - start
            if size < head or size > end - start:
                raise MediaError("credentials: a JUMBF box is larger than what holds it")
            yield kind, start + head, start + size
            start += size


def is_store(data: bytes) -> bool:
    """Whether `data` starts like a manifest store: a superbox whose description is of C2PA's type."""
    return (
        len(data) >= 32
        and data[4:8] == b"jumb"
        and data[12:16] == b"jumd"
        and data[16:32] == (_C2PA_UUID)
    )


def decode_cbor(data: bytes) -> Any:
    """One CBOR item; maps become dictionaries, byte strings bytes, tags are dropped.

    Raises:
        MediaError: damaged, nested too deeply, or of more items than any assertion has.
    """
    return _Cbor(data).item(0)


def _check_counts(data: bytes, place: int, end: int) -> None:
    """Skim one item's heads; what is malformed ends it, because any reader stops there."""
    while place < end:
        major, info = data[place] >> 5, data[place] & 31
        place += 1
        if 28 <= info <= 30:
            return
        width = 0 if info < 24 or info == 31 else 1 << (info - 24)
        count = int.from_bytes(data[place : place + width], "big") if width else info
        place += width
        if major in (2, 3, 4, 5) and info != 31:
            if count > end - place:
                raise LimitError("the credentials declare more items than they hold")
            place += count if major in (2, 3) else 0


class _Cbor:
    def __init__(self, data: bytes) -> None:
        self._data, self._place, self._left = data, 0, _MOST_ITEMS

    def item(self, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _MOST_NESTING:
            raise MediaError("credentials: CBOR with too many items or levels")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        if info == 31:
            return self._indefinite(major, depth)
        count = self._count(info)
        if major in (0, 1):
            return count if major == 0 else -1 - count
        if major in (2, 3):
            raw = self._take(count)
            return raw if major == 2 else raw.decode("utf-8", "replace")
        if major == 6:
            return self.item(depth + 1)
        if count > len(self._data):
            raise MediaError("credentials: CBOR is cut off")
        if major == 4:
            return [self.item(depth + 1) for _ in range(count)]
        return dict(self._pair(depth) for _ in range(count))

    def _pair(self, depth: int) -> tuple[Any, Any]:
        key = self.item(depth + 1)
        if not isinstance(key, (str, int, bytes)):
            raise MediaError("credentials: CBOR map with a key that is no text or number")
        return key, self.item(depth + 1)

    def _indefinite(self, major: int, depth: int) -> Any:
        parts: list[Any] = []
        while self._data[self._place : self._place + 1] != b"\xff":
            parts.append(self._pair(depth) if major == 5 else self.item(depth + 1))
        self._place += 1
        if major == 5:
            return dict(parts)
        if major == 4:
            return parts
        kind: Any = {2: bytes, 3: str}.get(major)
        if kind is None or not all(isinstance(part, kind) for part in parts):
            raise MediaError("credentials: damaged CBOR")
        return kind().join(parts)

    def _simple(self, info: int) -> Any:
        if info in (20, 21):
            return info == 21
        if info in (22, 23):
            return None
        size, form = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}.get(info, (0, ""))
        if not form:
            raise MediaError("credentials: damaged CBOR")
        return struct.unpack(form, self._take(size))[0]

    def _count(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise MediaError("credentials: damaged CBOR")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _take(self, count: int) -> bytes:
        part = self._data[self._place : self._place + count]
        if len(part) != count:
            raise MediaError("credentials: CBOR is cut off")
        self._place += count
        return part
