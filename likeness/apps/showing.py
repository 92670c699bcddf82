"""`likeness provenance show`: what a file says of its own making, on one screen."""

from __future__ import annotations

import json as json_text
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from likeness.apps.config_folder import keys_folder
from likeness.errors import KeyStoreError, LikenessError, MediaError

if TYPE_CHECKING:
    from likeness.provenance.metadata import MetadataFinding
    from likeness.provenance.reading import Credentials
    from likeness.provenance.watermark import WatermarkFinding

WATERMARK_FRAMES: Final = 16
_WARNING = (
    "Marks can be forged, copied and removed. Only intact credentials of a signer whom you trust carry weight; "
    "that nothing was found means nothing: most files carry no marks."
)
provenance_app = typer.Typer(
    help="What a file says of its own making.", no_args_is_help=True, rich_markup_mode=None
)


@dataclass(frozen=True)
class Marks:
    """All marks of one file; `watermark` is None where there are no pictures to look at (`note` says why)."""

    file: str
    credentials: Credentials
    watermark: WatermarkFinding | None
    metadata: tuple[MetadataFinding, ...]
    note: str = ""


@provenance_app.callback()
def _group() -> None:
    """What a file says of its own making."""


@provenance_app.command("show")
def show(
    files: Annotated[list[Path], typer.Argument(help="Pictures, videos or recordings.")],
    json: Annotated[
        bool, typer.Option("--json", help="Machine-readable, to the terminal.")
    ] = False,
) -> None:
    """Content credentials, watermark and metadata: what is there, whether it holds, and who signed."""
    shown: list[dict[str, Any]] = []
    exit_code, anchors, note = 0, *_anchors()
    if note:
        typer.echo(f"likeness: {note}", err=True)
    for path in files:
        try:
            marks = read_marks(path, anchors)
        except LikenessError as error:
            exit_code = max(exit_code, error.exit_code)
            typer.echo(f"likeness: {error}", err=True)
            shown.append({"file": str(path), "error": str(error)})
            continue
        shown.append(_plain(marks))
        if not json:
            typer.echo("\n".join(screen(marks)) + "\n")
    if json:
        sys.stdout.write(json_text.dumps(shown, indent=2, ensure_ascii=False, default=str) + "\n")
    elif any("error" not in item for item in shown):
        typer.echo(_WARNING)
    raise typer.Exit(exit_code)


def read_marks(path: Path, trust_anchors_pem: str) -> Marks:
    """Read every kind of mark in a file; a manifest beside it (name.ext.c2pa) is used if there is none inside.

    Raises:
        MediaError: the file cannot be read.
    """
    from likeness.media.raw import read_sidecar
    from likeness.provenance.metadata import read_metadata
    from likeness.provenance.reading import read_credentials

    if not path.is_file():
        raise MediaError(f"{path}: expected a picture, video or recording, found no file")
    try:
        with path.open("rb") as file:
            credentials = read_credentials(file, "", trust_anchors_pem)
            beside = None if credentials.present else read_sidecar(path)
            if beside is not None:
                credentials = read_credentials(file, "", trust_anchors_pem, beside)
            metadata = read_metadata(file)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    watermark, note = _watermark(path)
    return Marks(str(path), credentials, watermark, metadata, note)


def screen(marks: Marks) -> list[str]:
    """The lines that a person reads."""
    return [
        marks.file,
        "  Content credentials",
        *(f"    {line}" for line in _credentials_lines(marks.credentials)),
        "  Watermark of this toolkit",
        *(f"    {line}" for line in _watermark_lines(marks)),
        "  Metadata",
        *(f"    {line}" for line in _metadata_lines(marks.metadata)),
    ]


def _credentials_lines(found: Credentials) -> list[str]:
    if not found.present:
        away = (
            f"; the file names some at {found.remote}, which was not fetched"
            if found.remote
            else ""
        )
        return [f"none{away}"]
    lines = [
        f"present    yes{', in a file beside this one' if found.from_sidecar else ''}",
        f"intact     {_fact(found.intact, 'the signature holds and the file is the one that was signed')}",
        f"trusted    {_fact(found.trusted, 'the signer leads to a certificate that you trust')}",
    ]
    vouched = "" if found.trusted else "  (so the certificate says; nobody confirms it)"
    facts = {
        "signer": f"{found.issuer or 'not named'}{f', {found.signer}' if found.signer else ''}{vouched}",
        "signed": found.signed_at or "at a time that nobody vouches for",
        "program": found.claim_generator,
        "source": ", ".join(found.digital_sources),
        "actions": ", ".join(action.name for action in found.actions),
        "made by": " ".join(part for part in (found.generator, found.weights) if part),
        "job": f"{found.job_id:016x}" if found.job_id is not None else "",
    }
    lines += [f"{name:10} {text}" for name, text in facts.items() if text]
    for part in found.ingredients:
        signed = f", with credentials of {part.issuer}" if part.issuer else ""
        sources = f" ({', '.join(part.digital_sources)})" if part.digital_sources else ""
        lines.append(f"from       {part.name or 'unnamed'} [{part.relationship}]{signed}{sources}")
    return lines + [f"problem    {problem}" for problem in found.problems]


def _fact(value: bool | None, yes: str) -> str:
    return "not checked" if value is None else f"yes: {yes}" if value else "NO"


def _watermark_lines(marks: Marks) -> list[str]:
    found = marks.watermark
    if found is None:
        return [marks.note or "not looked for"]
    if not found.found:
        return [f"none found in {found.frames} picture{'s' if found.frames != 1 else ''}"]
    payload = "job number not readable" if found.payload is None else f"job {found.payload:016x}"
    lines = [
        f"found      {payload}; chance without a mark below 1e{found.log10_false_positive:.0f}"
    ]
    job = marks.credentials.job_id
    if found.payload is not None and job is not None:
        fits = "the same job as" if job == found.payload else "ANOTHER job than"
        lines.append(f"compared   {fits} the content credentials name")
    return lines


def _metadata_lines(found: tuple[MetadataFinding, ...]) -> list[str]:
    return [
        f"{line.where}: {line.key} = {line.value}{f'  -> says {line.says}' if line.says else ''}"
        for line in found
    ] or ["nothing about the file's making"]


def _watermark(path: Path) -> tuple[WatermarkFinding | None, str]:
    from likeness.media import Sampling, open_clip, sample
    from likeness.provenance.watermark import find_watermark

    try:
        clip = open_clip(path)
    except LikenessError as error:
        return None, f"not looked for: {error}"
    try:
        if clip.kind == "audio" or not len(clip.frames):
            return None, "not looked for: there are no pictures in a recording"
        chosen = sample(clip, Sampling("evenly", WATERMARK_FRAMES))
        return find_watermark(frame.image for frame in clip.frames.at(chosen)), ""
    except LikenessError as error:
        return None, f"not looked for: {error}"
    finally:
        clip.frames.close()  # type: ignore[attr-defined]


def _anchors() -> tuple[str, str]:
    """What is trusted, and a note if that cannot be told; a person without a key store trusts nobody yet."""
    from likeness.provenance.keys import KeyStore, store_exists

    folder = keys_folder()
    if not store_exists(folder):
        return "", ""
    try:
        return KeyStore(folder).trust_anchors_pem(), ""
    except KeyStoreError as error:
        return "", f"{error}; no signer is trusted until that is put right"


def _plain(marks: Marks) -> dict[str, Any]:
    out = asdict(marks)
    job = marks.credentials.job_id
    out["credentials"]["job_id"] = None if job is None else f"{job:016x}"
    if marks.watermark is not None:
        payload = marks.watermark.payload
        out["watermark"]["payload"] = None if payload is None else f"{payload:016x}"
    return out
