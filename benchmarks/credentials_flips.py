"""Does every changed bit of a signed file get noticed?

    python benchmarks/credentials_flips.py [--flips 600] [--seed 1] [--skip-excluded]

Signs a drawn 512 px picture as JPEG, PNG and WebP, a drawn clip with sound as MP4 and a sound as WAV, with keys made for
the purpose. Then, per format:

- `--flips` single bits at random places of the whole file are turned, one at a time, and the file is read by the C2PA
  library and by our own recomputation of the hash. Baseline: the untouched file, which both must accept.
- every byte that the hash leaves out (the manifest itself, and boxes such as ftyp and free) gets one bit turned, and what
  nobody notices is listed as ranges with the part of the file that they lie in.

Exit code 1 if a turned bit in encoded picture or sound data goes unnoticed by either reader.
"""

from __future__ import annotations

import argparse
import io
import random
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from media.drawn_media import encode_picture, encode_sound, encode_video, picture

from likeness.apps.benching import write_rows
from likeness.errors import LikenessError
from likeness.provenance.credentials import sign
from likeness.provenance.hard_binding import check_hard_binding
from likeness.provenance.hard_binding_stores import top_boxes
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Ingredient, Making
from likeness.provenance.reading import read_credentials
from likeness.types import Consent

WHERE = Path(__file__).parent / "results" / "credentials_flips.csv"
ENCODED = "encoded picture or sound"


@dataclass(frozen=True)
class Region:
    """Bytes start <= i < end of a file, and what they are."""

    start: int
    end: int
    what: str


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-excluded", action="store_true")
    parser.add_argument("--out", type=Path, default=WHERE)
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyStore.create(Path(folder) / "keys")
        for media_type, data in signed_files(keys):
            assert noticed(data, media_type, keys) == (False, False), media_type  # the baseline
            rows += random_flips(data, media_type, keys, (args.flips, args.seed))
            if not args.skip_excluded:
                rows += excluded_flips(data, media_type, keys)
    write_rows(args.out, rows)
    for row in rows:
        print(
            "{format:11} {kind:15} {region:38} {flips:6} flips  noticed by c2pa {c2pa:6}  by our hash "
            "{own_hash:6}  {ranges}".format(**row)
        )
    missed = [
        r for r in rows if r["region"] == ENCODED and r["flips"] != min(r["c2pa"], r["own_hash"])
    ]
    print("every flip in encoded data noticed" if not missed else f"MISSED: {missed}")
    return 1 if missed else 0


def signed_files(keys: KeyStore) -> Iterator[tuple[str, bytes]]:
    image = picture(7, (512, 512))
    frames = [picture(i % 5, (256, 256)) for i in range(25)]
    sound = (np.sin(np.arange(32000) / 9) + np.sin(np.arange(32000) / 31)) / 2
    files = {
        "image/jpeg": encode_picture(image, "JPEG", quality=90),
        "image/png": encode_picture(image, "PNG"),
        "image/webp": encode_picture(image, "WEBP", quality=90),
        "video/mp4": encode_video(frames, sound=True),
        "audio/wav": encode_sound(sound),
    }
    making = drawn_making()
    for media_type, data in files.items():
        out = io.BytesIO()
        sign(io.BytesIO(data), out, media_type, making, keys)
        yield media_type, out.getvalue()


def drawn_making() -> Making:
    """What the manifests of the benchmarks tell."""
    today = date.today()
    record = Consent(
        "somebody drawn", "own_likeness", "research", today + timedelta(1), "0" * 64, True, True
    )
    footage = (Ingredient("footage.mp4", "ab" * 32, "video/mp4"),)
    kind = "compositeWithTrainedAlgorithmicMedia"
    return Making("drawn", kind, (record,), "research", today, 12345, "w1", footage)


def noticed(data: bytes, media_type: str, keys: KeyStore) -> tuple[bool, bool]:
    """Whether the C2PA library and our own hash object to the file."""
    found = read_credentials(io.BytesIO(data), media_type, keys.trust_anchors_pem())
    try:
        own = check_hard_binding(io.BytesIO(data)).matches is not True
    except LikenessError:
        own = True
    return found.intact is not True, own


def random_flips(
    data: bytes, media_type: str, keys: KeyStore, how: tuple[int, int]
) -> list[dict[str, object]]:
    rng, parts = random.Random(how[1]), regions(data, media_type)
    count: Counter[tuple[str, str]] = Counter()
    for _ in range(how[0]):
        place = rng.randrange(len(data))
        what = next(p.what for p in parts if p.start <= place < p.end)
        c2pa, own = noticed(turned(data, place, rng.randrange(8)), media_type, keys)
        count[what, "flips"] += 1
        count[what, "c2pa"] += c2pa
        count[what, "own_hash"] += own
    return [
        _row(
            media_type, "random", what, [count[what, k] for k in ("flips", "c2pa", "own_hash")], ""
        )
        for what in sorted({w for w, _ in count})
    ]


def excluded_flips(data: bytes, media_type: str, keys: KeyStore) -> list[dict[str, object]]:
    """One bit of every byte that the hash leaves out."""
    rows = []
    for part in check_hard_binding(io.BytesIO(data)).excluded:
        c2pa, own, missed = 0, 0, []
        for place in range(part.start, part.end):
            by_c2pa, by_own = noticed(turned(data, place, place % 8), media_type, keys)
            c2pa, own = c2pa + by_c2pa, own + by_own
            if not by_c2pa:
                missed.append(place)
        text = " ".join(f"{a}-{b}({_inside(data, a)})" for a, b in _ranges(missed)[:60])
        counts = [part.end - part.start, c2pa, own]
        rows.append(_row(media_type, "excluded bytes", part.reason, counts, text))
    return rows


def regions(data: bytes, media_type: str) -> list[Region]:
    """The whole file in parts: the manifest, encoded data, and the rest by name."""
    if media_type == "image/jpeg":
        parts = list(_jpeg(data))
    elif media_type == "image/png":
        parts = [Region(0, 8, "signature"), *_chunks(data, 8, ">I4s", 12)]
    elif media_type == "video/mp4":
        boxes = top_boxes(io.BytesIO(data), len(data))
        parts = [Region(b.start, b.end, _named(b.kind)) for b in boxes]
    else:
        parts = [Region(0, 12, "RIFF header"), *_chunks(data, 12, "<4sI", 8)]
    return parts


def turned(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


def _jpeg(data: bytes) -> Iterator[Region]:
    place = 2
    yield Region(0, 2, "markers")
    while data[place + 1] != 0xDA:
        end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        yield Region(place, end, "manifest" if data[place + 1] == 0xEB else "headers and tables")
        place = end
    yield Region(place, len(data), ENCODED)


def _chunks(data: bytes, place: int, form: str, extra: int) -> Iterator[Region]:
    while place < len(data):
        first, second = struct.unpack_from(form, data, place)
        length, kind = (first, second) if extra == 12 else (second, first)
        end = place + extra + length + (length & 1 if extra == 8 else 0)
        yield Region(place, end, _named(kind))
        place = end


def _named(kind: bytes) -> str:
    if kind in (b"IDAT", b"VP8 ", b"VP8L", b"data", b"mdat"):
        return ENCODED
    return (
        "manifest"
        if kind in (b"caBX", b"C2PA", b"uuid")
        else f"part {kind.decode('latin-1').strip()}"
    )


def _inside(data: bytes, place: int) -> str:
    """Where in a manifest a byte lies: behind which name."""
    names = (b"jumd", b"c2pa.signature", b"c2pa.claim", b"c2pa.assertions", b"pad", b"c2pa.hash.")
    last = max(((data.rfind(n, 0, place), n.decode()) for n in names), default=(-1, ""))
    return f"after {last[1]}" if last[0] >= 0 and place - last[0] < 3000 else "before the manifest"


def _ranges(places: list[int]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for place in places:
        if out and place == out[-1][1]:
            out[-1] = (out[-1][0], place + 1)
        else:
            out.append((place, place + 1))
    return out


def _row(
    media_type: str, kind: str, region: str, counts: list[int], ranges: str
) -> dict[str, object]:
    flips, c2pa, own = counts
    return {
        "format": media_type,
        "kind": kind,
        "region": region,
        "flips": flips,
        "c2pa": c2pa,
        "own_hash": own,
        "ranges": ranges,
    }


if __name__ == "__main__":
    sys.exit(main())
