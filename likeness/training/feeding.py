"""Batches for the loop, prepared ahead in a thread while the network computes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

Batches = Callable[[int, np.random.Generator], Any]
"""Called as batches(number, rng): the batch of that number, a function of its arguments only."""


class Feeder:
    """Hands out batches by number. Preparing ahead changes when a batch is made, never what is in it.

    Args:
        batches: see `Batches`.
        seed: of their random numbers.
        count: how many there are in all; none is prepared beyond.
        ahead: how many are prepared ahead; 0 makes each when it is asked for.
        stride: from one number that is asked for to the next: the others belong to other processes.

    Attributes:
        waited_s: seconds that `get` took so far: what the preparation costs the loop.
    """

    def __init__(
        self, batches: Batches, seed: int, count: int, ahead: int = 0, stride: int = 1
    ) -> None:
        self._batches, self._seed, self._count = batches, seed, count
        self._ahead, self._stride = ahead, stride
        self._pool = ThreadPoolExecutor(1, "batches") if ahead else None
        self._pending: dict[tuple[int, int], Future[Any]] = {}
        self.waited_s = 0.0

    def get(self, number: int, attempt: int = 0) -> Any:
        """Batch `number`; another `attempt` draws other random numbers."""
        started = time.perf_counter()
        if self._pool is None:
            batch = self._make(number, attempt)
        else:
            end = min(number + 1 + self._ahead * self._stride, self._count)
            for coming in range(number, end, self._stride):
                if (coming, attempt) not in self._pending:
                    self._pending[coming, attempt] = self._pool.submit(self._make, coming, attempt)
            batch = self._pending.pop((number, attempt)).result()
        self.waited_s += time.perf_counter() - started
        return batch

    def forget(self) -> None:
        """Drop what was prepared ahead."""
        for future in self._pending.values():
            future.cancel()
        self._pending.clear()

    def close(self) -> None:
        """Stop preparing."""
        self.forget()
        if self._pool is not None:
            self._pool.shutdown()

    def _make(self, number: int, attempt: int) -> Any:
        key = (number, attempt) if attempt else (number,)
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))
        return self._batches(number, rng)
