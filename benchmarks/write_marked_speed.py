"""Speed and memory of `write_marked` at 720p, stage by stage, against a plain re-encode of the same clip in the same run.

    python benchmarks/write_marked_speed.py --data FOLDER

The plain re-encode decodes every frame to RGB and encodes it with the same encoder, settings and sound, unmarked and in
memory. Stages run alone, one after the other; the whole overlaps embedding with encoding, so it takes less than their sum.
Presets of x264 are compared on the same frames. Runs alternate; medians count. `--memory` writes a minute of drawn 720p in
a process of its own and prints its peak.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np

from likeness import media, provenance
from likeness.apps.benching import write_rows
from likeness.jobs.demo import moved
from likeness.media.writing import AudioCopy, VideoSettings, VideoWriter
from likeness.provenance import writing_verify
from likeness.provenance.credentials import sign
from likeness.provenance.watermark import Embedder
from likeness.types import Clip, Consent, Reference

HERE = Path(__file__).parent
CLIP = "video/real/portraits/d13.mp4"
TODAY = date(2026, 11, 22)
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "medium")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="only this: a minute of drawn 720p")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "write_marked_speed.csv")
    arguments = parser.parse_args()
    if arguments.memory:
        print(peak_of_a_minute())
        return
    clip = media.open_clip(arguments.data / CLIP)
    count = min(arguments.frames, len(clip.frames))
    with tempfile.TemporaryDirectory() as folder:
        rows = speed_rows(clip, count, arguments.runs, Path(folder))
    rows += preset_rows(clip, min(count, 100))
    command = [sys.executable, __file__, "--data", str(arguments.data), "--memory"]
    peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    rows.append({"what": "peak memory, 60 s of drawn 720p", "value": peak, "unit": "MB"})
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def speed_rows(clip: Clip, count: int, runs: int, folder: Path) -> list[dict]:
    keys = provenance.open_or_create(folder / "keys")
    images = [frame.image for frame in clip.frames.at(range(count))]
    embedder = Embedder(clip.size_wh, making().job_id)
    plain = reencode(clip, images)
    signed = io.BytesIO()
    sign(io.BytesIO(plain), signed, "video/mp4", making(), keys)
    path = folder / "out.mp4"
    options = provenance.WriteOptions(audio_from=clip if clip.audio else None)

    def marked() -> None:
        frames = fresh(clip).frames.at(range(count))
        provenance.write_marked(frames, path, making(), keys, options)

    def verified() -> None:
        with path.open("rb") as file:
            writing_verify.verify_credentials(file, "video/mp4", making(), keys)
            writing_verify.verify_watermark(file, making(), count)

    stages: dict[str, Callable[[], object]] = {
        "plain re-encode (decode, encode)": lambda: reencode(clip, None, count),
        "write_marked (all of it)": marked,
        "stage: decode": lambda: sum(1 for _ in fresh(clip).frames.at(range(count))),
        "stage: embed (one thread)": lambda: [embedder.embed(image) for image in images],
        "stage: encode": lambda: reencode(clip, images),
        "stage: sign": lambda: sign(io.BytesIO(plain), io.BytesIO(), "video/mp4", making(), keys),
        "stage: verify": verified,
    }
    times: dict[str, list[float]] = {name: [] for name in stages}
    for run in range(runs + 1):
        for name, call in stages.items():
            start = time.perf_counter()
            call()
            if run:  # the first round warms everything up
                times[name].append(time.perf_counter() - start)
    base = times["plain re-encode (decode, encode)"]
    size = f"{clip.size_wh[0]}x{clip.size_wh[1]}"
    return [
        {
            "what": f"{name}, {size}, {count} frames",
            "value": round(count / median(values), 1),
            "unit": "frames/s",
            "seconds": round(median(values), 2),
            "low_s": round(min(values), 2),
            "high_s": round(max(values), 2),
            "ratio_to_plain": round(median(np.divide(values, base)), 2),
        }
        for name, values in times.items()
    ]


def preset_rows(clip: Clip, count: int) -> list[dict]:
    """Speed, size and fidelity of x264's presets at CRF 18, embedding left out."""
    images = [frame.image for frame in clip.frames.at(range(count))]
    rows = []
    for preset in PRESETS:
        start = time.perf_counter()
        content = reencode(clip, images, settings=VideoSettings(preset=preset), sound=False)
        spent_s = time.perf_counter() - start
        errors = [
            ((a.astype(np.float64) - b.image) ** 2).mean()
            for a, b in zip(images[::10], media.open_clip(content).frames.at(range(0, count, 10)), strict=True)
        ]  # fmt: skip
        rows.append(
            {
                "what": f"preset {preset}",
                "value": round(count / spent_s, 1),
                "unit": "frames/s",
                "kB": len(content) // 1000,
                "PSNR_rgb_dB": round(10 * np.log10(255**2 / np.mean(errors)), 2),
            }
        )
    return rows


def reencode(
    clip: Clip,
    images: list[np.ndarray] | None,
    count: int | None = None,
    settings: VideoSettings | None = None,
    sound: bool = True,
) -> bytes:
    """The clip's frames, or `images` at their times, through the encoder alone."""
    file = io.BytesIO()
    times = clip.timestamps_s
    pictures: Iterator[np.ndarray] = (
        iter(images)
        if images is not None
        else (frame.image for frame in fresh(clip).frames.at(range(count or 0)))
    )
    with VideoWriter(file, clip.size_wh, clip.fps, "mp4", settings or VideoSettings()) as writer:
        if sound and clip.audio is not None:
            writer.copy_sound(AudioCopy(clip))
        for number, image in enumerate(pictures):
            writer.write(image, float(times[number]))
        writer.finish()
    return file.getvalue()


def fresh(clip: Clip) -> Clip:
    """The same file opened again: nothing is in a cache."""
    assert clip.raw is not None
    with clip.raw.open() as file:
        return media.open_clip(file.read())


def peak_of_a_minute() -> int:
    """Peak resident memory in MB of writing 60 s of drawn 720p at 25 Hz."""
    from skimage import data

    tile = np.tile(data.astronaut(), (2, 3, 1))[:720, :1280]
    pictures = moved(tile, 25)
    before = peak_mb()
    frames = (
        provenance.GeneratedFrame(np.roll(pictures[n % 25], 8 * (n // 25), axis=1), n / 25)
        for n in range(1500)
    )
    with tempfile.TemporaryDirectory() as folder:
        keys = provenance.open_or_create(Path(folder) / "keys")
        provenance.write_marked(frames, Path(folder) / "out.mp4", making(), keys)
    print(f"before the first frame: {before} MB", file=sys.stderr)
    return peak_mb()


def peak_mb() -> int:
    """Peak resident memory of this program; getrusage would count the program that started it."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1]) // 1024


def making() -> provenance.Making:
    references = (Reference("nobody.png", "0" * 64),)
    consent = Consent("x", "written_consent", "research", TODAY, "0" * 64, True, True, references)
    source = "compositeWithTrainedAlgorithmicMedia"
    return provenance.Making("benchmark", source, (consent,), "research", TODAY, job_id=0xC0FFEE)


if __name__ == "__main__":
    main()
