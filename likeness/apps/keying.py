"""`likeness keys`: the keys that sign what is made here, and the certificates that are trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likeness.apps.config_folder import keys_folder
from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.provenance.keys import KeyStore

keys_app = typer.Typer(
    help="The keys that sign what is made here, and whose signatures are trusted.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
trust_app = typer.Typer(
    help="Certificates that are trusted when content credentials are read.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
keys_app.add_typer(trust_app, name="trust")


@keys_app.command("new")
def new() -> None:
    """Make the key store; otherwise the first thing that is signed makes it."""
    from likeness.provenance.keys import KeyStore, store_exists

    folder = keys_folder()
    if store_exists(folder):
        raise UsageError(
            f"{folder} holds a key store already; a new one would make strangers of all that was signed. "
            f"See it with: likeness keys list"
        )
    _show(KeyStore.create(folder))


@keys_app.command("list")
def show() -> None:
    """Who signs, until when, and where the store is; no private key is ever shown."""
    _show(_open())


@keys_app.command()
def use(
    chain: Annotated[
        Path | None, typer.Option(help="PEM: your certificate, then its issuers.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM: its private key, no password.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Back to the local certificate.")] = False,
) -> None:
    """Sign with your own certificate (ES256, ES384, ES512, PS256 or Ed25519) from now on."""
    from likeness.provenance.keys import open_or_create
    from likeness.provenance.keys_files import read_given

    if local == bool(chain or key) or bool(chain) != bool(key):
        raise UsageError("keys use: expected --chain and --key together, or --local alone")
    store = open_or_create(keys_folder())
    if local or chain is None or key is None:
        store.use_local()
    else:
        store.use(read_given(chain), read_given(key))
    _show(store)


@trust_app.command("add")
def add(pem: Annotated[Path, typer.Argument(help="PEM file with roots or intermediates.")]) -> None:
    """Trust whoever these authorities vouch for."""
    from likeness.provenance.keys import open_or_create

    for fingerprint in open_or_create(keys_folder()).add_trust(pem):
        typer.echo(f"trusted from now on: {fingerprint}")


@trust_app.command("list")
def trusted() -> None:
    """All certificates that are trusted, the local one included."""
    for anchor in _open().anchors():
        typer.echo(f"{anchor.fingerprint[:16]}  {anchor.origin:9}  until {anchor.expires:%Y-%m-%d}")
        typer.echo(f"    {anchor.name}")


@trust_app.command("remove")
def remove(
    fingerprint: Annotated[str, typer.Argument(help="Its first digits, as in `trust list`.")],
) -> None:
    """Trust an added certificate no longer."""
    typer.echo(f"trusted no longer: {_open().remove_trust(fingerprint)}")


def _open() -> KeyStore:
    from likeness.provenance.keys import KeyStore

    return KeyStore(keys_folder())


def _show(store: KeyStore) -> None:
    signer = store.signer()
    whose = "your own certificate" if signer.own else "made here, vouched for by nobody else"
    typer.echo(f"Key store   {store.folder}")
    typer.echo(f"Signs as    {signer.name} ({signer.algorithm}, {whose})")
    typer.echo(f"Until       {signer.expires:%Y-%m-%d}")
    typer.echo(f"Trusts      {len(store.anchors())} certificates (likeness keys trust list)")
    if not signer.own:
        typer.echo("Others see 'signer not trusted' unless they add root.pem of that folder.")
