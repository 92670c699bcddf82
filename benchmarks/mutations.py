"""Damaged and hostile files: does every one end in a result or a typed error, in time and in memory?

    python benchmarks/mutations.py --data FOLDER [--target detect|media] [--count 1000] [--seed 0]

Small real files are mutated (truncated, bytes flipped or overwritten, header damaged, wrong extension, zero frames, absurd
dimensions, sound only, text) with a seed, so that every run sees the same bytes. Each goes to a worker process with 2 GB of
address space and 20 s per file; a worker that hangs or dies is replaced. The table counts outcomes by kind of mutation;
the CSV has one line per file. Exit code 1 if anything ended in a traceback, hang or crash,
or if an untouched file got no verdict.

The mutated bytes live in a temporary folder and are deleted at the end.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import multiprocessing.connection
import os
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GOOD = ("verdict", "typed error")
BAD = ("traceback", "hang", "crash")
WHERE = Path(__file__).parent / "results" / "mutations.csv"
KINDS = (
    "untouched",
    "truncated",
    "flipped bytes",
    "damaged header",
    "overwritten block",
    "wrong extension",
    "zero frames",
    "absurd dimensions",
    "sound only",
    "text",
)
_PATTERNS = (
    "faces/real/ffhq256/*.jpg",
    "faces/real/utkface/*.jpg",
    "video/real/grid_s1/*.mpg",
    "video/real/mead/*.mp4",
)
_SOUND = ("speech/real/vctk/*.wav", "speech/fake/hifigan_pairs/*.wav")
_EXTENSIONS = (".jpg", ".mp4", ".png", ".wav", ".txt", ".m3u8", ".mkv", "", ".pkl")


@dataclass(frozen=True)
class Case:
    """One mutated file."""

    number: int
    kind: str
    origin: str
    path: Path


@dataclass(frozen=True)
class Outcome:
    """How one case ended."""

    case: Case
    ending: str
    detail: str
    seconds: float
    peak_mb: float


# --- making the cases -----------------------------------------------------------------------------------------------


def make_cases(data: Path, folder: Path, count: int, seed: int) -> list[Case]:
    pictures = [p for pattern in _PATTERNS for p in sorted(data.glob(pattern))[:12]]
    sounds = [p for pattern in _SOUND for p in sorted(data.glob(pattern))[:6]]
    if not pictures or not sounds:
        sys.exit(
            f"{data}: expected faces/, video/ and speech/ below it; point --data at the data folder"
        )
    cases = []
    for number, state in enumerate(np.random.SeedSequence(seed).spawn(count)):
        rng = np.random.default_rng(state)
        kind = KINDS[number % len(KINDS)]
        origin = Path(rng.choice(sounds if kind == "sound only" else pictures))
        content, suffix = mutate(kind, origin.read_bytes(), origin.suffix, rng)
        path = folder / f"{number:05d}{suffix}"
        path.write_bytes(content)
        cases.append(Case(number, kind, str(origin.relative_to(data)), path))
    return cases


def mutate(kind: str, content: bytes, suffix: str, rng: np.random.Generator) -> tuple[bytes, str]:
    """The mutated bytes and the extension that they get."""
    body = np.frombuffer(content, np.uint8).copy()
    if kind == "truncated":
        return content[: int(len(content) * rng.uniform(0.0, 0.98))], suffix
    if kind == "flipped bytes":
        places = rng.integers(0, len(body), int(rng.integers(1, max(2, len(body) // 200))))
        body[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
        return body.tobytes(), suffix
    if kind == "damaged header":
        places = rng.integers(0, min(len(body), 1024), int(rng.integers(1, 24)))
        body[places] = rng.integers(0, 256, len(places))
        return body.tobytes(), suffix
    if kind == "overwritten block":
        start = int(rng.integers(0, len(body)))
        length = int(rng.integers(1, 4096))
        body[start : start + length] = rng.integers(0, 256) if rng.random() < 0.5 else 0
        return body.tobytes(), suffix
    if kind == "wrong extension":
        return content, str(rng.choice(_EXTENSIONS))
    if kind == "zero frames":
        return _zero_frames(content, rng), suffix
    if kind == "absurd dimensions":
        return _absurd_dimensions(content, rng), suffix
    if kind == "sound only" and rng.random() < 0.6:
        return mutate(
            str(rng.choice(["truncated", "flipped bytes", "damaged header"])), content, suffix, rng
        )
    if kind == "text":
        return _text(rng), suffix
    return content, suffix


def _zero_frames(content: bytes, rng: np.random.Generator) -> bytes:
    """Keep the container, lose the pictures."""
    for name in (b"stsz", b"stts", b"stco", b"mdat"):
        place = content.find(name)
        if place > 0 and rng.random() < 0.5:
            return content[: place + 4] + bytes(16) + content[place + 20 :]
    if content.startswith(b"\xff\xd8"):
        scan = content.find(b"\xff\xda")
        return content[:scan] + b"\xff\xd9"
    if content[4:8] == b"ftyp":
        return content[: int.from_bytes(content[:4], "big")]
    return content[: int(rng.integers(12, 64))]


def _absurd_dimensions(content: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite width and height where the format keeps them."""
    sizes = ((0, 0), (65535, 65535), (1, 65535), (16383, 16383), (65500, 1), (4095, 4095))
    width, height = sizes[int(rng.integers(len(sizes)))]
    body = bytearray(content)
    if content.startswith(b"\xff\xd8"):
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            place = content.find(marker)
            if place > 0:
                body[place + 5 : place + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    sequence = content.find(b"\x00\x00\x01\xb3")
    while sequence >= 0:
        packed = (min(width, 4095) << 12) | min(height, 4095)
        body[sequence + 4 : sequence + 7] = packed.to_bytes(3, "big")
        sequence = content.find(b"\x00\x00\x01\xb3", sequence + 4)
    for name, offset in ((b"avc1", 28), (b"tkhd", 80)):
        place = content.find(name)
        if place > 0:
            wide = 2 if name == b"avc1" else 4
            shift = 0 if name == b"avc1" else 16
            body[place + offset : place + offset + 2 * wide] = (width << shift).to_bytes(
                wide, "big"
            ) + (height << shift).to_bytes(wide, "big")
    parameters = content.find(b"avcC")
    if parameters > 0 and rng.random() < 0.5:  # the size that counts is in the parameter set
        place = parameters + 4 + 8 + int(rng.integers(4, 16))
        body[place] = int(rng.integers(256))
    return bytes(body)


def _text(rng: np.random.Generator) -> bytes:
    texts = (
        b"",
        b"hello\n" * 50,
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile 'clip.mp4'\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='100000' height='100000'/>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n",
        b"GIF89a" + b"A" * 300,
        b"\xff\xd8\xff" + b"not a picture " * 30,
        b"\x00\x00\x00\x18ftypmp42" + b"words " * 200,
        b"RIFF\xff\xff\xff\xffAVI LIST" + b"words " * 200,
        b"\x1aE\xdf\xa3" + b"words " * 200,
        b"OggS" + b"words " * 200,
    )
    return texts[int(rng.integers(len(texts)))] + rng.bytes(int(rng.integers(0, 64)))


# --- running them ---------------------------------------------------------------------------------------------------


def target_media() -> Callable[[Path], str]:
    from likeness.media import open_clip

    def run(path: Path) -> str:
        clip = open_clip(path)
        try:
            frames = sum(1 for _ in clip.frames)
            sound = len(clip.audio.samples()) if clip.audio is not None else 0
            return f"{clip.kind}: {frames} of {len(clip.frames)} frames, {sound} samples"
        finally:
            clip.frames.close()  # type: ignore[attr-defined]

    return run


def target_detect() -> Callable[[Path], str]:
    from likeness.jobs.detect import detect

    return lambda path: str(detect(path).label)


def work(pipe: multiprocessing.connection.Connection, target: str, memory_bytes: int) -> None:
    """One worker: take paths, send back (ending, detail, seconds, peak MB)."""
    with Path(os.devnull).open("w") as nowhere:  # libraries write to the terminal from C
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    run = target_media() if target == "media" else target_detect()
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    from likeness.errors import LikenessError

    pipe.send("ready")
    while (path := pipe.recv()) is not None:
        start = time.monotonic()
        try:
            ending, detail = "verdict", run(path)
        except LikenessError as error:
            ending, detail = "typed error", f"{type(error).__name__}: {error}"
            if "\n" in str(error):
                ending, detail = "traceback", f"message of more than one line: {error!r}"
        except BaseException:
            ending, detail = "traceback", traceback.format_exc()[-1500:]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send((ending, detail, time.monotonic() - start, peak))


class Worker:
    """A worker process and the case it is busy with."""

    def __init__(self, target: str, memory_bytes: int) -> None:
        self._make = (target, memory_bytes)
        self.case: Case | None = None
        self.since = 0.0
        self._start()

    def _start(self) -> None:
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=work, args=(other, *self._make), daemon=True
        )
        self.process.start()
        other.close()
        if not self.pipe.poll(120) or self.pipe.recv() != "ready":
            sys.exit("a worker did not start; run the target once by hand to see why")

    def give(self, case: Case) -> None:
        """Hand a case to the idle worker."""
        self.case, self.since = case, time.monotonic()
        self.pipe.send(case.path)

    def take(self, timeout_s: float) -> Outcome | None:
        """The outcome of the present case if there is one yet."""
        assert self.case is not None
        case, spent = self.case, time.monotonic() - self.since
        if self.pipe.poll(0):
            try:
                outcome = Outcome(case, *self.pipe.recv())
                self.case = None
                return outcome
            except EOFError:
                self.process.join()
                return self._replace("crash", f"exit code {self.process.exitcode}", spent)
        if spent > timeout_s:
            self.process.kill()
            self.process.join()
            return self._replace("hang", f"no answer in {timeout_s:g} s", spent)
        return None

    def _replace(self, ending: str, detail: str, spent: float) -> Outcome:
        case, self.case = self.case, None
        assert case is not None
        self.pipe.close()
        self._start()
        return Outcome(case, ending, detail, spent, float("nan"))

    def stop(self) -> None:
        """Let the worker end."""
        self.pipe.send(None)
        self.process.join(10)


def run_all(cases: list[Case], args: argparse.Namespace) -> list[Outcome]:
    workers = [Worker(args.target, args.memory_mb << 20) for _ in range(args.workers)]
    waiting, outcomes = list(reversed(cases)), []
    while waiting or any(w.case for w in workers):
        for worker in workers:
            if worker.case is None and waiting:
                worker.give(waiting.pop())
            if worker.case is not None and (outcome := worker.take(args.timeout_s)) is not None:
                outcomes.append(outcome)
                if len(outcomes) % 50 == 0:
                    print(f"{len(outcomes)}/{len(cases)}", file=sys.stderr)
        multiprocessing.connection.wait([w.pipe for w in workers if w.case], timeout=0.2)
    for worker in workers:
        worker.stop()
    return sorted(outcomes, key=lambda o: o.case.number)


def show(outcomes: list[Outcome]) -> None:
    print(
        f"{'mutation':<20}"
        + "".join(f"{e:>13}" for e in GOOD + BAD)
        + f"{'slowest s':>11}{'peak MB':>9}"
    )
    for kind in KINDS:
        mine = [o for o in outcomes if o.case.kind == kind]
        if mine:
            counts = Counter(o.ending for o in mine)
            row = "".join(f"{counts[e]:>13}" for e in GOOD + BAD)
            peak = max((o.peak_mb for o in mine if o.peak_mb == o.peak_mb), default=0)
            print(f"{kind:<20}{row}{max(o.seconds for o in mine):>11.2f}{peak:>9.0f}")
    counts = Counter(o.ending for o in outcomes)
    print(f"{'all':<20}" + "".join(f"{counts[e]:>13}" for e in GOOD + BAD))
    for outcome in [o for o in outcomes if o.ending in BAD][:10]:
        print(
            f"\n#{outcome.case.number} {outcome.case.kind} of {outcome.case.origin}: {outcome.ending}\n{outcome.detail}"
        )


def write(outcomes: list[Outcome], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["number", "mutation", "origin", "ending", "detail", "seconds"])
        for o in outcomes:
            detail = o.detail.replace(str(o.case.path.parent) + os.sep, "").replace("\n", " | ")[
                :240
            ]
            out.writerow(
                [o.case.number, o.case.kind, o.case.origin, o.ending, detail, f"{o.seconds:.2f}"]
            )
    part.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get(
        "LIKENESS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
    )
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--target", choices=("detect", "media"), default="detect")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--timeout-s", type=float, default=20.0)
    parser.add_argument("--memory-mb", type=int, default=2048)
    parser.add_argument("--out", type=Path, default=WHERE)
    args = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_all(make_cases(args.data, Path(folder), args.count, args.seed), args)
    show(outcomes)
    write(outcomes, args.out)
    print(
        f"\n{len(outcomes)} files in {time.monotonic() - start:.0f} s, target {args.target}, seed {args.seed}"
    )
    refused = [o for o in outcomes if o.case.kind == "untouched" and o.ending != "verdict"]
    if refused:
        print(f"{len(refused)} untouched files got no verdict, the first: {refused[0].detail}")
    return 1 if refused or any(o.ending in BAD for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
