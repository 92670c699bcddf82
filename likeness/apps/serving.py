"""`likeness serve`: the workbench in a browser."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

import typer

from likeness.apps.config_folder import data_folder, keys_folder
from likeness.errors import LikenessError, MissingExtraError, UsageError, why_not_written

SHORTEST_TOKEN = 16
BEYOND = """\
This workbench can be reached from other machines at {host}. That means:
  - whoever has the token may see, hand in and delete everything here;
  - the connection is not encrypted: token and files can be read on the way. Put a reverse proxy with TLS in front, or
    tunnel through ssh instead (ssh -L {port}:127.0.0.1:{port} ...);
  - files of strangers are opened on this machine, in processes with limits but as your user."""


@dataclass(frozen=True)
class ServeRequest:
    """The command line of `serve`."""

    host: str
    port: int
    studio: bool
    token: str | None
    data_folder: Path | None
    allow_host: tuple[str, ...]
    keep_days: float
    upload_mb: float
    open: bool


def run_serve(request: ServeRequest) -> None:
    """Serve until stopped.

    Raises:
        MissingExtraError: the extra `web` is not installed.
        UsageError: beyond loopback without a token, or an address that cannot be used.
    """
    try:
        from likeness.apps.web.server import serve
        from likeness.apps.web.settings import Settings, is_loopback
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith("likeness"):
            raise MissingExtraError(error.name, "web") from error
        raise
    if not is_loopback(request.host):
        _check_token(request)
        typer.echo(BEYOND.format(host=request.host, port=request.port), err=True)
    listening = _listen(request.host, request.port)
    settings = Settings(
        data_folder=(request.data_folder or data_folder() / "workbench").absolute(),
        token=request.token or secrets.token_urlsafe(32),
        host=request.host,
        port=listening.getsockname()[1],
        allowed_hosts=tuple(name.lower() for name in request.allow_host),
        studio=request.studio,
        workers=2 if request.studio else 1,
        keys=_keys(),
        keep_days=request.keep_days,
        upload_bytes=round(request.upload_mb * 1e6),
    )
    serve(
        settings,
        listening,
        lambda: _ready(settings.host, settings.port, settings.token, request.open),
    )


def _check_token(request: ServeRequest) -> None:
    if request.token is None:
        raise UsageError(
            f"--host {request.host} can be reached from other machines: expected --token with a secret of your own "
            f"({SHORTEST_TOKEN} characters or more), got none"
        )
    if len(request.token) < SHORTEST_TOKEN:
        raise UsageError(
            f"--token: expected {SHORTEST_TOKEN} characters or more, got {len(request.token)}"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        raise UsageError(
            f"cannot listen at {host} port {port}: {why_not_written(error)}; choose another with --port"
        ) from None
    return listening


def _keys() -> Path | None:
    """The key store that signs reports, made at the first start; without one reports stay unsigned."""
    from likeness.provenance import open_or_create

    try:
        folder = keys_folder()
        open_or_create(folder)
    except LikenessError as error:
        typer.echo(f"likeness: reports stay unsigned: {error}", err=True)
        return None
    return folder


def _ready(host: str, port: int, token: str, open_browser: bool) -> None:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    address = f"http://{shown}:{port}/enter?token={token}"
    typer.echo(f"Likeness workbench: {address}")
    typer.echo("The address is a key: whoever has it may use this workbench. Stop with Ctrl-C.")
    if open_browser and (
        os.name == "nt" or os.environ.get("DISPLAY") or os.uname().sysname == "Darwin"
    ):
        import webbrowser

        webbrowser.open(address)
