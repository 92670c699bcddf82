"""What pages and the programming interface may do: plain methods, safe to call from any thread."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likeness.apps.web import security
from likeness.apps.web.kinds import KINDS, SHOW_NAME
from likeness.apps.web.problems import Problem
from likeness.apps.web.results import Results
from likeness.apps.web.settings import Settings
from likeness.apps.web.store import DONE, Job, JobPage, Store
from likeness.apps.web.uploads import Upload
from likeness.apps.web.workers import Supervisor, done_fields
from likeness.errors import UsageError
from likeness.provenance.keys import KeyStore
from likeness.provenance.report_signature import ReportCheck, check_report, sign_report

if TYPE_CHECKING:
    from starlette.requests import Request

    from likeness.types import Verdict

DAY_S = 86400.0
BROKEN_OFF_S = 3600.0
_MOST_OPTIONS_BYTES = 4096


class Services:
    """The workbench without its web: jobs in, verdicts out.

    Args:
        settings: what it was started with.

    Raises:
        UsageError: another workbench uses the data folder.
        OutputError: the data folder cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.results = Results(settings.data_folder)
        self._alone = _lock(settings.data_folder / "lock")
        self.store = Store(settings.data_folder / "jobs.sqlite")
        self.supervisor = Supervisor(settings, self.store, self.results, log)
        self._changing = threading.Lock()  # a file is not deleted while somebody hands it in again
        self.closing = False

    def start(self) -> None:
        """Pick up what the last run left, delete what is stale, begin to work."""
        self.store.recover()
        self.delete_stale()
        rows = self.store.everything()
        self.results.sweep({job.sha256 for job in rows}, {job.result for job in rows})
        self.supervisor.start()

    def stop(self) -> None:
        """End the workers and let go of the data folder."""
        self.closing = True
        self.supervisor.stop()
        self.store.close()
        self._alone.close()

    def job(self, job_id: str) -> Job:
        """One job.

        Raises:
            Problem: 404.
        """
        found = self.store.get(job_id)
        if found is None:
            raise Problem(404, "There is no examination of that number; it may have been deleted.")
        return found

    def jobs(self, query: str = "", verdict: str = "", page: int = 1) -> JobPage:
        """Examinations, newest first; see `Store.page`."""
        return self.store.page(query, verdict, page)

    def check_room(self, jobs: int = 1) -> None:
        """Raise `Problem` (429) if so many more jobs would be too many that wait."""
        if len(self.store.open_jobs()) + jobs > self.settings.waiting_jobs:
            raise Problem(429, "Too many files wait already. Try again when some are done.")

    def submit(
        self, upload: Upload, kind: str = "detect", options: Mapping[str, Any] | None = None
    ) -> Job:
        """Take a file that has arrived and line up a job over it.

        Raises:
            Problem: 422 for an unknown kind or option, 429 if too many jobs wait.
        """
        asked = self._checked(kind, options)
        row = Job(
            kind=kind,
            file_name=upload.file_name,
            sha256=upload.sha256,
            size_bytes=upload.size_bytes,
            media_type=upload.media_type,
            options=asked,
            result=self._key(kind, upload, asked),
        )
        with self._changing:
            self.check_room()
            upload.path.replace(self.results.upload(upload.sha256))
            return self._line_up(row)

    def derive(self, job_id: str, kind: str, options: Mapping[str, Any] | None = None) -> Job:
        """Line up another job over the file of an existing one.

        Raises:
            Problem: 404 without that job, 422 for an unknown kind or option, 429 if too many jobs wait.
        """
        asked = self._checked(kind, options)
        with self._changing:
            first = self.job(job_id)
            self.check_room()
            copied = ("file_name", "sha256", "size_bytes", "media_type")
            row = Job(kind=kind, options=asked, **{name: getattr(first, name) for name in copied})
            row.result = self._key(kind, row, asked)
            return self._line_up(row)

    def derived(self, job_id: str, kind: str) -> Job | None:
        """The newest job of a kind over the file of another."""
        same = self.store.same_file(self.job(job_id).sha256)
        return next((job for job in same if job.kind == kind), None)

    def cancel(self, job_id: str) -> Job:
        """End a job that waits or runs; one that has ended stays as it is."""
        self.job(job_id)
        self.supervisor.cancel(job_id)
        return self.job(job_id)

    def delete(self, job_id: str) -> None:
        """Delete a job for good: its row, its result, and the file unless another examination has the same."""
        job = self.job(job_id)
        self.supervisor.cancel(job_id)
        with self._changing:
            self.store.remove(job_id)
            others = self.store.same_file(job.sha256)
            if job.kind == "detect" and not any(o.kind == "detect" for o in others):
                for other in others:  # what was derived from an examination goes with it
                    self.supervisor.cancel(other.id)
                    self.store.remove(other.id)
                    self.results.forget_result(other.result)
                others = ()
            if not others:
                self.results.forget_upload(job.sha256)
            if not self.store.same_result(job.result):
                self.results.forget_result(job.result)

    def tidy(self) -> None:
        """Delete what is stale: old jobs by policy, and uploads that broke off without anybody noticing."""
        self.delete_stale()
        for path in self.results.incoming.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > BROKEN_OFF_S:
                    path.unlink()

    def delete_stale(self) -> int:
        """Delete what ended longer ago than the policy keeps; returns how many jobs went."""
        if not self.settings.keep_days:
            return 0
        old = self.store.ended_before(time.time() - self.settings.keep_days * DAY_S)
        for job in old:
            with contextlib.suppress(Problem):  # it went with another
                self.delete(job.id)
        return len(old)

    def verdict(self, job_id: str) -> dict[str, Any]:
        """The entry of `results` of the JSON report, with the name that the person gave.

        Raises:
            Problem: 404, or 409 while there is no verdict.
        """
        report: dict[str, Any] = json.loads(self._named(job_id, "report.json"))
        result: dict[str, Any] = report["results"][0]
        return result

    def verdict_object(self, job_id: str) -> Verdict:
        """The verdict as the noun of the project."""
        from likeness.report import verdict_from_dict

        return verdict_from_dict(self.verdict(job_id))

    def report(self, job_id: str, name: str) -> bytes:
        """`report.json` or `report.html` of a finished job: with the name that the person gave, and signed.

        Raises:
            Problem: 404, or 409 while there is no result.
            KeyStoreError: the key cannot be used.
        """
        data = self._named(job_id, name)
        if self.settings.keys is None:
            return data
        return sign_report(data, KeyStore(self.settings.keys))

    def verify_report(self, data: bytes) -> ReportCheck:
        """Whether a signed report is as its signer left it."""
        keys = None if self.settings.keys is None else KeyStore(self.settings.keys)
        return check_report(data, keys)

    def source_path(self, job_id: str) -> Path:
        """The uploaded file."""
        path = self.results.upload(self.job(job_id).sha256)
        if not path.is_file():
            raise Problem(404, "The uploaded file is no longer here.")
        return path

    def source_type(self, job_id: str) -> str:
        """Media type of the uploaded file, by its first bytes."""
        return self.job(job_id).media_type

    def result_file(self, job_id: str, name: str) -> Path:
        """A file that the job wrote.

        Raises:
            Problem: 404, or 409 while the job is not done.
        """
        job = self.job(job_id)
        if job.state != DONE:
            raise Problem(409, "This examination has no result to show.")
        return self.results.file(job.result, name)

    def csrf(self, request: Request) -> str:
        """What our own pages send along with everything that changes something; nothing for those who are not inside."""
        inside = security.has_session(request, self.settings)
        inside = inside or security.has_bearer(request, self.settings)
        return security.csrf_token(self.settings) if inside else ""

    def _checked(self, kind: str, options: Mapping[str, Any] | None) -> dict[str, Any]:
        if kind not in KINDS:
            raise Problem(422, "This workbench does not know that kind of job.")
        asked = dict(options or {})
        if len(json.dumps(asked)) > _MOST_OPTIONS_BYTES:
            raise Problem(413, "The options are too long.")
        if asked and kind == "detect":
            raise Problem(422, "An examination takes no options.")
        return asked

    def _key(self, kind: str, file: Upload | Job, options: Mapping[str, Any]) -> str:
        named = {**options, "file_name": file.file_name} if kind in SHOW_NAME else options
        return self.results.key(kind, file.sha256, named, _trust(self.settings.keys))

    def _line_up(self, row: Job) -> Job:
        known = self.results.meta(row.result)
        for name, value in (done_fields(known) if known else {}).items():
            setattr(row, name, value)
        job = self.store.add(row)
        self.supervisor.wake()
        return job

    def _named(self, job_id: str, name: str) -> bytes:
        job = self.job(job_id)
        text = self.result_file(job_id, name).read_text("utf-8")
        stands_for = str((self.results.meta(job.result) or {}).get("shown_name", ""))
        if not stands_for:
            raise Problem(409, "This examination has no result to show.")
        shown = escape(job.file_name) if name.endswith(".html") else _in_json(job.file_name)
        return text.replace(stands_for, shown).encode("utf-8")


def log(line: str) -> None:
    """One line for the terminal of the server, without characters that could play tricks there."""
    print("".join(c if c.isprintable() else "?" for c in line), file=sys.stderr, flush=True)


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _trust(keys: Path | None) -> str:
    """Changes with the certificates that are trusted: they decide what credentials are worth."""
    if keys is None:
        return ""
    found = [(p.name, p.stat().st_mtime_ns) for p in keys.rglob("*.pem") if "key" not in p.name]
    return json.dumps(sorted(found))


def _lock(path: Path) -> Any:
    """An open file that one process at a time can hold; the system lets go of it when the process dies."""
    import fcntl

    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UsageError(
            f"{path.parent}: another workbench uses this data folder; stop it or name another one"
        ) from None
    return file
