"""Server-sent events: a browser follows one job until it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from likeness.apps.web.problems import Problem
from likeness.apps.web.services import Services
from likeness.apps.web.store import Job

LOOK_S: Final = 0.15
HEARTBEAT_S: Final = 15.0


class Streams:
    """The streams that are open; more than the settings allow are refused."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open = 0

    async def follow(self, job_id: str) -> AsyncIterator[bytes]:
        """Events `job` with the job as JSON whenever it changes, and one `end`.

        Raises:
            Problem: 404 without that job, 429 if too many streams are open.
        """
        job = await run_in_threadpool(self._services.job, job_id)
        if self._open >= self._services.settings.event_streams:
            raise Problem(429, "Too many pages follow jobs already. Close some of them.")
        return self._events(job)

    async def _events(self, job: Job) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            store, spoke = self._services.store, time.monotonic()
            yield b"retry: 2000\n\n"
            seen = -1
            while not self._services.closing:
                if (now := store.version(job.id)) != seen:
                    seen, spoke = now, time.monotonic()
                    found = await run_in_threadpool(store.get, job.id)
                    if found is None:
                        yield _event("end", {"id": job.id, "state": "deleted"})
                        return
                    yield _event("job", job_json(found))
                    if not found.open:
                        yield _event("end", job_json(found))
                        return
                elif time.monotonic() - spoke > HEARTBEAT_S:
                    spoke = time.monotonic()
                    yield b": still here\n\n"
                await asyncio.sleep(LOOK_S)
        finally:
            self._open -= 1


def job_json(job: Job) -> dict[str, Any]:
    """A job as programs and pages see it."""
    shown = job.model_dump(exclude={"number", "result", "created_at", "updated_at"})
    times = {"created": job.created.isoformat(), "updated": job.updated.isoformat()}
    return {**shown, **times}


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
