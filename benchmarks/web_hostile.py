"""Hostile requests to a running workbench, 300 and those to its studio: what does it say, and what is written where?

    python benchmarks/web_hostile.py

Every request goes over the line as it stands in `web_hostile_requests.py` and `web_hostile_studio.py`, each on a connection of its own. Each must get
a 4xx with one plain sentence: no trace, no path, no markup. Afterwards twelve files that are bombs of their kind are handed in;
those are taken and must fail (or be done) with a reason while the server answers others. The server's own process runs
with an audit hook (`web_audited.py`) that lists what it opens for writing, makes, renames or removes; outside the data
folder that must be nothing but its key store. Home, configuration and temporary folders of the run are looked through as well.
Needs the extra `web`, no data.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import http.client
import io
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from web_hostile_requests import UPLOAD_MB, Known, media_bombs, requests
from web_hostile_studio import studio_requests
from web_workbench import TOKEN, Workbench, large_portrait

from likeness.apps.benching import write_rows

HERE = Path(__file__).parent
SENTENCE = re.compile(r"[A-Z][^<>{}\n]{8,240}\.")
REASON = re.compile(r"bomb: [^<>{}\n]{8,300}")
ALLOWED_OUTSIDE = ("/dev/null",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not needed; accepted like everywhere")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "web_hostile.csv")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows, bad = measure(Path(name).resolve())
    write_rows(arguments.out, rows)
    for row in rows:
        print(*row.values(), sep="  ")
    print(*bad, sep="\n")
    sys.exit(1 if bad else 0)


def measure(folder: Path) -> tuple[list[dict[str, object]], list[str]]:
    """Rows per kind of request, and what went wrong in words."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    os.environ |= {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LIKENESS_AUDIT": str(folder / "audit"),
    }
    bench = Workbench(
        folder, (str(HERE / "web_audited.py"),), ("--upload-mb", str(UPLOAD_MB), "--studio")
    )
    bench.start()
    before = listing(folder)
    job = bench.hand_in("known.png", large_portrait(0, 1_000_000))[1]["jobs"][0]["id"]
    told = known(bench, job)
    cases = requests(told) + studio_requests(told)
    bad: list[str] = []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    slowest: dict[str, float] = defaultdict(float)
    for case in cases:
        began = time.monotonic()
        status, said = ask(bench.port, case.data)
        slowest[case.kind] = max(slowest[case.kind], time.monotonic() - began)
        fine = 400 <= status < 500 and is_plain(said, folder)
        counts[case.kind][str(status)] += 1
        counts[case.kind]["fine"] += fine
        if not fine:
            bad.append(f"{case.kind}, {case.what}: {status} {said[:200]!r}")
    if bench.get(f"/api/jobs/{job}")["state"] == "deleted":
        bad.append("the known job is gone")
    rows = [row(kind, found, slowest[kind]) for kind, found in counts.items()]
    rows.append(row("all", sum(counts.values(), Counter()), max(slowest.values())))
    rows += bombs(bench, bad)
    peak_mb = bench.memory_mb()
    bench.stop()
    outside = written_outside(folder, before)
    bad += [f"written outside: {path}" for path in outside]
    rows.append({"kind": "written outside the data folder", "requests": len(outside)})
    rows.append({"kind": "peak memory of the server, MB", "requests": round(peak_mb, 1)})
    return rows, bad


def row(kind: str, found: Counter[str], slowest_s: float) -> dict[str, object]:
    statuses = {k: v for k, v in found.items() if k != "fine"}
    return {
        "kind": kind,
        "requests": sum(statuses.values()),
        "4xx with a plain sentence": found["fine"],
        "statuses": " ".join(f"{k}:{v}" for k, v in sorted(statuses.items())),
        "slowest_s": round(slowest_s, 2),
    }


def known(bench: Workbench, job: str) -> Known:
    """What some of the requests know: a session and the token of our forms, as a browser would have them."""
    line = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=30)
    line.request("GET", f"/enter?token={TOKEN}")
    cookie = line.getresponse().headers["set-cookie"].partition(";")[0]
    line.close()
    line.request("GET", "/api/docs", headers={"Cookie": cookie})
    page = line.getresponse().read().decode()
    found = re.search(r'name="csrf" content="([0-9a-f]{64})"', page)
    line.close()
    assert found is not None
    return Known(bench.port, job, cookie, found.group(1))


def ask(port: int, data: bytes) -> tuple[int, str]:
    """Status and body of what comes back; (0, why) if nothing does."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        with contextlib.suppress(OSError):  # it may answer before it has heard everything
            line.sendall(data)
        heard = b""
        try:
            while piece := line.recv(65536):
                heard += piece
        except OSError as error:
            heard = heard or str(error).encode()
    answer = http.client.HTTPResponse(_Heard(heard))  # type: ignore[arg-type]
    try:
        answer.begin()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 0, f"{error} {heard[:100]!r}"


class _Heard:
    """What came over a line, for a reader that wants a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def is_plain(said: str, folder: Path) -> bool:
    """Whether a body is one sentence: the `error` of JSON, or plain text of the HTTP library."""
    try:
        value = json.loads(said)
        said = value["error"] if list(value) == ["error"] else ""
    except ValueError:
        pass
    return bool(SENTENCE.fullmatch(said)) and str(folder) not in said and "Traceback" not in said


def bombs(bench: Workbench, bad: list[str]) -> list[dict[str, object]]:
    """Hand in files that are bombs; each must end with a reason while the server answers."""
    ids = {}
    for what, data in media_bombs().items():
        status, answer = bench.hand_in("bomb", data)
        if status == 201:
            ids[answer["jobs"][0]["id"]] = what
        elif not 400 <= status < 500:
            bad.append(f"media bomb {what}: {status}")
    slowest, ended = 0.0, []
    until = time.monotonic() + 900
    while len(ended) < len(ids) and time.monotonic() < until:
        began = time.monotonic()
        jobs = {job["id"]: job for job in bench.jobs()}
        slowest = max(slowest, time.monotonic() - began)
        ended = [jobs[i] for i in ids if jobs[i]["state"] in ("done", "failed")]
        time.sleep(0.2)
    for job in ended:
        print(f"  media bomb, {ids[job['id']]}: {job['state']}: {job['message'] or job['summary']}")
        if job["state"] == "failed" and not REASON.fullmatch(job["message"]):
            bad.append(f"media bomb {ids[job['id']]}: {job['message']}")
    if len(ended) < len(ids):
        bad.append(f"{len(ids) - len(ended)} media bombs never ended")
    states = Counter(job["state"] for job in ended)
    shown = " ".join(f"{k}:{v}" for k, v in sorted(states.items()))
    return [
        {
            "kind": "media bombs taken",
            "requests": len(ids),
            "statuses": shown,
            "slowest_s": round(slowest, 2),
        }
    ]


def listing(folder: Path) -> set[str]:
    """All files and folders that are no data."""
    data = folder / "data"
    return {str(p) for p in folder.rglob("*") if data not in (p, *p.parents)}


def written_outside(folder: Path, before: set[str]) -> list[str]:
    """Paths outside the data folder that the server wrote, or that were not there before."""
    allowed = (str(folder / "data"), str(folder / "config"), *ALLOWED_OUTSIDE)
    with (folder / "audit").open(encoding="utf-8", newline="") as file:
        wrote = [
            line[1] for line in csv.reader(file, delimiter="\t") if line[0] != "subprocess.Popen"
        ]
    found = {path for path in wrote if not path.startswith(allowed) and "__pycache__" not in path}
    new = listing(folder) - before - {str(folder / "audit"), str(folder / "log")}
    return sorted(found | {path for path in new if not path.startswith(allowed)})


if __name__ == "__main__":
    main()
