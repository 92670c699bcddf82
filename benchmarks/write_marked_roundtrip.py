"""Do all marked files verify? Written by one process, read by a fresh one, checked by a second reader of the hash.

    python benchmarks/write_marked_roundtrip.py --data FOLDER

Frames of `mead` and `grid_s1` (whose terms cover this) and the NASA portrait go through `write_marked` in every format, with
sound where the clip has some, and a tone through `write_marked_sound`. A fresh process then asks of every file: are the
credentials intact and trusted, does our own computation of the hash agree, and does the watermark say the same job. Files lie
in a temporary folder and are removed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import numpy as np

from likeness import media, provenance
from likeness.apps.benching import write_rows
from likeness.data import read_items
from likeness.jobs.demo import portrait_path
from likeness.media.raw import read_sidecar
from likeness.types import Clip, Consent, Frame, Reference

HERE = Path(__file__).parent
TODAY = date(2026, 11, 22)
PICTURES, VIDEOS = (".png", ".jpg", ".webp"), (".mp4", ".mov", ".mkv")
SECONDS = 2.0
REFERENCE = (Reference("reference.jpg", "1" * 64),)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=5, help="clips of each source")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "write_marked_roundtrip.csv")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps([examined(path, arguments.read) for path in outputs(arguments.read)]))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_all(Path(folder), arguments.data, arguments.clips)
        command = [sys.executable, __file__, "--data", str(arguments.data), "--read", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = table(json.loads(done.stdout))
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def write_all(folder: Path, data: Path, clips: int) -> None:
    """Every format of every item; the file's stem is its job number."""
    keys = provenance.open_or_create(folder / "keys")
    paths = [portrait_path()]
    for source in ("mead", "grid_s1"):
        found = [item.path for item in read_items(data) if item.source == source]
        paths += [data / path for path in found[:: max(1, len(found) // clips)][:clips]]
    job = 1
    for path in paths:
        clip = media.open_clip(path)
        for suffix in (*PICTURES, *(VIDEOS if clip.kind == "video" else ())):
            making = making_of(clip, job)
            options = provenance.WriteOptions(
                audio_from=clip if suffix in VIDEOS and clip.audio else None,
                sidecar=suffix == ".mkv",
            )
            frames = frames_of(clip, suffix in VIDEOS)
            provenance.write_marked(frames, folder / f"{job}{suffix}", making, keys, options)
            job += 1
        clip.frames.close()
    tone = np.sin(np.arange(32000) * 0.2).astype(np.float32) * 0.3
    record = Consent(
        "a tone", "written_consent", "research", date(2030, 1, 1), "0" * 64, True, True, REFERENCE
    )
    making = provenance.Making(
        "a tone", "trainedAlgorithmicMedia", (record,), "research", TODAY, job
    )
    sound = provenance.GeneratedSound(tone, 16000)
    provenance.write_marked_sound(sound, folder / f"{job}.wav", making, keys)


def making_of(clip: Clip, job: int) -> provenance.Making:
    """Unaltered footage stands in for generated frames: what is measured is the way out."""
    record = Consent(
        clip.name, "dataset_terms", "research", date(2030, 1, 1), "0" * 64, True, True, REFERENCE
    )
    part = provenance.Ingredient(clip.name, clip.sha256, "application/octet-stream")
    kind = "compositeWithTrainedAlgorithmicMedia"
    return provenance.Making(
        "stand-in", kind, (record,), "research", TODAY, job, ingredients=(part,)
    )


def frames_of(clip: Clip, moving: bool) -> Iterable[Frame]:
    for frame in clip.frames:
        if frame.time_s > (SECONDS if moving else 0.0):
            return
        yield frame


def outputs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".c2pa")


def examined(path: Path, folder: Path) -> dict:
    """What a fresh process finds in one file."""
    anchors = provenance.KeyStore(folder / "keys").trust_anchors_pem()
    beside, job = read_sidecar(path), int(path.stem)
    with path.open("rb") as file:
        read = provenance.read_credentials(file, "", anchors, beside)
        bound = provenance.check_hard_binding(file, "", beside)
    clip = media.open_clip(path)
    chosen = () if clip.kind == "audio" else media.sample(clip, media.Sampling("evenly", 8))
    images = [frame.image for frame in clip.frames.at(chosen)]
    found = provenance.find_watermark(images) if images else None
    clip.frames.close()
    return {
        "format": path.suffix[1:],
        "intact and trusted": bool(read.intact and read.trusted),
        "job in manifest": read.job_id == job,
        "own hash agrees": bound.matches is True,
        "watermark": found is None or (found.found and found.payload == job),
        "log10_fp": found.log10_false_positive if found else None,
    }


def table(found: list[dict]) -> list[dict]:
    rows = []
    for kind in sorted({entry["format"] for entry in found}):
        group = [entry for entry in found if entry["format"] == kind]
        counts = {
            name: sum(entry[name] for entry in group)
            for name in ("intact and trusted", "job in manifest", "own hash agrees", "watermark")
        }
        worst = max((e["log10_fp"] for e in group if e["log10_fp"] is not None), default="")
        rows.append({"format": kind, "files": len(group), **counts, "log10_fp highest": worst})
    return rows


if __name__ == "__main__":
    main()
