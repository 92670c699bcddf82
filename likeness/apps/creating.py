"""The commands of the create half: parse and hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

create_app = typer.Typer(rich_markup_mode=None)


@create_app.command()
def extract(
    files: Annotated[
        list[str] | None, typer.Argument(help="Clips, pictures or folders of one person.")
    ] = None,
    *,
    consent: Annotated[Path, typer.Option(help="The person's consent record (TOML).")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the face set.")],
    every: Annotated[int | None, typer.Option(min=1, help="Examine every n-th frame.")] = None,
    size: Annotated[int | None, typer.Option(min=64, max=512, help="Side of a crop, px.")] = None,
    person: Annotated[int | None, typer.Option(min=1, help="Which person; 1 = most faces.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for; default: the record's.")] = None,
    drop_shared_frames: Annotated[
        bool, typer.Option(help="Leave out whole frames that show several people.")
    ] = False,
    keep: Annotated[list[str] | None, typer.Option(help="Keep this face of the sheet.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Drop this face of the sheet.")] = None,
    sort: Annotated[str, typer.Option(help="Order of the contact sheet.")] = "yaw",
    threshold: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER, such as max_yaw_deg=45.")
    ] = None,
) -> None:
    """Find, align, score and sort one person's faces, and throw out what is not worth training on."""
    from likeness.apps.extracting import ExtractRequest, run_extract

    request = ExtractRequest(
        files=tuple(files or ()),
        consent=consent,
        out=out,
        every=every,
        size=size,
        person=person,
        purpose=purpose,
        drop_shared_frames=drop_shared_frames,
        keep=tuple(keep or ()),
        drop=tuple(drop or ()),
        sort=sort,
        threshold=tuple(threshold or ()),
    )
    raise typer.Exit(run_extract(request))


@create_app.command()
def swap(
    target: Annotated[Path, typer.Argument(help="Picture or clip that receives the face.")],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the result goes.")],
    model: Annotated[Path | None, typer.Option(help="Run folder of likeness train.")] = None,
    source: Annotated[
        list[Path] | None, typer.Option(help="Picture or clip of the person who gives the face.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Extract and train first, for so long.")
    ] = None,
    generator: Annotated[str, typer.Option(help="See likeness generators.")] = "",
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the generator.")] = None,
    consent: Annotated[
        list[Path] | None, typer.Option(help="Consent record; one for everybody involved.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="What for; default: the records'.")] = None,
    person: Annotated[
        int | None, typer.Option(min=1, help="Who is replaced; 1 = most faces.")
    ] = None,
    frames: Annotated[str, typer.Option(help="A:B, swap only these frames.")] = "",
    merge: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE, such as feather=0.05.")
    ] = None,
    touch_up: Annotated[
        list[str] | None, typer.Option(help="A:B,KEY=VALUE: merge these frames otherwise.")
    ] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="Restore every generated face before it is merged.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    detectors: Annotated[bool, typer.Option(help="Ask our detectors for the report.")] = True,
) -> None:
    """Put one person's face in the place of another's: consented, marked, with a quality report."""
    from likeness.apps.swapping import SwapRequest, run_swap

    lists = {"source": source, "option": option, "consent": consent, "merge": merge}
    request = SwapRequest(
        target, out, model, minutes=minutes, generator=generator, purpose=purpose, person=person,
        frames=frames, touch_up=tuple(touch_up or ()), seed=seed, detectors=detectors,
        restore=restore, **{name: tuple(values or ()) for name, values in lists.items()},  # type: ignore[arg-type]
    )  # fmt: skip
    raise typer.Exit(run_swap(request))


@create_app.command()
def synthesise(
    *,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="New folder, or the film of --interpolate.")
    ],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many people.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of the first; the others follow.")] = 0,
    generator: Annotated[str, typer.Option(help="Default: light_gan.")] = "",
    model: Annotated[
        Path | None, typer.Option(help="Run folder of likeness train; default: the shipped one.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of the generator.")] = None,
    truncation: Annotated[
        float, typer.Option(help="0-1: less varied, more like the mean face.")
    ] = 1.0,
    size: Annotated[int, typer.Option(help="Side of the pictures, px; enlarged to it.")] = 256,
    interpolate: Annotated[
        tuple[int, int] | None, typer.Option(help="A film from one seed to another.")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, help="Of the film, 25 per second.")] = 60,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="Also show the training faces most like them.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder for --nearest.")] = None,
    role_file: Annotated[Path | None, typer.Option(help="CSV that corrects its roles.")] = None,
    purpose: Annotated[str, typer.Option(help="What the people may be used for.")] = "research",
    expires: Annotated[
        str | None, typer.Option(help="Last day of their records; default: in a year.")
    ] = None,
) -> None:
    """Make marked pictures of people who do not exist, each with a consent record that later commands take.

    Nobody is shown, so no consent record is needed. --nearest shows real people of a data set: that sheet is for
    yourself.
    """
    from likeness.apps.synthesising import SynthesiseRequest, run_synthesise

    request = SynthesiseRequest(
        out, count, seed, generator, model, option=tuple(option or ()), truncation=truncation, size=size,
        interpolate=interpolate, frames=frames, nearest=nearest, data=data, role_file=role_file,
        purpose=purpose, expires=expires,
    )  # fmt: skip
    raise typer.Exit(run_synthesise(request))


@create_app.command()
def restore(
    picture: Annotated[Path, typer.Argument(help="A worn picture with faces.")],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the result goes.")],
    consent: Annotated[
        list[Path] | None, typer.Option(help="Consent record; one for everybody in it.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="What for; default: the records'.")] = None,
    mode: Annotated[
        str, typer.Option(help="restore, superres, denoise, deblur or jpeg.")
    ] = "restore",
    strength: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the change that is made.")
    ] = 1.0,
    dictionaries: Annotated[
        bool, typer.Option("--dictionaries", help="Add averaged detail of eyes, nose and mouth.")
    ] = False,
    model: Annotated[Path | None, typer.Option(help="Run folder of a restorer of yours.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Write every mode side by side, with figures.")
    ] = False,
    reference: Annotated[
        Path | None, typer.Option(help="With --compare: a clean picture to measure against.")
    ] = None,
) -> None:
    """Clean up a worn picture of people who agreed. Restored detail is invented; the result is marked."""
    from likeness.apps.restoring import RestoreRequest, run_restore

    request = RestoreRequest(
        picture, out, tuple(consent or ()), purpose, mode, strength, dictionaries, model, compare, reference
    )  # fmt: skip
    raise typer.Exit(run_restore(request))


@create_app.command()
def generators(
    name: Annotated[str | None, typer.Argument(help="Show one generator in full.")] = None,
) -> None:
    """What can be made and how, what each needs, paper, licence, known failures."""
    from likeness.apps.listing import show_part, show_parts

    show_part("generators", name) if name else show_parts("generators")


@create_app.command("pair-report")
def pair_report(
    source: Annotated[Path, typer.Argument(help="Face set that gives the identity.")],
    target: Annotated[Path, typer.Argument(help="Face set of the footage that receives it.")],
) -> None:
    """What two face sets promise together, before anything is trained."""
    from likeness.apps.extracting import run_pair_report

    run_pair_report(source, target)
