"""Figures of a run as TensorBoard event files, for those who follow many runs in one window.

metrics.csv stays the record; this is a copy of its numbers in another program's format.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.errors import MissingExtraError

FOLDER = "tensorboard"


def require_event_log() -> None:
    """Raise `MissingExtraError` unless tensorboardX is installed: better before the first batch than after it."""
    if importlib.util.find_spec("tensorboardX") is None:
        raise MissingExtraError("tensorboardX", "create")


class EventLog:
    """Writes to `run/tensorboard`; a resumed run goes on in a new file there.

    Args:
        run: the run folder.
        step: first step that will be written: events of an earlier process from there on are hidden.
    """

    def __init__(self, run: Path, step: int) -> None:
        from tensorboardX.record_writer import RecordWriter

        folder = run / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.iterdir()))
        # Its SummaryWriter hands events to a thread that flush() does not wait for: a kill would lose them.
        self._records = RecordWriter(
            str(folder / f"events.out.tfevents.{time.time():.0f}.{number}")
        )
        self._write(file_version="brain.Event:2")
        self._write(step=step, session_log={"status": "START"})

    def add(self, row: Mapping[str, Any]) -> None:
        """Write every number of a row of metrics at its `step`; it is on the disk when this returns."""
        numbers = {
            k: float(v) for k, v in row.items() if isinstance(v, int | float) and k != "step"
        }
        values = [{"tag": name, "simple_value": value} for name, value in numbers.items()]
        self._write(step=int(row["step"]), summary={"value": values})

    def _write(self, **event: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._records.write(Event(wall_time=time.time(), **event).SerializeToString())
        self._records.flush()
