"""What the pages of the workbench weigh, and how soon the verdict is on the screen once a job has ended.

    python benchmarks/web_pages.py
    python benchmarks/web_pages.py --clip some.mp4

The real command on loopback with its default settings. A picture (the NASA portrait) and a clip (the portrait, swaying, four
seconds at 512 x 512, or a file of yours) are handed in. From the moment at which the table of jobs says "done" it is timed
until the whole verdict page has been answered (the server's processor time is told beside it); and, where a Chromium and
playwright are there, until a browser that waits on the progress page shows the verdict and its player can be used. A page's
weight is its HTML, style sheets, modules and data for the player, without pictures and video. Needs the extra `web`, no data.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import re
import shutil
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from web_workbench import TOKEN, Workbench

from likeness.apps.benching import write_rows
from likeness.jobs.demo import moved, portrait_path
from likeness.testing import portrait

HERE = Path(__file__).parent
MOST_S = 600.0
GOAL_BYTES, GOAL_S = 500_000, 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not needed; accepted like everywhere")
    parser.add_argument("--clip", type=Path, help="a video of your own instead of the drawn one")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "web_pages.csv")
    arguments = parser.parse_args()
    clip = drawn_clip() if arguments.clip is None else arguments.clip.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        rows = measure(Path(name), {"picture": portrait_path().read_bytes(), "clip": clip})
    write_rows(arguments.out, rows)
    for row in rows:
        print(f"{row['figure']:58} {row['value']:>10} {row['unit']:6} {row['note']}")
    sys.exit(any(row["note"].startswith("above") for row in rows))


def measure(folder: Path, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """All figures; the first file of a worker is not timed, since it imports everything first."""
    bench = Workbench(folder)
    bench.start()
    rows = []
    try:
        finish(bench, "warm.png", files["picture"] + b"\n")
        jobs = {}
        for kind, data in files.items():
            jobs[kind], seconds = finish(bench, f"{kind}.bin", data)
            rows.append(
                _row(f"job done to whole verdict page, {kind}", seconds, "s", GOAL_S, busy())
            )
        for kind, job in jobs.items():
            spent = processor_s(bench, f"/jobs/{job}")
            rows.append(_row(f"processor time of one verdict page, {kind}", spent, "s", GOAL_S))
        for kind, seconds in in_browser(bench, files).items():
            figure = f"job done to player ready in Chromium, {kind}"
            rows.append(_row(figure, seconds, "s", GOAL_S, busy()))
        pages = {"start": "/", "history": "/history", "verify": "/verify"}
        pages |= {f"verdict of the {kind}": f"/jobs/{job}" for kind, job in jobs.items()}
        pages["comparison"] = "/compare?job=" + "&job=".join(jobs.values())
        for name, path in pages.items():
            html, assets, requests = weigh(bench, path)
            note = f"{html:,} of them HTML, in {requests} requests"
            rows.append(
                _row(f"weight of the page: {name}", html + assets, "bytes", GOAL_BYTES, note)
            )
    finally:
        bench.stop()
    return rows


def finish(bench: Workbench, name: str, data: bytes) -> tuple[str, float]:
    """Hand a file in and wait; gives its job and the seconds from its end to the whole verdict page."""
    status, answer = bench.hand_in(name, data)
    assert status == 201, answer
    job = answer["jobs"][0]["id"]
    deadline = time.monotonic() + MOST_S
    while (now := bench.get(f"/api/jobs/{job}"))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    assert now["state"] == "done", now
    page(bench, f"/jobs/{job}")
    return job, time.time() - datetime.fromisoformat(now["updated"]).timestamp()


def processor_s(bench: Workbench, path: str, times: int = 20) -> float:
    """Processor seconds that the server spends on one answer: the same however busy the machine is."""

    def spent() -> float:
        fields = Path(f"/proc/{bench.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = spent()
    for _ in range(times):
        page(bench, path)
    return (spent() - before) / times


def busy() -> str:
    """How many processes want the processor, since times depend on it."""
    return f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"


def in_browser(bench: Workbench, files: dict[str, bytes]) -> dict[str, float]:
    """Seconds from the job's end until the player of a browser that waited is ready; empty without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    found = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        tab.set_default_timeout(1000 * MOST_S)
        tab.goto(f"http://127.0.0.1:{bench.port}/enter?token={TOKEN}")
        for kind, data in files.items():
            # Another file by one byte, or the answer would be there at once.
            payload = {"name": f"{kind}.bin", "mimeType": "", "buffer": data + b"\0"}
            tab.set_input_files("input[name=file]", payload)
            tab.wait_for_url("**/jobs/*")
            tab.wait_for_selector(".player[data-ready]")
            ready = time.time()
            job = bench.get(f"/api/jobs/{tab.url.rsplit('/', 1)[1]}")
            found[kind] = ready - datetime.fromisoformat(job["updated"]).timestamp()
            tab.goto(f"http://127.0.0.1:{bench.port}/")
        browser.close()
    return found


def weigh(bench: Workbench, path: str) -> tuple[int, int, int]:
    """Bytes of a page's HTML, bytes of everything else that it loads but media, and how many requests that takes."""
    html = page(bench, path)
    text, assets, seen = html.decode(), 0, set()
    wanted = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+)"', text)
    wanted += re.findall(r'data-view="([^"]+)"', text)
    while wanted:
        address = wanted.pop()
        if address not in seen:
            seen.add(address)
            content = page(bench, address)
            assets += len(content)
            wanted += [
                f"/static/js/{n}" for n in re.findall(r'from "\./([\w.]+)"', content.decode())
            ]
    return len(html), assets, 1 + len(seen)


def page(bench: Workbench, path: str) -> bytes:
    """The whole answer to a request for a page."""
    line = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=60)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"}
    line.request("GET", path, headers=headers)
    answer = line.getresponse()
    content = answer.read()
    line.close()
    assert answer.status == 200, (path, answer.status)
    return content


def drawn_clip(seconds: int = 4) -> bytes:
    """The portrait, swaying, as H.264."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 512
        stream.pix_fmt = "yuv420p"
        for image in moved(portrait(), 25 * seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def _row(figure: str, value: float, unit: str, goal: float, note: str = "") -> dict[str, Any]:
    verdict = "above the goal" if value > goal else ""
    shown = round(value, 3) if unit == "s" else int(value)
    return {
        "figure": figure,
        "value": shown,
        "unit": unit,
        "goal": goal,
        "note": "; ".join(p for p in (verdict, note) if p),
    }


if __name__ == "__main__":
    main()
