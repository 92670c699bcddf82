"""Run every command of docs/walkthrough.md as written, and time it.

    python benchmarks/walkthrough.py --data DATA               # both parts; the second trains for 20 minutes
    python benchmarks/walkthrough.py --data DATA --minutes 2   # the same with a shorter training

Ada and Bob are `mead` actors W009 and W011; "bob_new.mp4" is the happy clip, which nothing is trained on. The terms of that
data set stand for a letter: `written_consent` is replaced by `dataset_terms`, and nothing else is changed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from likeness import media
from likeness.apps.benching import write_rows

HERE = Path(__file__).parent
ROOT = HERE.parent
PEOPLE = {"ada": "W009", "bob": "W011"}
HELD_OUT = ("happy", "sad")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, help="of training, in place of the page's")
    parser.add_argument("--keep", type=Path, help="work here and leave everything there")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "walkthrough.csv")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        prepare(arguments.data, folder)
        rows = []
        for line in lines(arguments.minutes):
            rows.append(run(line, folder))
            write_rows(arguments.out, rows)
    sys.exit(any(row["exit code"] != row["expected"] for row in rows))


def lines(minutes: float | None) -> list[str]:
    """The lines of the page's shell blocks."""
    text = (ROOT / "docs" / "walkthrough.md").read_text("utf-8")
    found = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S))
    found = found.replace("written_consent", "dataset_terms")
    if minutes is not None:
        found = re.sub(r"--minutes \d+", f"--minutes {minutes:g}", found)
    return found.splitlines()


def prepare(data: Path, folder: Path) -> None:
    """What the page takes for granted, beside a copy of the recipes."""
    from PIL import Image

    work = folder / "walk"
    work.mkdir(parents=True)
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    for name, actor in PEOPLE.items():
        clips = sorted((data / "video/real/mead").glob(f"{actor}_*.mp4"))
        (work / name).mkdir()
        for clip in clips:
            if not any(emotion in clip.name for emotion in HELD_OUT):
                shutil.copy(clip, work / name)
            elif name == "bob" and HELD_OUT[0] in clip.name:
                shutil.copy(clip, work / "bob_new.mp4")
        neutral = media.open_clip(next(c for c in clips if "neutral" in c.name))
        Image.fromarray(next(iter(neutral.frames)).image).save(work / f"{name}.png")
    (work / "letter.pdf").write_text("The data set's terms allow synthesis for research.\n")


def run(line: str, folder: Path) -> dict:
    """One line in a shell of its own."""
    expected = re.search(r"# exits with (\d+)$", line)
    here = folder / "walk"
    made = line.startswith("mkdir walk")  # prepared already
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "LIKENESS_CONFIG": str(folder / "config")}
    print(f"$ {line}", flush=True)
    start = time.monotonic()
    code = 0
    if not made:
        code = subprocess.run(["bash", "-c", line], cwd=here, env=environment).returncode
    return {
        "command": line,
        "seconds": round(time.monotonic() - start, 1),
        "exit code": code,
        "expected": int(expected[1]) if expected else 0,
    }


if __name__ == "__main__":
    main()
