"""The workbench as one ASGI application, and the server that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

import likeness
from likeness.apps.web import api, api_docs, pages, security
from likeness.apps.web.guard import Guard
from likeness.apps.web.problems import PLAIN, Problem, sentence_of
from likeness.apps.web.services import Services
from likeness.apps.web.settings import GIB, MIB, Settings
from likeness.errors import InputError, LikenessError

_STATIC: Final = Path(__file__).parent / "static"
_REQUEST_BYTES: Final = 8 * GIB
TIDY_S: Final = 3600.0


def create_app(settings: Settings) -> FastAPI:
    """The application; its lifespan starts and stops the workers.

    Args:
        settings: see `Settings`.

    Raises:
        UsageError: another workbench uses the data folder.
        OutputError: the data folder cannot be used.
    """
    services = Services(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.start()
        tidying = asyncio.create_task(_tidy(services))
        yield
        tidying.cancel()
        services.stop()

    app = FastAPI(
        title="Likeness workbench",
        version=likeness.__version__,
        summary="Examine files on this machine: submit, follow, fetch the verdict.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.include_router(api.router(services))
    app.include_router(api_docs.router(services))
    _entrance(app, settings)
    _pages(app, services)
    _errors(app, services)
    upload, report = _REQUEST_BYTES, api.REPORT_BYTES + MIB
    streams = {api.UPLOAD_PATH: upload, api.VERIFY_PATH: report, "/verify": report}
    if settings.studio:
        streams |= dict.fromkeys(_studio(app, services), upload)
    app.add_middleware(
        Guard, settings=settings, answer=lambda *given: _answer(services, *given), streams=streams
    )
    return app


async def _tidy(services: Services) -> None:
    """Every hour: delete what the policy does not keep."""
    while True:
        await asyncio.sleep(TIDY_S)
        await run_in_threadpool(services.tidy)


def serve(settings: Settings, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Run until stopped.

    Args:
        settings: see `Settings`; its port is the one of the socket.
        listening: bound to the address.
        ready: called once requests are answered.
    """
    import uvicorn

    from likeness.apps.web.connection import PatientProtocol

    app = create_app(settings)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        def handle_exit(self, sig: int, frame: Any) -> None:
            app.state.services.closing = True  # open event streams end, so that the server can
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        limit_concurrency=256,
        h11_max_incomplete_event_size=32 << 10,
        ws="none",
        http=PatientProtocol,
    )
    Server(config).run([listening])


def _entrance(app: FastAPI, settings: Settings) -> None:
    @app.get("/enter", include_in_schema=False)
    def enter(token: str = "") -> Response:
        if not security.same(token, settings.token):
            raise Problem(401, PLAIN[401])
        response = RedirectResponse("/", 303)
        response.set_cookie(
            security.cookie_name(settings),
            security.session_value(settings),
            httponly=True,
            samesite="strict",
            path="/",
        )
        return response


def _pages(app: FastAPI, services: Services) -> None:
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.include_router(pages.router(services), include_in_schema=False)


def _studio(app: FastAPI, services: Services) -> tuple[str, ...]:
    """The create side; returns the addresses that take files."""
    from likeness.apps.web import studio

    app.include_router(studio.router(services), include_in_schema=False)
    return studio.UPLOAD_PATHS


def _errors(app: FastAPI, services: Services) -> None:
    @app.exception_handler(HTTPException)
    async def by_framework(request: Request, error: HTTPException) -> Response:
        return _answer(services, request, error.status_code, sentence_of(error.status_code))

    @app.exception_handler(RequestValidationError)
    async def not_valid(request: Request, _error: RequestValidationError) -> Response:
        return _answer(services, request, 422, PLAIN[422])

    @app.exception_handler(LikenessError)
    async def on_purpose(request: Request, error: LikenessError) -> Response:
        if isinstance(error, Problem):
            return _answer(services, request, error.status, error.sentence)
        status = 422 if isinstance(error, InputError) else 500
        return _answer(services, request, status, sentence_of(status))


def _answer(services: Services, request: Request, status: int, sentence: str) -> Response:
    """One sentence, as a page for those who look and as JSON for programs."""
    if not api.wants_page(request):
        return JSONResponse({"error": sentence}, status)
    page: Response = pages.error_page(services, request, status, sentence)
    return page
