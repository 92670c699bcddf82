"""Kill `write_marked` at random moments and look at what lies in the folder.

    python benchmarks/write_marked_kills.py

Every trial forks a writer, sends it SIGKILL at a moment drawn evenly from the time that a whole write takes (and a little
more), and has a fresh process look at every file that is left, hidden ones included: it is the old file, untouched, or it
carries both marks. A picture and a video, with and without a file of that name; the fallback for disks on which files must
have names is run as well. Data are drawn: nothing is needed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from likeness import provenance
from likeness.apps.benching import write_rows
from likeness.jobs.demo import moved
from likeness.provenance import writing_verify
from likeness.types import Consent, Reference

HERE = Path(__file__).parent
OLD = b"the file that was there before"
TODAY = date(2026, 11, 22)
FRAMES = 24
OUTCOMES = ("nothing", "old file", "marked file", "hidden marked file", "bad")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not needed; accepted like everywhere")
    parser.add_argument("--kills", type=int, default=50, help="in all, per way of landing")
    parser.add_argument("--fallback", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "write_marked_kills.csv")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        in_child(lambda: provenance.open_or_create(keys) and None)
        cases = [(s, old) for s in (".png", ".mp4") for old in (False, True)]
        ways = ["nameless file", "fallback"] if arguments.fallback else ["nameless file"]
        for way in ways:
            for number, (suffix, old) in enumerate(cases):
                kills = len(range(number, arguments.kills, len(cases)))
                rows.append(trials(Path(folder), keys, (way, suffix, old), (kills, rng)))
                print("  ".join(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    write_rows(arguments.out, rows)
    sys.exit(1 if any(row["bad"] for row in rows) else 0)


def trials(
    folder: Path, keys: Path, case: tuple[str, str, bool], draw: tuple[int, np.random.Generator]
) -> dict:
    """Kills of one kind; the row says how often which state was found."""
    (way, suffix, old), (kills, rng) = case, draw
    whole_s = median(one(folder, keys, case, None)[1] for _ in range(1 if kills < 5 else 3))
    found: Counter[str] = Counter()
    survived = 0
    for _ in range(kills):
        outcome, _, ended = one(folder, keys, case, float(rng.uniform(0.0, 1.05 * whole_s)))
        found[outcome] += 1
        survived += ended
    return {
        "way": way,
        "file": suffix[1:],
        "name taken before": old,
        "kills": kills,
        "whole write s": round(whole_s, 2),
        "had finished": survived,
        **{outcome: found[outcome] for outcome in OUTCOMES},
    }


def one(
    folder: Path, keys: Path, case: tuple[str, str, bool], after_s: float | None
) -> tuple[str, float, bool]:
    """One write, killed after so many seconds; returns what was found, how long it ran, and whether it had ended."""
    way, suffix, old = case
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / f"out{suffix}"
        if old:
            path.write_bytes(OLD)
        start = time.monotonic()
        writer = fork(lambda: write(path, keys, way))
        if after_s is not None:
            time.sleep(after_s)
            os.kill(writer, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) == 0
        spent_s = time.monotonic() - start
        if after_s is None and not ended:
            raise SystemExit("a write that nobody killed failed")
        return OUTCOMES[in_child(lambda: OUTCOMES.index(look(path, keys, old)))], spent_s, ended


def write(path: Path, keys_folder: Path, way: str) -> None:
    """What is killed."""
    if way == "fallback":
        os.O_TMPFILE = 0  # as on systems that do not know it
    keys = provenance.open_or_create(keys_folder)
    generated = (
        provenance.GeneratedFrame(image, number / 25)
        for number, image in enumerate(pictures()[: 1 if path.suffix == ".png" else FRAMES])
    )
    provenance.write_marked(generated, path, making(), keys)


def look(path: Path, keys_folder: Path, old: bool) -> str:
    """What is in the folder, as one of `OUTCOMES`; every file is read and verified."""
    keys = provenance.open_or_create(keys_folder)
    hidden = False
    for other in path.parent.iterdir():
        if other == path and old and other.read_bytes() == OLD:
            continue
        if not marks_hold(other, path.suffix, keys):
            return "bad"
        hidden |= other != path
    if old and not path.exists():
        return "bad"
    if hidden:
        return "hidden marked file"
    if not path.exists():
        return "nothing"
    return "old file" if path.read_bytes() == OLD else "marked file"


def marks_hold(path: Path, suffix: str, keys: provenance.KeyStore) -> bool:
    """Whether a file carries credentials that hold and the watermark, and is whole."""
    media_type = {".png": "image/png", ".mp4": "video/mp4"}[suffix]
    try:
        with path.open("rb") as file:
            writing_verify.verify_credentials(file, media_type, making(), keys)
            frames = 1 if suffix == ".png" else FRAMES
            writing_verify.verify_watermark(file, making(), frames)
        return True
    except Exception as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return False


@cache
def pictures() -> list[np.ndarray]:
    """A part of the portrait that scikit-image ships, moved a little: it has real texture."""
    from skimage import data

    return moved(data.astronaut()[:320, 64:384], FRAMES)


def making() -> provenance.Making:
    consent = Consent(
        subject="nobody",
        basis="written_consent",
        purpose="research",
        expires=TODAY + timedelta(days=1),
        document_sha256="0" * 64,
        adult=True,
        no_sexual_use=True,
        references=(Reference("nobody.png", "0" * 64),),
    )
    source = "compositeWithTrainedAlgorithmicMedia"
    return provenance.Making("benchmark", source, (consent,), "research", TODAY, job_id=0xC0FFEE)


def fork(call: Callable[[], object]) -> int:
    """Run in a child; this process itself runs nothing that starts threads, so forking it is safe."""
    child = os.fork()
    if child:
        return child
    try:
        result = call()
        os._exit(result if isinstance(result, int) else 0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(99)


def in_child(call: Callable[[], object]) -> int:
    """The small number that `call` returns in a child of its own."""
    code = os.waitstatus_to_exitcode(os.waitpid(fork(call), 0)[1])
    if not 0 <= code < 99:
        raise SystemExit(f"a child failed with {code}")
    return code


if __name__ == "__main__":
    # Loaded before the first fork, so that a write starts at once.
    import av  # noqa: F401
    import c2pa  # noqa: F401
    import cv2
    import scipy.fft  # noqa: F401

    cv2.setNumThreads(1)
    pictures()
    main()
