"""`likeness synthesise`: people who do not exist, marked, with consent records of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from likeness.apps.config_folder import keys_folder
from likeness.apps.progress import console, shown_progress
from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.jobs.synthesise import SyntheticPeople
    from likeness.jobs.synthesise_options import Synthesiser, SynthesisPermit, SynthesisPlan
    from likeness.scoring.synthesis import Memorisation
    from likeness.types import Purpose


@dataclass(frozen=True)
class SynthesiseRequest:
    """The command line of `synthesise`."""

    out: Path
    count: int = 16
    seed: int = 0
    generator: str = ""
    model: Path | None = None
    option: tuple[str, ...] = ()
    truncation: float = 1.0
    size: int = 256
    interpolate: tuple[int, int] | None = None
    frames: int = 60
    nearest: bool = False
    data: Path | None = None
    role_file: Path | None = None
    purpose: str = "research"
    expires: str | None = None


def run_synthesise(request: SynthesiseRequest) -> int:
    """Make people or a film, and say where they are."""
    from likeness.jobs.synthesise import morph, synthesise_people
    from likeness.jobs.synthesise_options import open_synthesiser

    if request.nearest and (request.data is None or request.interpolate is not None):
        raise UsageError(
            "--nearest compares the people with a data set: give its folder with --data"
        )
    plan, permit = _plan(request), _permit(request)
    task = (open_synthesiser(plan), plan, permit)
    with shown_progress() as progress:
        if request.interpolate is not None:
            written = morph(request.interpolate, request.frames, request.out, task, progress)
            _say([f"{written.frames} frames: {written.path}"])
            return 0
        made = synthesise_people(request.count, request.seed, request.out, task, progress)
        lines = summary_lines(made, request.count)
        if request.nearest and request.data is not None:
            lines += _nearest(request, made, task)
    _say(lines)
    return 0


def summary_lines(made: SyntheticPeople, wanted: int) -> list[str]:
    """What a person wants to know first."""
    lines = [f"{len(made.people)} of {wanted} people who do not exist: {made.sheet.parent}"]
    if made.passed_over:
        total = len(made.people) + len(made.passed_over)
        lines.append(
            f"  passed over: {len(made.passed_over)} of {total} drawn pictures, in which not exactly one face was found"
        )
    lines.append(f"Sheet: {made.sheet}")
    lines.append(f"Consent records: beside the pictures, such as {made.people[0].record.name}")
    return lines


def memorisation_line(found: Memorisation | None) -> str:
    """The test in a sentence."""
    if found is None:
        return "copied or not: too few people to tell, make 10 or more"
    low, high = found.copied_interval
    verdict = "MEMORISED" if found.memorised else "not memorised"
    return (
        f"{verdict}: {found.copied:.0%} lie nearer to a training face than 99 % of kept-out real faces do "
        f"(95 %: {low:.0%} to {high:.0%}; 1 % is expected of new faces)"
    )


def _nearest(
    request: SynthesiseRequest,
    made: SyntheticPeople,
    task: tuple[Synthesiser, SynthesisPlan, SynthesisPermit],
) -> list[str]:
    from likeness.data.aligned_faces import FaceCut
    from likeness.jobs.synthesise_nearest import NearestOptions, nearest_faces
    from likeness.jobs.synthesise_options import making_of

    assert request.data is not None
    seeds = [person.seed for person in made.people]
    cut = FaceCut(role_file=str(request.role_file or ""))
    found = nearest_faces(
        request.out,
        (made.images, seeds),
        NearestOptions(request.data, cut),
        (making_of(task[1], task[2], seeds, task[0].tag), task[2]),
    )
    return [
        f"Nearest training faces, real people, for yourself only: {found.sheet}",
        memorisation_line(found.memorisation),
    ]


def _plan(request: SynthesiseRequest) -> SynthesisPlan:
    from likeness.jobs.synthesise_options import GENERATOR, SynthesisPlan

    options: dict[str, Any] = {}
    for text in request.option:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--option: expected KEY=VALUE, got {text!r}")
        options[key] = value
    if request.model is not None:
        options["model"] = str(request.model)
    return SynthesisPlan(request.generator or GENERATOR, options, request.truncation, request.size)


def _permit(request: SynthesiseRequest) -> SynthesisPermit:
    from likeness.jobs.synthesise_options import SynthesisPermit
    from likeness.provenance.consent_fields import day_from
    from likeness.provenance.keys import open_or_create

    expires = day_from(request.expires, "--expires") if request.expires else None
    return SynthesisPermit(
        cast("Purpose", request.purpose), date.today(), open_or_create(keys_folder()), expires
    )


def _say(lines: list[str]) -> None:
    for line in lines:
        console().print(line, soft_wrap=True, markup=False, highlight=False)
