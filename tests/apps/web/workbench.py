"""A workbench for tests: in this process, on its own data folder, with real or with made-up workers."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from likeness.apps.web import security
from likeness.apps.web.server import create_app
from likeness.apps.web.services import Services
from likeness.apps.web.settings import Settings
from likeness.apps.web.worker_process import WorkerProcess

TOKEN = "a-token-that-only-tests-know"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(**{"data_folder": folder, "token": TOKEN, "port": 80, "workers": 0, **changes})


@contextmanager
def workbench(
    folder: Path, worker: str | None = None, **changes: Any
) -> Iterator[tuple[TestClient, Services]]:
    """A client that has been let in by its token; `worker` is the code of workers that stand in for the real ones."""
    app = create_app(settings(folder, **changes))
    services: Services = app.state.services
    if worker is not None:
        services.supervisor._start = lambda given, limited: _Standing(worker, given, limited)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        client.headers.update(BEARER)
        yield client, services


@contextmanager
def browser(client: TestClient) -> Iterator[TestClient]:
    """The same workbench for a browser: a cookie instead of the token."""
    inside = TestClient(client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    entered = inside.get("/enter", params={"token": TOKEN}, follow_redirects=False)
    assert entered.status_code == 303
    yield inside


def csrf(services: Services) -> dict[str, str]:
    return {security.CSRF_HEADER: security.csrf_token(services.settings)}


def png(seed: int = 0, side: int = 16) -> bytes:
    """A picture that no other seed gives."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def hand_in(client: TestClient, data: bytes, name: str = "a.png") -> dict[str, Any]:
    answer = client.post("/api/jobs", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()["jobs"][0]
    return job


def wait(until: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `until` gives as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := until():
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing happened within {seconds} s")


def ended(client: TestClient, job_id: str, seconds: float = 240.0) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
        return job if job["state"] not in ("queued", "running") else None

    found: dict[str, Any] = wait(look, seconds)
    return found


class _Standing(WorkerProcess):
    """A worker that runs a few lines of a test instead: `task` is what it was given, `say(**what)` answers."""

    def __init__(self, code: str, given: Settings, limited: bool) -> None:
        self._code = code
        super().__init__(given, limited)

    def command(self) -> list[str]:
        start = (
            "import json, os, sys, time\n"
            "limits = json.loads(sys.stdin.readline())\n"
            "line = sys.stdin.readline()\n"
            "if not line: sys.exit()\n"
            "task = json.loads(line)\n"
            "def say(**what): print(json.dumps(what), flush=True)\n"
            "def write(name, text):\n"
            "    with open(os.path.join(task['folder'], name), 'w') as f: f.write(text)\n"
        )
        return [sys.executable, "-S", "-c", start + self._code]


DONE = (
    "report = {'results': [{'path': task['shown_name'], 'name': task['shown_name']}]}\n"
    "write('report.json', json.dumps(report))\n"
    "write('report.html', '<!doctype html><title>' + task['shown_name'] + '</title>')\n"
    "say(done=True, label='inconclusive', llr=0.5, summary='Nothing.')\n"
)
