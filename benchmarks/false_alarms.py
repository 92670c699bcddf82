"""False alarms on every real clip, by person, beside the detection rate on pseudo-fakes of the same clips.

    python benchmarks/false_alarms.py --data FOLDER

Every clip of video/real/ goes through the whole of `detect`. Its pseudo-fake is made of eight of its frames (the frozen test
draw, the same for every frame), encoded once more with H.264 at CRF 23, and examined in memory. The two are therefore not
matched in frames or compression: read the false alarms and the detection rate as two figures, not as one separation.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import Item, read_items
from likeness.data.pairs import make_pair
from likeness.jobs.detect import DetectOptions, Examiner
from likeness.jobs.measuring import TEST_SEED
from likeness.scoring import clopper_pearson
from likeness.types import Verdict

HERE = Path(__file__).parent
CRF = 23


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "false_alarms.csv")
    arguments = parser.parse_args()
    items = [i for i in read_items(arguments.data) if i.kind == "video" and i.label == 0]
    rows: list[dict] = []
    with shown_progress() as progress:
        found = {
            k.item.path: k
            for k in known_faces(arguments.data, items, Path("runs/faces"), progress=progress)
        }
        work = [(arguments.data, item, found.get(item.path)) for item in items]
        with ProcessPoolExecutor(arguments.processes, get_context("spawn"), _start) as pool:
            for done, made in enumerate(pool.map(examined, work)):
                rows += made
                write_rows(arguments.out, rows)
                progress("clips", done + 1, len(items))
    for kind in ("real", "pseudo-fake"):
        report(kind, [r for r in rows if r["shown"] == kind])
    separation(rows)


def _start() -> None:
    import cv2

    cv2.setNumThreads(1)


def examined(work: tuple[Path, Item, KnownFace | None]) -> list[dict]:
    """Rows of a clip as it is and, where its face was found, of its pseudo-fake."""
    data, item, known = work
    examiner = Examiner(DetectOptions())
    rows = [row(item, "real", examiner.examine(data / item.path).verdict)]
    if known is not None:
        pair = make_pair(data, known, TEST_SEED)
        frames = media.h264_round_trip(list(pair.fake), 25.0, CRF)
        clip = media.clip_from_frames(frames, times_s=known.track.times_s)
        rows.append(row(item, "pseudo-fake", examiner.examine(clip).verdict))
    return rows


def separation(rows: list[dict]) -> None:
    """Below the threshold of the decision table: how far the two lie apart."""
    llrs = {
        k: [r["llr"] for r in rows if r["shown"] == k and r["llr"] is not None]
        for k in ("real", "pseudo-fake")
    }
    highest = max(llrs["real"], default=float("nan"))
    above = sum(value > highest for value in llrs["pseudo-fake"])
    print(
        f"\nhighest llr of a real clip {highest:+.2f}; pseudo-fakes above it: {above} of {len(llrs['pseudo-fake'])}"
    )


def row(item: Item, shown: str, verdict: Verdict) -> dict:
    return {
        "path": item.path,
        "person": item.group,
        "source": item.source,
        "role": item.role,
        "shown": shown,
        "label": verdict.label,
        "llr": None if verdict.llr is None else round(verdict.llr, 4),
        "tracks": len(verdict.tracks),
        "first_reason": verdict.reasons[0] if verdict.reasons else "",
    }


def report(kind: str, rows: list[dict]) -> None:
    people = {r["person"] for r in rows}
    alarmed = {r["person"] for r in rows if r["label"] == "manipulation_likely"}
    low, high = clopper_pearson(len(alarmed), len(people))
    print(f"\n{kind}: {len(rows)} clips of {len(people)} people")
    for label, count in Counter(r["label"] for r in rows).most_common():
        print(f"  {label:24} {count:3} clips ({count / len(rows):.0%})")
    print(
        f"  people called manipulated: {len(alarmed)} of {len(people)} (95 %: {low:.1%} to {high:.1%})"
    )
    for source in sorted({r["source"] for r in rows}):
        here = [r for r in rows if r["source"] == source]
        llrs = sorted(r["llr"] for r in here if r["llr"] is not None)
        middle = llrs[len(llrs) // 2] if llrs else float("nan")
        likely = sum(r["label"] == "manipulation_likely" for r in here)
        print(f"  {source:12} {len(here):3} clips, {likely:3} likely, median llr {middle:+.2f}")


if __name__ == "__main__":
    main()
