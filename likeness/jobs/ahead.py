"""An iterator that is worked on ahead of whoever takes from it, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")
_WAIT_S = 0.1


def ahead(items: Iterator[T], depth: int) -> Iterator[T]:
    """Yield `items` in order while a thread makes up to `depth` more of them.

    An error in the thread is raised here, where the item would have been. Whoever stops taking (closes this iterator)
    stops the thread; its own iterator is closed in turn.

    Args:
        items: made in the thread; heavy steps must let go of the interpreter lock (OpenCV, numpy, codecs do) to gain time.
        depth: at least 1.
    """
    line: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(max(1, depth))
    stopped = threading.Event()

    def put(kind: str, value: T | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                line.put((kind, value), timeout=_WAIT_S)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put("item", item):
                    break
            else:
                put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="likeness-ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = line.get()
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(value, BaseException)
                raise value
            yield value  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
