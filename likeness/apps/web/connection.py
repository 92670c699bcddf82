"""One connection of the server that gives up on those who say nothing: slow headers hold a place that others need."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; a connection without a whole request within `idle_s` is closed.

    uvicorn itself waits for ever for the first request, and a byte now and then keeps it waiting for the next one.
    """

    idle_s = 20.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at the clock."""
        super().connection_made(transport)
        self._seen: Any = None
        self._look = self.loop.call_later(self.idle_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to look at any more."""
        self._look.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        waiting = self.cycle is None or self.cycle.response_complete
        if waiting and self._seen is self.cycle:  # since the last look there was no request
            self.transport.close()
            return
        self._seen = self.cycle if waiting else object()
        self._look = self.loop.call_later(self.idle_s, self._give_up)
