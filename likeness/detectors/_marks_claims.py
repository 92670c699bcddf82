"""From what was read to claims in plain words: what each mark says, who stands for it, and what cannot be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from likeness.types import Claim, ClaimContent, ClaimSource, FactValue, MediaKind

if TYPE_CHECKING:
    from likeness.provenance.metadata import MetadataFinding
    from likeness.provenance.reading import Credentials
    from likeness.provenance.watermark import WatermarkFinding

DECIDING_SOURCES: Final = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "algorithmicMedia",
        "compositeSynthetic",
    }
)
"""IPTC source types that call media generated. Others that hold something synthetic count as edited: they decide nothing."""
EDITORIAL_ACTIONS: Final = frozenset(
    {
        "c2pa.edited",
        "c2pa.drawing",
        "c2pa.placed",
        "c2pa.removed",
        "c2pa.deleted",
        "c2pa.dubbed",
        "c2pa.translated",
        "c2pa.filtered",
        "c2pa.changedSpeed",
    }
)
"""What a camera's own application does to every picture (colour, size, crop, orientation, encoding) is not among them."""
RANKS: Final[Mapping[ClaimContent, float]] = {"generated": 2.0, "edited": 1.0}
JOB: Final = "job"
MOST_CHARACTERS: Final = 200
MOST_LISTED: Final = 8


_FOUND: Final[Mapping[ClaimSource, str]] = {
    "credentials": "content credentials",
    "watermark": "a watermark",
    "metadata": "metadata that name a program or a camera",
}


def rank(claim: Claim) -> float:
    """3 for credentials that decide, 2 for a claim of generation, 1 for one of editing, 0 for all others.

    An order for people who sort files, not a measurement: the distances mean nothing.
    """
    if claim.decides and claim.says == "generated":
        return 3.0
    return RANKS.get(claim.says, 0.0)


def summary(claims: Sequence[Claim]) -> str:
    """What was found, in one sentence."""
    if not claims:
        return "no marks were found; that says nothing either way"
    found = " and ".join(dict.fromkeys(_FOUND[c.source] for c in claims))
    if not any(rank(c) for c in claims):
        return f"found {found}; nothing in them speaks of generation or editing"
    return f"found {found}; what a mark says is a claim, not a measurement"


def short(text: str) -> str:
    """Words from a file on one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def credentials_claims(found: Credentials, anchored: bool) -> tuple[Claim, ...]:
    """What content credentials say of the file, and what those of its ingredients say.

    Args:
        found: present credentials.
        anchored: whether anybody could have been trusted: with an empty trust list, not being trusted says little.
    """
    return (_own_claim(found, anchored), *_ingredient_claims(found))


def _own_claim(found: Credentials, anchored: bool) -> Claim:
    said = _said(found.digital_sources, [a.name for a in found.actions])
    broken = found.intact is False
    return Claim(
        source="credentials",
        says="edited" if broken and said != "generated" else said,
        decides=bool(found.intact and found.trusted),
        text=_credentials_text(found, said),
        details={
            "integrity": _INTEGRITY[found.intact],
            "trust": _trust(found.trusted, anchored),
            "signer": _signer(found),
            "signed at": short(found.signed_at) or "not vouched for by a time-stamp authority",
            "made with": short(found.claim_generator) or None,
            "digital source": _listed(found.digital_sources) or "not given",
            "actions": _listed([a.name for a in found.actions]) or "none given",
            "ingredients": _listed([i.name for i in found.ingredients]) or "none given",
            **_ours(found),
            "problems": _listed(found.problems) or "none",
        },
    )


def _ours(found: Credentials) -> dict[str, FactValue]:
    """Facts that only manifests of this toolkit's form carry."""
    if found.job_id is None:
        return {}
    return {
        "generator": short(f"{found.generator} {found.weights}".strip()),
        JOB: job_words(found.job_id),
        "consent records": _listed(found.consent_ids) or "none given",
    }


def _ingredient_claims(found: Credentials) -> tuple[Claim, ...]:
    """What went in may be generated although the file's own credentials do not say so; nobody vouches for it here."""
    return tuple(
        Claim(
            source="credentials",
            says="generated",
            decides=False,
            text=(
                f"Footage that went into the file ({short(part.name) or 'without a name'}) has content credentials of "
                f"{short(part.issuer) or 'a signer without a name'} that call it generated."
            ),
            details={
                "ingredient": short(part.name) or None,
                "relationship": short(part.relationship) or None,
                "digital source": _listed(part.digital_sources),
            },
        )
        for part in found.ingredients[:MOST_LISTED]
        if part.relationship in ("parentOf", "componentOf")
        and _said(part.digital_sources) == "generated"
    )


def watermark_claim(found: WatermarkFinding, kind: MediaKind) -> Claim:
    """What this toolkit's watermark says."""
    what = "video" if kind == "video" else "picture"
    job = (
        "; the number of its job cannot be read"
        if found.payload is None
        else f", in job {job_words(found.payload)}"
    )
    return Claim(
        source="watermark",
        says="generated",
        decides=False,
        text=f"A watermark of this toolkit says that the {what} was generated{job}.",
        details={
            "payload": "not readable" if found.payload is None else job_words(found.payload),
            "false positives": f"at most {odds(found.log10_false_positive)} unmarked files",
            "log10 false positive": round(found.log10_false_positive, 2),
            "frames combined": found.frames,
            "size against the original": round(found.scale, 3),
            "mirrored": found.flipped,
        },
    )


def metadata_claims(found: Sequence[MetadataFinding]) -> tuple[Claim, ...]:
    """What lines of metadata say, one claim for each kind of content; lines that say nothing are left out."""
    claims = []
    for says, words in _METADATA_WORDS.items():
        lines = [line for line in found if line.says == says]
        if lines:
            tools = _listed(list(dict.fromkeys(line.tool for line in lines if line.tool)))
            text = f"The metadata {words}{': ' if tools else ''}{tools}."
            claims.append(Claim("metadata", says, False, text, _lines(lines)))
    return tuple(claims)


def _lines(lines: Sequence[MetadataFinding]) -> dict[str, FactValue]:
    told: dict[str, FactValue] = {}
    for line in lines[:MOST_LISTED]:
        key = f"{short(line.where)}, {short(line.key)}"
        told[key] = f"{told[key]}; {short(line.value)}" if key in told else short(line.value)
    if len(lines) > MOST_LISTED:
        told["further lines"] = len(lines) - MOST_LISTED
    return told


def compared(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The claims, the watermark's with a word on whether its job is that of the credentials."""
    jobs = {c.details.get(JOB) for c in claims if c.source == "credentials"} - {None}
    return tuple(_against(c, jobs) if c.source == "watermark" and jobs else c for c in claims)


def _against(claim: Claim, jobs: set[FactValue]) -> Claim:
    same = claim.details.get("payload") in jobs
    if claim.details.get("payload") == "not readable":
        return claim
    details = {**claim.details, "same job as the credentials": same}
    text = claim.text if same else f"{claim.text} The credentials name another job."
    return replace(claim, text=text, details=details)


def job_words(job_id: int) -> str:
    """A job's number as 16 hex digits: JSON readers lose the last digits of a 64-bit number."""
    return f"{job_id:016x}"


def odds(log10: float) -> str:
    """A small probability as '1 of 10^9': rounded to the reader's caution."""
    return f"1 of 10^{max(0, int(-log10))}"


_METADATA_WORDS: Final[Mapping[ClaimContent, str]] = {
    "generated": "name a program that generates media",
    "edited": "name a program that edits media",
    "captured": "name a camera",
}
_INTEGRITY: Final[Mapping[bool | None, str]] = {
    True: "the file is as it was when it was signed",
    False: "the file does not fit its credentials: it was changed after it was signed, or they were taken from another file",
    None: "could not be checked",
}


def _trust(trusted: bool | None, anchored: bool) -> str:
    if trusted:
        return "the signer is on your trust list"
    if trusted is None:
        return "could not be checked"
    if not anchored:
        return "nobody is on your trust list, so no signer can be trusted"
    return "the signer is not on your trust list: anyone can make such a certificate"


def _credentials_text(found: Credentials, said: ClaimContent) -> str:
    signer = _signer(found)
    with_what = f" with {short(found.claim_generator)}" if found.claim_generator else ""
    content = {
        "generated": f"that the media were generated{with_what}",
        "edited": f"that the media were edited{with_what}",
        "captured": f"that a camera recorded them{with_what}",
        "unstated": "nothing about generation, editing or a camera",
    }[said]
    if found.intact is False:
        return (
            f"The file does not fit its content credentials (signed by {signer}): it was changed after it was signed, or "
            f"they were taken from another file. They said {content}."
        )
    if found.intact is None:
        return f"Content credentials of {signer} could not be checked against the file; they say {content}."
    standing = "who is on your trust list" if found.trusted else "whom nobody here vouches for"
    return f"Content credentials that fit the file, signed by {signer}, {standing}, say {content}."


def _signer(found: Credentials) -> str:
    names = [short(n) for n in (found.signer, found.issuer) if n]
    return ", ".join(dict.fromkeys(names)) or "a signer without a name"


def _said(sources: Sequence[str], actions: Sequence[str] = ()) -> ClaimContent:
    from likeness.provenance.credentials_sources import says

    if DECIDING_SOURCES & set(sources):
        return "generated"
    said = says(sources)
    if said in ("generated", "edited") or EDITORIAL_ACTIONS & set(actions):
        return "edited"
    return said or "unstated"


def _listed(parts: Sequence[object]) -> str:
    shown = [short(str(p)) for p in parts[:MOST_LISTED]]
    more = len(parts) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more > 0 else shown)
