"""Working ahead: order, errors and an early end go through; nothing is left running."""

from __future__ import annotations

import threading
import time

import pytest

from likeness.jobs.ahead import ahead


def running() -> int:
    return sum(t.name == "likeness-ahead" and t.is_alive() for t in threading.enumerate())


def test_order_is_kept_and_the_thread_ends() -> None:
    assert list(ahead(iter(range(100)), 3)) == list(range(100))
    assert running() == 0


def test_no_more_is_made_than_may_wait() -> None:
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    taken = ahead(items(), 2)
    assert next(taken) == 0
    time.sleep(0.3)
    assert len(made) <= 5  # one taken, two waiting, one held, one begun
    taken.close()
    assert running() == 0


def test_an_error_comes_where_the_item_would_have_been() -> None:
    def items():
        yield 1
        raise ValueError("broken")

    taken = ahead(items(), 4)
    assert next(taken) == 1
    with pytest.raises(ValueError, match="broken"):
        next(taken)
    assert running() == 0


def test_closing_early_closes_what_is_read_from() -> None:
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    taken = ahead(items(), 1)
    next(taken)
    taken.close()
    assert closed == [True] and running() == 0


def test_it_is_really_another_thread() -> None:
    names = list(ahead((threading.current_thread().name for _ in range(1)), 1))
    assert names == ["likeness-ahead"]
