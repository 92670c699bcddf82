"""A workbench under test for `web_load.py` and `web_hostile.py`: the real command in a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

from likeness.jobs.demo import portrait_path

TOKEN = "a-token-for-benchmarks-only"
BOUNDARY = "likeness-benchmark-boundary"


class Workbench:
    """`likeness serve` over a data folder; it can be killed and started again."""

    def __init__(
        self, folder: Path, start: tuple[str, ...] = (), options: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self._command = start or ("-m", "likeness.apps.cli")
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        """Start it; returns the seconds until it answered."""
        began = time.monotonic()
        command = [sys.executable, *self._command, "serve", "--no-open", *self._options]
        command += [
            "--port",
            str(self.port),
            "--token",
            TOKEN,
            "--data-folder",
            str(self.folder / "data"),
        ]
        env = {**os.environ, "LIKENESS_CONFIG": str(self.folder / "config")}
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "log").open("a"),
            text=True,
            env=env,
            cwd=self.folder,
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline().startswith("Likeness workbench"):
            raise RuntimeError((self.folder / "log").read_text())
        return time.monotonic() - began

    @property
    def pid(self) -> int:
        """Number of its process."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """Its worker processes, the one that waits included."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(path.read_text().rpartition(")")[2].split()[1]) == self.pid:
                    found.append(int(path.parent.name))
        return found

    def memory_mb(self, what: str = "VmHWM") -> float:
        """Resident memory of the server: its peak (VmHWM) or now (VmRSS)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) / 1024
        return 0.0

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ctrl-C."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def get(self, path: str) -> Any:
        """JSON of an address."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        line.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        value = json.loads(line.getresponse().read())
        line.close()
        return value

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs."""
        first = self.get("/api/jobs")
        rest = (self.get(f"/api/jobs?page={n}")["jobs"] for n in range(2, first["pages"] + 1))
        return first["jobs"] + [job for page in rest for job in page]

    def hand_in(self, name: str, data: bytes, pause_s: float = 0.0) -> tuple[int, Any]:
        """Upload in pieces of 256 KiB; (0, None) if the line breaks."""
        head, tail = form_around(name)
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            line.putrequest("POST", "/api/jobs")
            line.putheader("Authorization", f"Bearer {TOKEN}")
            line.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
            line.putheader("Content-Length", str(len(head) + len(data) + len(tail)))
            line.endheaders()
            line.send(head)
            for start in range(0, len(data), 1 << 18):
                line.send(data[start : start + (1 << 18)])
                time.sleep(pause_s)
            line.send(tail)
            answer = line.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            line.close()


def form_around(name: str) -> tuple[bytes, bytes]:
    """What stands before and after a file in a form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode(), f"\r\n--{BOUNDARY}--\r\n".encode()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def large_portrait(number: int, size_bytes: int) -> bytes:
    """The NASA portrait as a PNG of that size that no other number gives; what fills it is no picture."""
    portrait = Path(portrait_path()).read_bytes()
    end = portrait.rindex(b"IEND") - 4
    filling = os.urandom(16) * ((size_bytes - len(portrait)) // 16) + number.to_bytes(4, "big")
    return portrait[:end] + chunk(b"liKe", filling) + portrait[end:]
