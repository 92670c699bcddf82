"""What the reports show of the marks in a file: credentials, watermark and metadata, each found or not, and in whose word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from likeness.report import wording
from likeness.scoring.claims import FORGEABLE, MARKS, claims_of, vouched_generation
from likeness.types import Claim, ClaimSource, Evidence, Verdict

_SOURCES: Final[tuple[ClaimSource, ...]] = ("credentials", "watermark", "metadata")


@dataclass(frozen=True)
class MarkView:
    """One claim with its facts, ready to be shown.

    Attributes:
        standing: in a few words whether it decides or can be forged.
        decides: whether it may decide.
        text: its sentence.
        facts: name and value of what was read, in display order.
    """

    standing: str
    decides: bool
    text: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SourceView:
    """One place where marks stand; `absent` says what it means that nothing was found there."""

    title: str
    marks: tuple[MarkView, ...]
    absent: str


@dataclass(frozen=True)
class MarksView:
    """The panel.

    Attributes:
        sources: credentials, watermark, metadata; empty where nothing could be read.
        note: what the reader of the marks said: what was looked for, and what could not be read.
        warning: that marks can be forged; empty where none was found that could be.
        found: whether any mark was found.
        finding: the evidence that carries the claims, for its paper and known failures.
    """

    sources: tuple[SourceView, ...]
    note: str
    warning: str
    found: bool
    finding: Evidence


def marks_view(verdict: Verdict) -> MarksView | None:
    """The panel about the marks; None where nobody looked for them."""
    finding = next((e for e in verdict.evidence if e.detector == MARKS), None)
    if finding is None:
        return None
    if finding.status == "failed":
        note = f"The marks in the file could not be read: {finding.note or 'no reason given'}"
        return MarksView((), note, "", False, finding)
    claims = claims_of(verdict.evidence)
    return MarksView(
        sources=tuple(_source(source, claims) for source in _SOURCES),
        note=finding.note,
        warning=FORGEABLE if any(not c.decides for c in claims) else "",
        found=bool(claims),
        finding=finding,
    )


def vouched(verdict: Verdict) -> bool:
    """Whether the label rests on trusted credentials and not on measurements."""
    return vouched_generation(claims_of(verdict.evidence)) is not None


def _source(source: ClaimSource, claims: tuple[Claim, ...]) -> SourceView:
    shown = tuple(_mark(c) for c in claims if c.source == source)
    return SourceView(wording.MARK_TITLES[source], shown, wording.MARK_ABSENT[source])


def _mark(claim: Claim) -> MarkView:
    return MarkView(
        standing=_standing(claim),
        decides=claim.decides and claim.says == "generated",
        text=claim.text,
        facts=tuple((wording.fact_name(k), wording.fact_text(v)) for k, v in claim.details.items()),
    )


def _standing(claim: Claim) -> str:
    if not claim.decides:
        return "a claim; it can be forged and decides nothing"
    if claim.says == "generated":
        return "verified and trusted; it decides"
    return "verified and trusted; what it says decides nothing"
