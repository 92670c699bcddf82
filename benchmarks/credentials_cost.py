"""What content credentials cost: time to sign, to read and to find that there are none, and bytes added.

    python benchmarks/credentials_cost.py [--repeats 20]

A drawn 512 px picture as JPEG, PNG and WebP, and ten seconds of drawn 720p with sound as MP4, in memory, one thread.
Baseline of every row: hashing the same bytes with SHA-256, which any binding needs at least. The first reading of a
process also loads the library; that is measured once, in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

from credentials_flips import drawn_making
from media.drawn_media import encode_picture, encode_video, picture

from likeness.apps.benching import write_rows
from likeness.provenance.credentials import sign
from likeness.provenance.hard_binding import check_hard_binding
from likeness.provenance.keys import KeyStore
from likeness.provenance.reading import read_credentials

WHERE = Path(__file__).parent / "results" / "credentials_cost.csv"
_FIRST = (
    "import sys, time, io; data = open(sys.argv[1], 'rb').read(); from likeness.provenance.reading import "
    "read_credentials as r; t = time.perf_counter(); r(io.BytesIO(data)); print((time.perf_counter() - t) * 1e3)"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path, default=WHERE)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        keys = KeyStore.create(Path(folder) / "keys")
        print(
            f"making a key store {(time.perf_counter() - start) * 1e3:.0f} ms (libraries included)"
        )
        for name, (media_type, data) in drawn().items():
            rows.append(measure(name, media_type, data, (keys, args.repeats, Path(folder))))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    write_rows(args.out, rows)


def drawn() -> dict[str, tuple[str, bytes]]:
    image = picture(7, (512, 512))
    frames = [picture(i % 5, (1280, 720)) for i in range(5)]
    return {
        "JPEG 512 px": ("image/jpeg", encode_picture(image, "JPEG", quality=90)),
        "PNG 512 px": ("image/png", encode_picture(image, "PNG")),
        "WebP 512 px": ("image/webp", encode_picture(image, "WEBP", quality=90)),
        "MP4 720p 10 s": ("video/mp4", encode_video(frames * 50, sound=True)),
    }


def measure(
    name: str, media_type: str, data: bytes, how: tuple[KeyStore, int, Path]
) -> dict[str, object]:
    keys, repeats, folder = how
    making, anchors = drawn_making(), keys.trust_anchors_pem()

    def signed() -> bytes:
        out = io.BytesIO()
        sign(io.BytesIO(data), out, media_type, making, keys)
        return out.getvalue()

    made = signed()
    (folder / "signed").write_bytes(made)
    first = subprocess.run(
        [sys.executable, "-c", _FIRST, str(folder / "signed")], capture_output=True, text=True
    )
    return {
        "file": name,
        "bytes": len(data),
        "added_bytes": len(made) - len(data),
        "sign_ms": _ms(signed, repeats),
        "read_ms": _ms(lambda: read_credentials(io.BytesIO(made), media_type, anchors), repeats),
        "own_hash_ms": _ms(lambda: check_hard_binding(io.BytesIO(made)), repeats),
        "none_there_ms": _ms(lambda: read_credentials(io.BytesIO(data), media_type), repeats),
        "sha256_ms": _ms(lambda: sha256(data).digest(), repeats),
        "first_read_ms": round(float(first.stdout), 1),
    }


def _ms(task: Callable[[], object], repeats: int) -> float:
    """Median time in ms."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append((time.perf_counter() - start) * 1e3)
    return round(statistics.median(times), 2)


if __name__ == "__main__":
    main()
