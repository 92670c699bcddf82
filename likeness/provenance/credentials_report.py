"""The library's report of a manifest store in our words: facts, actions, ingredients and problems, all bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from likeness.media.facts import clean
from likeness.provenance.credentials_manifest import MAKING_LABEL
from likeness.provenance.credentials_sources import short_source

_MOST_LISTED, _MOST_PROBLEMS = 64, 20
_MATCH = re.compile(r"assertion\.(?:data|bmff|boxes|collection)Hash\.match")
_TRUST_SIDE = re.compile(r"signingCredential\.|timeStamp\.|claimSignature\.outsideValidity")
_WORDS: Final = {
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.bmffHash.mismatch": "the file was changed after it was signed",
    "assertion.boxesHash.mismatch": "the file was changed after it was signed",
    "assertion.collectionHash.mismatch": "the file was changed after it was signed",
    "assertion.hashedURI.mismatch": "a statement of the credentials was changed after signing",
    "assertion.missing": "a statement of the credentials was removed",
    "claimSignature.mismatch": "the signature does not hold: the credentials were changed or made up",
    "claimSignature.missing": "the credentials are not signed",
    "claimSignature.outsideValidity": "signed while the certificate did not hold",
    "claim.missing": "the credentials have no claim",
    "claim.multiple": "the credentials contradict themselves: several claims",
    "claim.hardBindings.missing": "the credentials are not tied to any file",
    "signingCredential.untrusted": "the signer's certificate leads to none that you trust",
    "signingCredential.expired": "the signer's certificate has expired and nobody vouches for the time of signing",
    "signingCredential.invalid": "the signer's certificate is not one that may sign credentials",
    "signingCredential.ocsp.revoked": "the signer's certificate was revoked",
    "timeStamp.mismatch": "the time stamp belongs to another signature",
    "timeStamp.untrusted": "the time-stamp authority is none that you trust",
    "algorithm.unsupported": "signed with an algorithm that is not allowed",
    "ingredient.manifest.mismatch": "the credentials of an ingredient were changed",
    "ingredient.manifest.missing": "the credentials of an ingredient were removed",
}


@dataclass(frozen=True)
class Action:
    """One thing that was done, as the manifest tells it.

    Attributes:
        name: such as c2pa.created.
        digital_source: last part of the IPTC source type; empty if none is given.
        software: which program did it.
        when: date in the manifest, which the signer may have made up.
    """

    name: str
    digital_source: str = ""
    software: str = ""
    when: str = ""


@dataclass(frozen=True)
class ReadIngredient:
    """One thing that went in, as the manifest tells it.

    Attributes:
        name: title.
        media_type: of its file.
        relationship: parentOf, componentOf or inputTo.
        sha256: hash of its bytes, where the manifest is of our form.
        issuer: who signed its own credentials; empty if it came without.
        digital_sources: source types in its own credentials and in those of its ingredients.
    """

    name: str
    media_type: str
    relationship: str
    sha256: str = ""
    issuer: str = ""
    digital_sources: tuple[str, ...] = ()


def facts_of(store: Any) -> dict[str, Any]:
    """Everything of `Credentials` that the library's JSON tells; unknown shapes are passed over, never trusted.

    Args:
        store: the decoded report.

    Returns:
        Keyword arguments of `Credentials`, without `present`.
    """
    manifests = _map(_map(store).get("manifests"))
    active = _map(manifests.get(str(_map(store).get("active_manifest"))))
    results = _map(_map(store).get("validation_results"))
    signature = _map(active.get("signature_info"))
    making = _assertion(active, MAKING_LABEL)
    actions = tuple(_action(a) for a in _actions(active))
    return {
        **_verdicts(_map(results.get("activeManifest"))),
        "issuer": _text(signature.get("issuer")),
        "signer": _text(signature.get("common_name")),
        "algorithm": _text(signature.get("alg")),
        "signed_at": _text(signature.get("time")),
        "claim_generator": _generator(active),
        "title": _text(active.get("title")),
        "digital_sources": _unique(a.digital_source for a in actions),
        "actions": actions,
        "ingredients": _ingredients(active, manifests, making),
        "problems": _problems(results),
        **_ours(making),
    }


def words_for(code: str, explanation: str = "") -> str:
    """A validation code in plain words, the code in brackets."""
    words = _WORDS.get(code) or clean(explanation, 120) or "the credentials do not hold"
    return f"{words} ({clean(code, 60)})"


def words_for_error(line: str) -> str:
    """What the library said when it could not read a manifest at all."""
    return f"the credentials are damaged and cannot be read ({clean(line, 160)})"


def _verdicts(active: Mapping[str, Any]) -> dict[str, bool]:
    """Intact and trusted need somebody who says so; the absence of failures is not enough."""
    good, bad = (set(_codes(active.get(key))) for key in ("success", "failure"))
    signed = "claimSignature.validated" in good
    broken = [code for code in bad if not _TRUST_SIDE.match(code)]
    untrusted = [code for code in bad if _TRUST_SIDE.match(code)]
    bound = any(_MATCH.fullmatch(code) for code in good)
    return {
        "intact": signed and bound and not broken,
        "trusted": signed and "signingCredential.trusted" in good and not untrusted,
    }


def _problems(results: Mapping[str, Any]) -> tuple[str, ...]:
    found = list(_failures(_map(results.get("activeManifest"))))
    for delta in _list(results.get("ingredientDeltas")):
        for line in _failures(_map(_map(delta).get("validationDeltas"))):
            found.append(f"in an ingredient: {line}")
    return _unique(found)[:_MOST_PROBLEMS]


def _failures(part: Mapping[str, Any]) -> Iterable[str]:
    for status in _list(part.get("failure")):
        status = _map(status)
        yield words_for(_text(status.get("code")), _text(status.get("explanation")))


def _codes(statuses: Any) -> Iterable[str]:
    return (str(_map(status).get("code")) for status in _list(statuses))


def _ours(making: Mapping[str, Any]) -> dict[str, Any]:
    job = str(making.get("job_id", ""))
    if not re.fullmatch(r"[0-9a-f]{16}", job):
        return {}
    try:
        made_on = date.fromisoformat(str(making.get("made_on", "")))
    except ValueError:
        made_on = None
    ids = [str(i) for i in _list(making.get("consent_ids"))]
    return {
        "job_id": int(job, 16),
        "generator": _text(making.get("generator")),
        "weights": _text(making.get("weights")),
        "made_on": made_on,
        "consent_ids": tuple(i for i in ids if re.fullmatch(r"[0-9a-f]{16}", i)),
    }


def _ingredients(
    active: Mapping[str, Any], manifests: Mapping[str, Any], making: Mapping[str, Any]
) -> tuple[ReadIngredient, ...]:
    inputs = [_map(part) for part in _list(making.get("inputs"))]
    out = []
    for number, part in enumerate(map(_map, _list(active.get("ingredients")))):
        ours = inputs[number] if number < len(inputs) else {}
        digest = str(ours.get("sha256", "")) if ours.get("title") == part.get("title") else ""
        label = str(part.get("active_manifest"))
        own = _map(manifests.get(label))
        out.append(
            ReadIngredient(
                name=_text(part.get("title")),
                media_type=_text(part.get("format")),
                relationship=_text(part.get("relationship")),
                sha256=digest if re.fullmatch(r"[0-9a-f]{64}", digest) else "",
                issuer=_text(_map(own.get("signature_info")).get("issuer")),
                digital_sources=_sources_below(label, manifests),
            )
        )
    return tuple(out)


def _sources_below(label: str, manifests: Mapping[str, Any]) -> tuple[str, ...]:
    """Source types of a manifest and of all that went into it; a manifest is looked at once."""
    waiting, seen, found = [label], set(), []
    while waiting:
        label = waiting.pop()
        manifest = _map(manifests.get(label))
        if label in seen or not manifest:
            continue
        seen.add(label)
        found += [_action(a).digital_source for a in _actions(manifest)]
        below = (_map(part).get("active_manifest") for part in _list(manifest.get("ingredients")))
        waiting += [str(name) for name in below if name]
    return _unique(found)


def _actions(manifest: Mapping[str, Any]) -> list[Any]:
    for assertion in _list(manifest.get("assertions")):
        if str(_map(assertion).get("label")).startswith("c2pa.actions"):
            return _list(_map(_map(assertion).get("data")).get("actions"))
    return []


def _action(given: Any) -> Action:
    given = _map(given)
    agent = given.get("softwareAgent")
    if isinstance(agent, Mapping):
        agent = " ".join(str(agent[k]) for k in ("name", "version") if agent.get(k))
    return Action(
        name=_text(given.get("action")),
        digital_source=short_source(given.get("digitalSourceType", "")),
        software=_text(agent),
        when=_text(given.get("when")),
    )


def _assertion(manifest: Mapping[str, Any], label: str) -> Mapping[str, Any]:
    for assertion in _list(manifest.get("assertions")):
        if _map(assertion).get("label") == label:
            return _map(_map(assertion).get("data"))
    return {}


def _generator(manifest: Mapping[str, Any]) -> str:
    infos = _list(manifest.get("claim_generator_info"))
    if not infos:
        return _text(manifest.get("claim_generator"))
    first = _map(infos[0])
    return _text(" ".join(str(first[k]) for k in ("name", "version") if first.get(k)))


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for item in items if item))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value[:_MOST_LISTED] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return "" if value is None else clean(value)
