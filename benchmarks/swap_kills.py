"""Kill training and swapping at random moments and look at what lies in the folders.

    python benchmarks/swap_kills.py

Training: a small `autoencoder_light` on the NASA portrait, SIGKILL at a moment drawn evenly from what a whole run takes,
then resumed, again and again until it ends; its end must be that of a run that nobody killed, bit by bit. Swapping: half of
the kills are drawn from the whole job, half from the part in which frames are written; what is left must be nothing, the
old file untouched, or a finished file with both marks. Every file that is left is looked at, hidden ones included. Identity
embeddings are replaced by a constant: they take most of the time and write nothing. Needs the extra `create`, no data.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from likeness import media
from likeness.apps.benching import write_rows
from likeness.data import identity_embedding
from likeness.data.face_sets import FaceSet, write_face_set
from likeness.faces import FaceModels, align, track_faces
from likeness.faces.geometry import transform
from likeness.jobs.demo import moved, portrait_path
from likeness.jobs.swap import SwapOptions, SwapPermit, swap
from likeness.jobs.train import PairTraining, TrainingPermit, TrainingReports, train_pair
from likeness.provenance import open_or_create
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.types import Consent

HERE = Path(__file__).parent
OLD = b"the file that was there before"
TODAY = date.today()
FRAMES, STEPS, CHECKPOINT_S = 8, 60, 0.3
NETWORK = {
    "input_px": 32, "output_px": 64, "encoder": [8, 16], "code": 16, "start_px": 4, "shared": [16, 16], "decoder": [8], "unfold": 4,
}  # fmt: skip
TRAINING = {
    "minutes": 0, "steps": STEPS, "batch": 4, "held_out_share": 0.2, "precision": "float32",
    "checkpoint_every_s": CHECKPOINT_S, "measure_every_s": 3600,
}  # fmt: skip
REPORTS = ("out.mp4.report.html", "out.mp4.report.json")
OUTCOMES = ("nothing", "old file", "marked file, no report yet", "marked file and report", "bad")


@dataclass(frozen=True)
class Killed:
    """One attempt: whether it was killed before its end, how long it ran, and what it had reached."""

    killed: bool
    seconds: float
    reached: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not needed; accepted like everywhere")
    parser.add_argument("--kills", type=int, default=20, help="of training, and of swapping")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "swap_kills.csv")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        attempt(lambda _: prepare(folder))
        rows = [training_kills(folder, arguments.kills, rng)]
        print(rows[0], flush=True)
        rows.append(swap_kills(folder, arguments.kills, rng))
        print(rows[1], flush=True)
    names = dict.fromkeys(key for row in rows for key in row)
    write_rows(arguments.out, [{n: row.get(n, "") for n in names} for row in rows])
    sys.exit(1 if any(row["bad"] for row in rows) else 0)


def training_kills(folder: Path, kills: int, rng: np.random.Generator) -> dict:
    """Kill and resume until runs have been killed so often; compare the end of each with the reference."""
    reference = folder / "run"
    whole = attempt(lambda tell: train(folder, reference, tell))
    expected = end_of(reference)
    done, run, broken, left, ends, same, lost = 0, 0, 0, 0, 0, 0, [0]
    while done < kills:
        run += 1
        out = folder / f"killed{run}"
        killed = True
        while killed:
            most = 0.7 * whole.seconds if done < kills else None
            after = None if most is None else float(rng.uniform(0.0, most))
            tried = attempt(lambda tell, out=out: train(folder, out, tell), after)
            killed = tried.killed
            if killed:
                done += 1
                broken += not_whole(out)
                lost.append(tried.reached - newest(out))
        ends += 1
        same += end_of(out) == expected
        left += leftovers(out)
    return {
        "what": "training",
        "kills": done,
        "whole_s": round(whole.seconds, 2),
        "runs_that_ended": ends,
        "ended_with_the_same_bits": same,
        "most_steps_lost": max(lost),
        "steps": STEPS,
        "checkpoint_every_s": CHECKPOINT_S,
        "partial_folders_left": left,
        "bad": broken + ends - same,
    }


def swap_kills(folder: Path, kills: int, rng: np.random.Generator) -> dict:
    """Kill swaps, half of them over a result of that name."""
    start = time.monotonic()
    place = folder / "whole"
    place.mkdir()
    moments: list[float] = []
    whole = attempt(lambda tell: make_swap(folder, place / "out.mp4", tell), marks=moments)
    writing_s = whole.seconds - (moments[0] - start if moments else 0.0)
    found: Counter[str] = Counter()
    done = number = 0
    while done < kills:
        number += 1
        place = folder / f"swap{number}"
        place.mkdir()
        old = number % 2 == 0
        for name in ("out.mp4", *REPORTS) if old else ():
            (place / name).write_bytes(OLD)
        late = number % 4 < 2
        after = float(rng.uniform(0.0, 1.05 * (writing_s if late else whole.seconds)))
        tried = attempt(
            lambda tell, place=place: make_swap(folder, place / "out.mp4", tell),
            after,
            from_mark=late,
        )
        done += tried.killed
        found[outcome(folder, place, old)] += tried.killed
    return {
        "what": "swap",
        "kills": done,
        "whole_s": round(whole.seconds, 2),
        **{name: found[name] for name in OUTCOMES},
    }


def train(folder: Path, out: Path, tell: Callable[[int], None]) -> None:
    """What is killed first."""
    import torch

    torch.set_num_threads(1)
    settings = {"generator": "autoencoder_light", "network": NETWORK, "training": TRAINING}
    job = PairTraining(
        settings, folder / "ada", folder / "bob", out, resume=True, compare_identity=False
    )
    reports = TrainingReports(progress=lambda _what, step, _of: tell(step))
    train_pair(job, TrainingPermit("research", TODAY, open_or_create(folder / "keys")), reports)


def make_swap(folder: Path, out: Path, tell: Callable[[int], None]) -> None:
    """What is killed second."""
    permit = SwapPermit((), "research", TODAY, open_or_create(folder / "keys"))
    options = SwapOptions(model=folder / "run", detectors=False, threads=1)
    swap(
        folder / "clip.mp4", out, permit, options,
        lambda what, done, _of: tell(1) if what == "writing frames" and done == 1 else None,
    )  # fmt: skip


def not_whole(out: Path) -> int:
    """How many files of a run that was killed have their name and are not whole."""
    from safetensors import safe_open

    bad = 0
    for path in out.rglob("*"):
        if path.is_dir() or any(p.endswith(".partial") for p in path.relative_to(out).parts):
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text("utf-8"))
            elif path.suffix == ".safetensors":
                with safe_open(str(path), framework="numpy") as file:
                    assert list(file.keys())
            elif path.suffix == ".onnx":
                import onnx

                onnx.checker.check_model(str(path))
            elif path.suffix == ".csv":
                assert path.read_text("utf-8").endswith("\n")
            elif path.suffix == ".png":
                assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        except Exception as error:
            print(f"{path}: {error}", file=sys.stderr)
            bad += 1
    return bad


def newest(out: Path) -> int:
    """Step of the newest checkpoint; 0 without one."""
    names = [p.name for p in out.glob("checkpoints/step_*") if p.suffix != ".partial"]
    return max((int(n.partition("_")[2]) for n in names), default=0)


def end_of(out: Path) -> dict[str, bytes]:
    """The bytes that a run ends with: the network, its graph, and the last state of training."""
    last = out / "checkpoints" / f"step_{STEPS:09d}" / "tensors.safetensors"
    return {p.name: p.read_bytes() for p in (out / "model.safetensors", out / "model.onnx", last)}


def leftovers(out: Path) -> int:
    """Unfinished files that a finished run has left."""
    found = [p for p in out.rglob("*") if ".partial" in p.name]
    for path in found:
        print(f"left behind: {path.relative_to(out)}", file=sys.stderr)
    return len(found)


def outcome(folder: Path, place: Path, old: bool) -> str:
    """What a swap that was killed has left, as one of `OUTCOMES`."""
    said = attempt(lambda tell: tell(OUTCOMES.index(look(folder, place, old))))
    return OUTCOMES[said.reached]


def look(folder: Path, place: Path, old: bool) -> str:
    """Every file is read and verified."""
    from likeness.provenance import read_credentials, watermark

    keys = open_or_create(folder / "keys")
    names = {p.name for p in place.iterdir()}
    hidden = {n for n in names if n.startswith(".") and n.endswith(".partial")}
    reports = set(REPORTS) & names
    stale = [n for n in reports if (place / n).read_bytes() == OLD]
    path = place / "out.mp4"
    if names - hidden - reports - {path.name}:
        return "bad"
    if not path.exists():
        return "bad" if old or reports else "nothing"
    if path.read_bytes() == OLD:
        return "old file" if old and len(stale) == 2 else "bad"
    if stale:  # of the file that was there before
        return "bad"
    try:
        with path.open("rb") as file:
            found = read_credentials(file, "video/mp4", keys.trust_anchors_pem())
            assert found.present and found.intact and found.trusted
        images = [f.image for f in media.open_clip(path).frames]
        assert len(images) == FRAMES and watermark.find_watermark(images).found
        for name in reports:
            text = (place / name).read_text("utf-8")
            assert text.rstrip().endswith("</html>" if name.endswith("html") else "}")
    except Exception as error:
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
        return "bad"
    return "marked file and report" if len(reports) == 2 else "marked file, no report yet"


def prepare(folder: Path) -> None:
    """Two face sets of the portrait, one of them tinted, a record, a clip and keys."""
    portrait = next(iter(media.open_clip(portrait_path()).frames)).image
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(portrait).save(data, "PNG")
    reference, _ = store_reference(folder, "ref.png", data.getvalue())
    consent = Consent(
        "the astronaut of the NASA portrait", "public_domain", "research", TODAY + timedelta(days=1),
        "0" * 64, True, True, (reference,),
    )  # fmt: skip
    write_consent(consent, folder / "terms.consent.toml")
    consent = read_consent(folder / "terms.consent.toml").consent
    for name, tint in (("ada", (1.0, 0.9, 0.8)), ("bob", (0.7, 0.9, 1.0))):
        image = np.rint(portrait * np.array(tint)).astype(np.uint8)
        write_face_set(folder / name, face_set(image, consent))
    frames = [np.ascontiguousarray(f[40:280, 120:360]) for f in moved(portrait, FRAMES)]
    write_clip(folder / "clip.mp4", frames)
    open_or_create(folder / "keys")


def face_set(image: np.ndarray, consent: Consent) -> FaceSet:
    """24 crops of a portrait that sways."""
    clip = media.clip_from_frames(moved(image, 24), 25.0)
    (track,) = track_faces(clip, range(24), models=FaceModels(1))
    crops = [align(f.image, track.landmarks_px[i], 96, 0.25) for i, f in enumerate(clip.frames)]
    points = [
        transform(p, c.matrix).astype(np.float32)
        for p, c in zip(track.landmarks_px, crops, strict=True)
    ]
    rows = tuple({"file": "portrait", "frame_index": i, "time_s": i / 25} for i in range(24))
    return FaceSet(
        np.stack([c.image for c in crops]), np.stack(points), np.stack([c.matrix for c in crops]),
        rows, consent, 96, 0.25, embeddings=np.ones((24, 4), np.float32),
    )  # fmt: skip


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    """A plain clip of the unaltered portrait. Benchmarks only; nothing generated is in it."""
    from likeness.media.writing import VideoSettings, VideoWriter

    size_wh = (frames[0].shape[1], frames[0].shape[0])
    with path.open("w+b") as file, VideoWriter(file, size_wh, 25.0, "mp4", VideoSettings()) as out:
        for number, image in enumerate(frames):
            out.write(image, number / 25)
        out.finish()


def attempt(
    call: Callable[[Callable[[int], None]], object],
    after_s: float | None = None,
    from_mark: bool = False,
    marks: list[float] | None = None,
) -> Killed:
    """Run in a child, killed after so many seconds, counted from its start or from the first number that it tells."""
    board = mmap.mmap(-1, 4)

    def tell(number: int) -> None:
        board[:4] = struct.pack("i", number)

    def told() -> int:
        return int(struct.unpack("i", board[:4])[0])

    start = time.monotonic()
    child = os.fork()
    if not child:
        run_child(lambda: call(tell))
    status = None
    while status is None:
        pid, waited = os.waitpid(child, os.WNOHANG)
        status = waited if pid else None
        now = time.monotonic()
        if told() and marks is not None and not marks:
            marks.append(now)
        if after_s is not None and from_mark and told():
            after_s, from_mark = after_s + now - start, False
        if after_s is not None and not from_mark and now - start >= after_s and not pid:
            os.kill(child, signal.SIGKILL)
            after_s = None
        time.sleep(0.002)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"a child failed with {code}")
    return Killed(code != 0, time.monotonic() - start, told())


def run_child(call: Callable[[], object]) -> None:
    """This process itself runs nothing that starts threads, so forking it is safe."""
    try:
        identity_embedding.DlibEmbedder = lambda: lambda *_: np.ones(4, np.float32)
        call()
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(99)


if __name__ == "__main__":
    # Loaded before the first fork, so that a child starts at once.
    import av  # noqa: F401
    import c2pa  # noqa: F401
    import cv2
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import scipy.fft  # noqa: F401
    import torch  # noqa: F401

    cv2.setNumThreads(1)
    main()
