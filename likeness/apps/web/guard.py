"""The gate in front of every route: checks, body limits, time limits and headers, in that order.

It is plain ASGI, since it must act before anything is read. What is refused gets one sentence, as JSON or as a page.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likeness.apps.web import security
from likeness.apps.web.problems import PLAIN, Problem
from likeness.apps.web.settings import MIB, Settings

_LOG = logging.getLogger("likeness.workbench")
Answer = Callable[[Request, int, str], Response]
PEEK_BYTES: Final = 4096
SLOWEST_BYTES_S: Final = 1024
DRAIN_BYTES: Final = 8 * MIB
DRAIN_S: Final = 5.0
"""A refused upload is read on a little, so that the browser hears the sentence instead of a broken line."""


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        settings: token, hosts and limits.
        answer: makes the response to a refused request.
        streams: largest body, in bytes, of the paths that read theirs piece by piece.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, answer: Answer, streams: dict[str, int]
    ) -> None:
        self._app, self._settings = app, settings
        self._answer, self._streams = answer, streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope)
        body = _Body(receive, self._settings.silence_s)
        secured = _Secured(send, request.url.path)
        try:
            security.check_request(request, self._settings)
            most = self._streams.get(request.url.path, self._settings.form_bytes)
            _check_length(request, most)
            body.most = most
            if request.method not in security.SAFE_METHODS:
                await self._look_in(request, body)
        except Problem as problem:
            await body.drain(request)
            response = self._answer(request, problem.status, problem.sentence)
            await response(scope, receive, secured)
            return
        except ClientDisconnect:
            return
        try:
            await self._app(scope, body.next, secured)
        except ClientDisconnect:
            return
        except Exception:
            _LOG.exception("%s", "a request broke down")
            if secured.begun:
                raise
            await self._answer(request, 500, PLAIN[500])(scope, receive, secured)

    async def _look_in(self, request: Request, body: _Body) -> None:
        """Read a form as a whole, or the beginning of an upload, and look for its token."""
        streamed = request.url.path in self._streams
        await body.read_ahead(PEEK_BYTES if streamed else body.most + 1)
        if security.needs_csrf(request, self._settings):
            security.check_csrf(request, self._settings, body.ahead)


def _check_length(request: Request, most: int) -> None:
    """Raise `Problem` on a body that says itself that it is too long, or that says nonsense."""
    given = request.headers.get("content-length")
    if given is None:
        return
    if not given.isascii() or not given.isdigit():
        raise Problem(400, PLAIN[400])
    if int(given) > most:
        raise Problem(413, f"That is too large: {most / MIB:,.2g} MiB at most.")


class _Body:
    """The request's body, counted and timed, with its beginning looked at and handed out again."""

    def __init__(self, receive: Receive, silence_s: float) -> None:
        self._receive, self._silence_s, self._began = receive, silence_s, time.monotonic()
        self.most, self.ahead = 0, b""
        self._read, self._kept = 0, b""
        self._done = self._handed_out = False

    async def next(self) -> Message:
        """What the application gets instead of `receive`."""
        if self._handed_out:  # what is left to hear is that the client went away
            return await self._receive()
        if self._kept or self._done:
            data, self._kept = self._kept, b""
        else:
            data, self._done = await self._piece()
        self._handed_out = self._done
        return {"type": "http.request", "body": data, "more_body": not self._done}

    async def read_ahead(self, size: int) -> None:
        """Read the body until `size` bytes of it are known or it ends."""
        while not self._done and len(self._kept) < size:
            data, self._done = await self._piece()
            self._kept += data
        self.ahead = self._kept

    async def drain(self, request: Request) -> None:
        """Read on for a moment and forget; a client that waits to be asked for the body is not asked."""
        if request.method in security.SAFE_METHODS or "expect" in request.headers:
            return
        until, left = time.monotonic() + DRAIN_S, DRAIN_BYTES
        while not self._done and left > 0 and (wait_s := until - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self._receive(), wait_s)
            except TimeoutError:
                return
            if message["type"] != "http.request":
                return
            left -= len(message.get("body", b""))
            self._done = not message.get("more_body", False)

    async def _piece(self) -> tuple[bytes, bool]:
        try:
            message = await asyncio.wait_for(self._receive(), self._silence_s)
        except TimeoutError:
            raise Problem(408, PLAIN[408]) from None
        if message["type"] != "http.request":
            raise ClientDisconnect
        data: bytes = message.get("body", b"")
        self._read += len(data)
        took_s = time.monotonic() - self._began
        if took_s > self._silence_s and self._read < SLOWEST_BYTES_S * took_s:
            raise Problem(
                408, PLAIN[408]
            )  # a byte now and then is a way to hold a place, not to upload
        if self._read > self.most:
            raise Problem(413, PLAIN[413])
        return data, not message.get("more_body", False)


class _Secured:
    """Every answer gets the headers; what an answer sets itself stays."""

    def __init__(self, send: Send, path: str) -> None:
        self._send = send
        self._own = path.startswith(
            "/static/"
        )  # the package's own files: kept, but asked for again
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            if self._own:
                headers.setdefault("cache-control", "no-cache")
            for name, value in security.HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
