"""What a file says of its own making, in the decision: who is believed, what is only shown, and in which words.

Marks can be stripped, so that their absence says nothing; and all but one kind can be forged or copied, so that their
presence proves nothing. The exception are content credentials whose hash verifies and whose signer is trusted: somebody
who is known vouches for what they say. They are believed in one direction only. A trusted statement that media were
generated decides; a trusted statement that a camera recorded them does not clear the file, because a screen can be
photographed and what was recorded can be staged.

Claims never touch a likelihood ratio: they are no measurements, and contradictions among them are shown, not averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from likeness.scoring.wording import listing
from likeness.types import Claim, ClaimContent, ClaimSource, Evidence

__all__ = ["claims_of", "vouched_generation"]

MARKS: Final = "marks"
"""The one detector that makes claims; its findings are no measurements and are kept apart from those that are."""

FORGEABLE: Final = (
    "Claims that no trusted signature stands for can be forged or copied: anyone can stamp real footage, for instance to "
    "discredit it. They are shown, they decide nothing and they move no likelihood ratio."
)
SOURCE_WORDS: Final[dict[ClaimSource, str]] = {
    "credentials": "the content credentials",
    "watermark": "a watermark",
    "metadata": "the metadata",
}
_SPEAKS_OF_CHANGE: Final[tuple[ClaimContent, ...]] = ("generated", "edited")


def claims_of(evidence: Sequence[Evidence]) -> tuple[Claim, ...]:
    """Every claim about the file; those of a detector that may not make claims are passed over."""
    return tuple(c for e in evidence if e.detector == MARKS for c in e.claims)


def measurements(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The findings that are measurements: those of every detector but `MARKS`."""
    return [e for e in evidence if e.detector != MARKS]


def vouched_generation(claims: Sequence[Claim]) -> Claim | None:
    """The claim that decides: credentials that verify, of a trusted signer, saying that the media were generated."""
    return next((c for c in claims if c.decides and c.says == "generated"), None)


def unvouched(claims: Sequence[Claim]) -> list[Claim]:
    """Claims of generation or editing that nobody trusted stands for."""
    return [c for c in claims if not c.decides and c.says in _SPEAKS_OF_CHANGE]


def claim_doubts(evidence: Sequence[Evidence]) -> list[str]:
    """Why "no manipulation found" may not be said, as parts of a sentence; empty where no mark stands against it."""
    changed = [c for c in claims_of(evidence) if c.says in _SPEAKS_OF_CHANGE]
    doubts = []
    for says in _SPEAKS_OF_CHANGE:
        sources = list(dict.fromkeys(SOURCE_WORDS[c.source] for c in changed if c.says == says))
        if sources:
            verb = "claim" if len(sources) > 1 or sources[0].startswith("the ") else "claims"
            doubts.append(f"{listing(sources)} {verb} that the file was {says}")
    if _failed(evidence):
        doubts.append("the marks in the file could not be read")
    return doubts


def reasons_before(claims: Sequence[Claim]) -> tuple[str, ...]:
    """What stands before all other reasons: claims of generation and editing, and contradictions among the marks."""
    forgeable = unvouched(claims)
    told = [claim.text for claim in forgeable]
    if forgeable:
        told.append(FORGEABLE)
    told += [
        f"{claim.text} An edit that its maker declares decides nothing."
        for claim in claims
        if claim.decides and claim.says == "edited"
    ]
    return (*told, *_contradiction(claims))


def reasons_after(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """What stands behind all other reasons: claims that speak of no change, and marks that could not be read."""
    told = []
    for claim in claims_of(evidence):
        if claim.source == "metadata":  # most cameras write such lines; they stand with the marks
            continue
        if claim.says == "captured":
            told.append(
                f"{claim.text} That clears nothing: a screen can be photographed, and a recording can be staged."
            )
        elif claim.says == "unstated":
            told.append(claim.text)
    told += [f"The marks in the file could not be read: {e.note}" for e in _failed(evidence)]
    return tuple(told)


def vouched_reasons(vouched: Claim, claims: Sequence[Claim]) -> tuple[str, ...]:
    """The reasons of a file that a trusted signer declares to be generated."""
    others = [c for c in claims if c is not vouched]
    return (
        vouched.text,
        "The credentials fit the file and their signer is trusted, so this decides. It is the signer's word, not a "
        "measurement: it is worth as much as the trust that was put in that signer.",
        *_contradiction(claims),
        *(claim.text for claim in others),
        *((FORGEABLE,) if unvouched(others) else ()),
    )


def _contradiction(claims: Sequence[Claim]) -> tuple[str, ...]:
    """Credentials of a camera beside a claim of generation; a camera's metadata also survive in what is made of its pictures."""
    generated = [SOURCE_WORDS[c.source] for c in claims if c.says == "generated"]
    if not generated or not any(c.says == "captured" and c.source == "credentials" for c in claims):
        return ()
    return (
        f"The marks contradict one another: according to {listing(list(dict.fromkeys(generated)))} the media were "
        "generated, according to the content credentials a camera recorded them. Both cannot be the whole truth; neither "
        "is weighed against the other.",
    )


def _failed(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [e for e in evidence if e.detector == MARKS and e.status == "failed"]
