"""`likeness verify-report`: whether a signed report is as its signer left it."""

from __future__ import annotations

from pathlib import Path

import typer

from likeness.apps.config_folder import keys_folder
from likeness.errors import InputError, UsageError
from likeness.provenance.keys import KeyStore, open_or_create, store_exists
from likeness.provenance.report_signature import MOST_BYTES, check_report, sign_report
from likeness.report.writing import write_bytes

EXIT_CODES = {"untouched": 0, "altered": 11, "unknown_key": 12, "unsigned": 13}


def run_verify(path: Path) -> int:
    """Check a report; returns the exit code: 0 untouched, 11 altered, 12 signer not trusted, 13 not signed.

    Raises:
        InputError: the file cannot be read.
    """
    found = check_report(_read(path), _keys())
    typer.echo(f"{path.name}: {found.state.replace('_', ' ')}. {found.sentence}")
    return EXIT_CODES[found.state]


def sign_files(paths: list[Path]) -> None:
    """Sign reports that were just written, in place.

    Raises:
        KeyStoreError: the key cannot be used.
        OutputError: a file cannot be written.
    """
    keys = open_or_create(keys_folder())
    for path in paths:
        write_bytes(path, sign_report(_read(path), keys))


def _keys() -> KeyStore | None:
    """The user's key store; without one nobody is trusted, and looking at a report makes none."""
    try:
        folder = keys_folder()
    except UsageError:
        return None
    return KeyStore(folder) if store_exists(folder) else None


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: expected a report, found no such file")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
