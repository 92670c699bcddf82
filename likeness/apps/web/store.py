"""The table of jobs: what was asked, how far it is, what came out. One SQLite file, written by the server only."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Engine, event
from sqlmodel import Field, Session, SQLModel, col, create_engine, func, or_, select

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OPEN = (QUEUED, RUNNING)
PER_PAGE = 25
MOST_ATTEMPTS = 2
"""A job whose server died under it twice is not tried again: it may be what killed the server."""


class Job(SQLModel, table=True):
    """One row.

    Attributes:
        number: order of arrival.
        id: 16 hex digits, what addresses are made of.
        kind: detect, robustness, ... (see `kinds.py`).
        state: queued, running, done, failed or cancelled.
        progress: 0 to 1.
        message: what it is doing, or why it failed; one plain sentence.
        file_name: what the person's file was called, cleaned; shown, never used as a path.
        sha256: hash of the file.
        size_bytes: of the file.
        media_type: by its first bytes.
        options: what was asked for besides.
        result: name of the folder that holds (or will hold) the outcome.
        label: label of the verdict, empty before there is one.
        llr: of the verdict.
        summary: the verdict in one sentence.
        attempts: how often it was started.
        created_at: seconds since 1970.
        updated_at: the same.
    """

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(default_factory=lambda: secrets.token_hex(8), unique=True, index=True)
    kind: str = "detect"
    state: str = Field(default=QUEUED, index=True)
    progress: float = 0.0
    message: str = "Waiting."
    file_name: str = ""
    sha256: str = Field(default="", index=True)
    size_bytes: int = 0
    media_type: str = ""
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON))
    result: str = Field(default="", index=True)
    label: str = ""
    llr: float | None = None
    summary: str = ""
    attempts: int = 0
    created_at: float = Field(default_factory=time.time)
    updated_at: float = Field(default_factory=time.time)

    @property
    def created(self) -> datetime:
        """When it was asked for, UTC."""
        return datetime.fromtimestamp(self.created_at, UTC)

    @property
    def updated(self) -> datetime:
        """When its state last changed, UTC."""
        return datetime.fromtimestamp(self.updated_at, UTC)

    @property
    def open(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in OPEN


@dataclass(frozen=True)
class JobPage:
    """One page of the history; pages count from 1."""

    jobs: tuple[Job, ...]
    total: int
    page: int
    pages: int


class Store:
    """The table in one file. Every method is one transaction and may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._versions: dict[str, int] = {}
        self._lock = threading.Lock()
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _prepare)
        SQLModel.metadata.create_all(self._engine, tables=[SQLModel.metadata.tables["job"]])

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def add(self, job: Job) -> Job:
        """Write a new row."""
        with self._session() as session:
            session.add(job)
        return job

    def get(self, job_id: str) -> Job | None:
        """The row, or None."""
        with self._session() as session:
            return session.exec(select(Job).where(Job.id == job_id)).first()

    def page(self, query: str = "", verdict: str = "", page: int = 1) -> JobPage:
        """Examinations, newest first.

        Args:
            query: part of the file's name or of its hash.
            verdict: a label of a verdict, or `failed`, or `waiting`.
            page: which page; beyond the last it is empty.
        """
        wanted = [Job.kind == "detect"]
        if query:
            in_name = col(Job.file_name).icontains(query, autoescape=True)
            wanted.append(or_(in_name, col(Job.sha256).contains(query.lower(), autoescape=True)))  # type: ignore[arg-type]
        if verdict == "failed":
            wanted.append(col(Job.state).in_((FAILED, CANCELLED)))  # type: ignore[arg-type]
        elif verdict == "waiting":
            wanted.append(col(Job.state).in_(OPEN))  # type: ignore[arg-type]
        elif verdict:
            wanted.append(Job.label == verdict)
        page = max(1, page)
        with self._session() as session:
            total = session.exec(select(func.count()).select_from(Job).where(*wanted)).one()
            rows = select(Job).where(*wanted).order_by(col(Job.number).desc())
            found = session.exec(rows.offset((page - 1) * PER_PAGE).limit(PER_PAGE)).all()
        return JobPage(tuple(found), total, page, max(1, -(-total // PER_PAGE)))

    def claim(self, busy: Collection[str], not_here: Collection[str] = ()) -> Job | None:
        """The oldest waiting job becomes a running one; results that somebody works on (`busy`) and some kinds are passed over."""
        with self._session() as session:
            waiting = select(Job).where(Job.state == QUEUED, col(Job.result).not_in(busy))
            waiting = waiting.where(col(Job.kind).not_in(not_here))
            job = session.exec(waiting.order_by(col(Job.number))).first()
            if job is not None:
                job.state, job.message, job.progress = RUNNING, "Starting.", 0.0
                job.attempts += 1
                job.updated_at = time.time()
        if job is not None:
            self._changed(job.id)
        return job

    def version(self, job_id: str) -> int:
        """A number that rises whenever the job changes; cheap to ask for, so that streams can wait for it."""
        return self._versions.get(job_id, 0)

    def change(self, job_id: str, **values: Any) -> Job | None:
        """Change an open job; one that has ended or is gone stays as it is and None comes back."""
        with self._session() as session:
            job = session.exec(select(Job).where(Job.id == job_id)).first()
            if job is None or not job.open:
                return None
            for name, value in values.items():
                setattr(job, name, value)
            job.updated_at = time.time()
            session.add(job)
        self._changed(job_id)
        return job

    def remove(self, job_id: str) -> None:
        """Delete the row; SQLite overwrites it (`secure_delete`) and the log of changes is emptied."""
        with self._session() as session:
            job = session.exec(select(Job).where(Job.id == job_id)).first()
            if job is not None:
                session.delete(job)
        self._changed(job_id)
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def same_file(self, sha256: str) -> tuple[Job, ...]:
        """All jobs over one file, newest first."""
        return self._all(Job.sha256 == sha256)

    def same_result(self, result: str) -> tuple[Job, ...]:
        """All jobs that share one result, newest first."""
        return self._all(Job.result == result)

    def open_jobs(self) -> tuple[Job, ...]:
        """Whatever waits or runs."""
        return self._all(col(Job.state).in_(OPEN))

    def everything(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return self._all()

    def ended_before(self, moment: float) -> tuple[Job, ...]:
        """Jobs that ended before a time (seconds since 1970)."""
        return self._all(col(Job.state).not_in(OPEN), col(Job.updated_at) < moment)

    def recover(self) -> tuple[Job, ...]:
        """After a start: jobs that ran when the server died wait again, or fail if that happened before.

        Returns:
            Those that were found running.
        """
        lost = self._all(Job.state == RUNNING)
        for job in lost:
            if job.attempts < MOST_ATTEMPTS:
                self.change(
                    job.id,
                    state=QUEUED,
                    progress=0.0,
                    message="Waiting again: the workbench was stopped.",
                )
            else:
                reason = "The workbench was stopped twice while this ran; it is not tried again."
                self.change(job.id, state=FAILED, message=reason)
        return lost

    def _changed(self, job_id: str) -> None:
        with self._lock:
            self._versions[job_id] = self._versions.get(job_id, 0) + 1

    def _all(self, *wanted: Any) -> tuple[Job, ...]:
        with self._session() as session:
            return tuple(session.exec(select(Job).where(*wanted).order_by(col(Job.number).desc())))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session


def _prepare(connection: Any, _record: Any) -> None:
    """Readers do not wait for the writer, a lock is waited for, and what is deleted is overwritten."""
    for line in (
        "journal_mode=WAL",
        "busy_timeout=10000",
        "secure_delete=ON",
        "synchronous=NORMAL",
    ):
        connection.execute(f"PRAGMA {line}")
