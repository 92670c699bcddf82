"""Twenty uploads of 20 MB at a time, then a worker and the server are killed in the middle: is anything lost?

    python benchmarks/web_load.py

The real command on loopback with its default settings. The files are the NASA portrait as PNGs of 20 MB, each with other
filling. First all are handed in at the same moment by as many threads; the server's peak memory is read once all have
arrived. While they are examined, one worker is ended by SIGKILL, then the server itself, with another upload half way in.
The server starts again on the same data folder. At the end every job must be done, or failed with a reason; the files must
be those that were sent, to the bit. Needs the extra `web`, no data.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from web_workbench import Workbench, large_portrait

from likeness.apps.benching import write_rows

HERE = Path(__file__).parent
MOST_S = 1800.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not needed; accepted like everywhere")
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--megabytes", type=float, default=20.0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "web_load.csv")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = measure(Path(name), arguments.uploads, round(arguments.megabytes * 1e6))
    write_rows(arguments.out, rows)
    for row in rows:
        print(f"{row['figure']:55} {row['value']} {row['unit']}")
    sys.exit(next(1 if row["value"] else 0 for row in rows if row["figure"].startswith("lost")))


def measure(folder: Path, uploads: int, size_bytes: int) -> list[dict[str, object]]:
    """All figures, in the order in which they come about."""
    bench = Workbench(folder)
    files = [large_portrait(number, size_bytes) for number in range(uploads)]
    start_s = bench.start()
    idle_mb = bench.memory_mb("VmRSS")
    ids, arrived_s = arrive(bench, files)
    peak_mb = bench.memory_mb()
    wait_for(bench, 2)
    states = by_id(bench)
    for pid in bench.workers():  # the one that works; the next one starts when it is done
        os.kill(pid, signal.SIGKILL)
    failed_s = until(lambda: any(j["state"] == "failed" for j in bench.jobs()))
    killed = [job for job in bench.jobs() if job["state"] == "failed"]
    wait_for(bench, 5)
    broken: list[int] = []
    slow = threading.Thread(
        target=lambda: broken.append(
            bench.hand_in("cut.png", files[0], 10.0 * (1 << 18) / size_bytes)[0]
        )
    )
    slow.start()
    time.sleep(2.0)
    states, children = by_id(bench), bench.workers()
    peak_mb = max(peak_mb, bench.memory_mb())
    bench.kill()
    orphans_s = until(lambda: not any(alive(pid) for pid in children))
    slow.join()
    again_s = bench.start()
    left_incoming = len(list((folder / "data" / "incoming").iterdir()))
    after = by_id(bench)
    lost_on_restart = uploads - len(set(ids) & set(after))
    began = time.monotonic()
    until(lambda: all(j["state"] in ("done", "failed") for j in bench.jobs()))
    rest_s = time.monotonic() - began
    ended = {i: job for i, job in by_id(bench).items() if i in ids}
    peak_again_mb = bench.memory_mb()
    sums = {hashlib.sha256(data).hexdigest() for data in files}
    kept = {p.name for p in (folder / "data" / "uploads").iterdir()}
    true = all(
        hashlib.sha256((folder / "data" / "uploads" / n).read_bytes()).hexdigest() == n
        for n in kept
    )
    found = Counter(job["state"] for job in ended.values())
    reasonless = sum(j["state"] == "failed" and len(j["message"]) < 10 for j in ended.values())
    lost = lost_on_restart + len(ids) - len(ended) + len(sums ^ kept) + (not true) + reasonless
    bench.stop()
    return [
        figure("uploads at a time", uploads, ""),
        figure("size of each", size_bytes / 1e6, "MB"),
        figure("accepted (201)", len(ids), ""),
        figure("until all had arrived", round(arrived_s, 2), "s"),
        figure("start of the server", round(start_s, 2), "s"),
        figure("memory of the server when idle", round(idle_mb, 1), "MB"),
        figure("peak memory of the server, uploads and jobs", round(peak_mb, 1), "MB"),
        figure("peak memory of the server after the restart", round(peak_again_mb, 1), "MB"),
        figure("jobs that failed when a worker was killed", len(killed), ""),
        figure("until that was noticed", round(failed_s, 2), "s"),
        figure("jobs that ran when the server was killed", sum(j["state"] == "running" for j in states.values()), ""),
        figure("jobs that waited when the server was killed", sum(j["state"] == "queued" for j in states.values()), ""),
        figure("until its workers had ended too", round(orphans_s, 2), "s"),
        figure("upload under way when the server was killed: status", *broken, ""),
        figure("files left of it after the restart", left_incoming, ""),
        figure("restart of the server", round(again_s, 2), "s"),
        figure("until all other jobs had ended", round(rest_s, 1), "s"),
        figure("done at the end", found["done"], ""),
        figure("failed with a reason at the end", found["failed"] - reasonless, ""),
        figure("lost: no row, no reason, no file or another one", lost, ""),
    ]  # fmt: skip


def arrive(bench: Workbench, files: list[bytes]) -> tuple[list[str], float]:
    """Hand all of them in at the same moment; ids of those that were taken, and how long it took."""
    gate = threading.Barrier(len(files))

    def send(number: int) -> str | None:
        gate.wait()
        status, answer = bench.hand_in(f"portrait {number}.png", files[number])
        return answer["jobs"][0]["id"] if status == 201 else None

    began = time.monotonic()
    with ThreadPoolExecutor(len(files)) as pool:
        found = list(pool.map(send, range(len(files))))
    return [i for i in found if i], time.monotonic() - began


def wait_for(bench: Workbench, ended: int) -> None:
    """Until so many jobs have ended and another one runs."""

    def look() -> bool:
        states = Counter(job["state"] for job in bench.jobs())
        return states["done"] + states["failed"] >= ended and any(
            job["state"] == "running" and job["progress"] > 0 for job in bench.jobs()
        )

    until(look)


def by_id(bench: Workbench) -> dict[str, dict]:
    return {job["id"]: job for job in bench.jobs()}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what) -> float:
    """Wait for something; returns the seconds it took."""
    began = time.monotonic()
    while not what():
        if time.monotonic() - began > MOST_S:
            raise RuntimeError("it takes too long")
        time.sleep(0.05)
    return time.monotonic() - began


def figure(name: str, value: object, unit: str) -> dict[str, object]:
    return {"figure": name, "value": value, "unit": unit}


if __name__ == "__main__":
    main()
