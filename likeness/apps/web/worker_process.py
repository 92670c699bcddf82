"""The server's end of one worker: start it, hand it a task, hear its lines, see its memory, end it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import site
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.apps.web.settings import Settings

MOST_LINE_BYTES = 64 << 10
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "OMP_NUM_THREADS", "LD_LIBRARY_PATH")


def _environment(scratch: Path) -> dict[str, str]:
    """Little of our own: what libraries leave in a home or a temporary folder lands where it is swept away.

    Few memory arenas, since each maps 64 MiB and the address space is limited.
    """
    passed = {k: os.environ[k] for k in _PASSED_ON if k in os.environ}
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(scratch))
    return {"MALLOC_ARENA_MAX": "4", "PYTHONUSERBASE": site.getuserbase(), **places, **passed}


class WorkerProcess:
    """A child that does one job; it waits for its task with everything imported."""

    def __init__(self, settings: Settings, limited: bool) -> None:
        self.limited = limited
        self._pending = b""
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=settings.data_folder,
            env=_environment(settings.data_folder / "scratch"),
            start_new_session=True,  # so that all of it can be ended at once, and Ctrl-C asks the server first
        )
        limits = {
            "address_bytes": settings.job_address_bytes,
            "cpu_seconds": settings.job_cpu_seconds,
        }
        self._say(limits)

    def command(self) -> list[str]:
        """What is started; `-P` keeps the working directory out of where modules are looked for."""
        flavour = "limited" if self.limited else "watched"
        return [sys.executable, "-P", "-m", "likeness.apps.web.worker", flavour]

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def give(self, task: Mapping[str, Any]) -> None:
        """Hand over the task."""
        self._say(task)

    def lines(self, timeout_s: float) -> list[dict[str, Any]] | None:
        """What it said since the last call, waiting up to `timeout_s` for it; None once its output is closed."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return []
        data = os.read(self._process.stdout.fileno(), MOST_LINE_BYTES)
        if not data:
            return None
        *whole, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > MOST_LINE_BYTES:  # a worker that was taken over may say anything
            self.kill()
            return None
        said = []
        for line in whole:
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    said.append(value)
        return said

    def resident_bytes(self) -> int:
        """Memory that it occupies; 0 where the system does not say."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def wait(self) -> int:
        """Its exit code, negative for a signal; what it started is ended and the pipes are closed."""
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return code

    def _say(self, what: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it died: its output says so
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            self._process.stdin.flush()
