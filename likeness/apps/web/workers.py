"""The supervisor: takes waiting jobs one after the other and gives each to a process of its own.

Whatever happens to that process (a crash, a kill, too much memory, a person who changes their mind) ends one job. One
process waits ahead with everything imported, so that an upload does not wait for Python to start.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from likeness.apps.web.kinds import NEEDS_TORCH, STUDIO_KINDS
from likeness.apps.web.results import Results
from likeness.apps.web.settings import Settings
from likeness.apps.web.store import CANCELLED, DONE, FAILED, QUEUED, Job, Store
from likeness.apps.web.worker_process import WorkerProcess
from likeness.errors import LikenessError

LOOK_S = 0.2
"""How often a running worker's memory is looked at, and how soon a cancelled one is noticed."""
TELL_S = 0.2
"""Progress is written at most so often."""


class Supervisor:
    """Threads that each run one job at a time.

    Args:
        settings: limits and the number of workers.
        store: the table.
        results: the folders.
        log: one line for the terminal.
        start: makes a worker; tests bring their own.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        results: Results,
        log: Callable[[str], None],
        start: Callable[[Settings, bool], WorkerProcess] = WorkerProcess,
    ) -> None:
        self._settings, self._store, self._results = settings, store, results
        self._log, self._start = log, start
        self._lock = threading.Lock()
        self._running: dict[str, tuple[str, WorkerProcess | None]] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work."""
        for number in range(self._settings.workers):
            thread = threading.Thread(
                target=self._slot, args=(number,), name=f"likeness-job-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the workers; what they did is done again at the next start."""
        self._stopping = True
        self.wake()
        with self._lock:
            workers = [w for _, w in self._running.values() if w is not None]
        for worker in workers:
            worker.kill()
        for thread in self._threads:
            thread.join(10.0)

    def wake(self) -> None:
        """There may be something to do."""
        with self._wake:
            self._wake.notify_all()

    def cancel(self, job_id: str, reason: str = "Stopped by you.") -> None:
        """End a job that waits or runs, at once."""
        self._store.change(job_id, state=CANCELLED, message=reason)
        with self._lock:
            worker = self._running.get(job_id, ("", None))[1]
        if worker is not None:
            worker.kill()

    def pids(self) -> dict[str, int]:
        """Process of every running job."""
        with self._lock:
            return {job: w.pid for job, (_, w) in self._running.items() if w is not None}

    def _slot(self, number: int) -> None:
        # Where there are several, one is left to examinations: they do not wait for a training.
        not_here = STUDIO_KINDS if number == 0 and self._settings.workers > 1 else ()
        spare: WorkerProcess | None = None
        while not self._stopping:
            spare = spare or self._start(self._settings, True)
            job = self._next(not_here)
            if job is None:
                with self._wake:
                    self._wake.wait(0.5)
                continue
            limited = job.kind not in NEEDS_TORCH
            if limited and spare.alive:
                worker, spare = spare, None
            else:
                worker = self._start(self._settings, limited)
            try:
                self._run(job, worker)
            except Exception as error:  # this job failed; the next one has its turn
                self._log(f"job {job.id}: {type(error).__name__}: {error}")
                sentence = "The workbench could not run this."
                self._store.change(job.id, state=FAILED, message=sentence)
            finally:
                worker.kill()
                worker.wait()
                with self._lock:
                    self._running.pop(job.id, None)
                self._results.end(job.id)
        if spare is not None:
            spare.kill()
            spare.wait()

    def _next(self, not_here: tuple[str, ...]) -> Job | None:
        """The next job that needs a worker; those whose answer is there already are finished on the way."""
        with self._lock:
            while True:
                busy = [result for result, _ in self._running.values()]
                job = self._store.claim(busy, not_here)
                if job is None:
                    return None
                known = self._results.meta(job.result)
                if known is None:
                    self._running[job.id] = (job.result, None)
                    return job
                self._store.change(job.id, **done_fields(known))

    def _run(self, job: Job, worker: WorkerProcess) -> None:
        with self._lock:
            self._running[job.id] = (job.result, worker)
        now = self._store.get(job.id)
        if now is None or not now.open:  # cancelled in between
            return
        folder, name = self._results.begin(job.id), "file" + secrets.token_hex(12)
        order = {
            "job_id": job.id,
            "kind": job.kind,
            "examined": self._examined(job),
            "studio": self._studio(),
            "file_name": job.file_name,
            "source": str(self._results.upload(job.sha256)),
            "folder": str(folder / "out"),
            "temporary": str(folder / "tmp"),
            "shown_name": name,
            "options": job.options,
            "limits": asdict(self._settings.limits),
            "keys": None if self._settings.keys is None else str(self._settings.keys),
        }
        worker.give(order)
        last, why = self._listen(job, worker)
        self._conclude(job, last, why or _why(worker.wait()), name)

    def _studio(self) -> str | None:
        return str(self._settings.studio_folder) if self._settings.studio else None

    def _examined(self, job: Job) -> str | None:
        """Result folder of the newest finished examination of the same file."""
        same = self._store.same_file(job.sha256)
        done = (
            j.result
            for j in same
            if j.kind == "detect" and j.state == DONE and j.result != job.result
        )
        return next((str(self._results.folder(result)) for result in done), None)

    def _listen(self, job: Job, worker: WorkerProcess) -> tuple[dict[str, Any], str]:
        """The worker's last word (empty if it died without) and why it was ended, if it was."""
        told = 0.0
        while (said := worker.lines(LOOK_S)) is not None:
            for line in said:
                if "done" in line or "error" in line:
                    return line, ""
                if "progress" in line and time.monotonic() - told >= TELL_S:
                    told = time.monotonic()
                    self._store.change(job.id, **_progress(line))
            if worker.resident_bytes() > self._settings.job_resident_bytes:
                worker.kill()
                return {}, "It needed more memory than one job may use."
        return {}, ""

    def _conclude(self, job: Job, last: dict[str, Any], why: str, name: str) -> None:
        if self._stopping and "done" not in last:
            back = "Waiting: the workbench was closed."
            self._store.change(
                job.id, state=QUEUED, progress=0.0, message=back, attempts=job.attempts - 1
            )
        elif "done" in last:
            meta = {"shown_name": name, "kind": job.kind, **_outcome(last)}
            try:
                self._results.keep(job.id, job.result, meta)
            except LikenessError as error:
                self._store.change(job.id, state=FAILED, message=str(error)[:500])
                return
            self._store.change(job.id, **done_fields(meta))
            if not self._store.same_result(job.result):  # deleted meanwhile
                self._results.forget_result(job.result)
        else:
            if "log" in last:
                self._log(f"job {job.id}: {str(last['log'])[:500]}")
            reason = str(last.get("error", why)).replace(name, job.file_name)
            self._store.change(job.id, state=FAILED, message=reason[:500])


def done_fields(meta: dict[str, Any]) -> dict[str, Any]:
    """What a row takes over from a finished result."""
    fields = {key: meta[key] for key in ("label", "llr", "summary")}
    return {**fields, "state": DONE, "progress": 1.0, "message": "Done."}


def _progress(line: dict[str, Any]) -> dict[str, Any]:
    share = line.get("progress")
    share = float(share) if isinstance(share, int | float) else 0.0
    return {"progress": min(max(share, 0.0), 1.0), "message": str(line.get("message", ""))[:200]}


def _outcome(line: dict[str, Any]) -> dict[str, Any]:
    llr = line.get("llr")
    return {
        "label": str(line.get("label", ""))[:40],
        "llr": float(llr) if isinstance(llr, int | float) else None,
        "summary": str(line.get("summary", ""))[:500],
    }


def _why(code: int) -> str:
    """Why a worker ended without a word."""
    if code == -signal.SIGXCPU:
        return "It needed more processor time than one job may use."
    if code == -signal.SIGKILL:
        return "Its process was ended from outside: by hand, or because the machine had no memory left."
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
        return f"Its process crashed ({name}): the file broke a decoder, or needed too much memory."
    return "Its process ended without a result."
