"""What a manifest of ours says: the facts of a `Making` in the words of the C2PA specification.

Nobody's name and no place of this machine goes in: a person is a salted number, footage is a file name without its
folders, and a text in which the name of a consenting person turns up is replaced.

Actions and relationships: C2PA specification 2.2, sections 18.10 (ingredients) and 18.15 (actions). Source types: IPTC
NewsCodes, http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from likeness.provenance.making import Ingredient, Making
from likeness.types import FactValue

IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MAKING_LABEL: Final = "org.likeness.making"
GENERATOR_NAME: Final = "Likeness"
WITHHELD: Final = "withheld"
_MOST_SETTINGS, _MOST_TEXT = 64, 200
_LEAST_NAME, _LONG_NAME = 3, 5
_NAMELESS = ("dataset_terms", "synthetic_person")
_RELATIONSHIPS = {"target": "parentOf", "source": "inputTo"}


def manifest_of(making: Making, consent_ids: Iterable[str], version: str) -> dict[str, Any]:
    """The manifest of a piece of generated media, as the library wants it.

    Args:
        making: what was done.
        consent_ids: a number for everyone who consented, see `KeyStore.consent_id`.
        version: of this package.

    Returns:
        A manifest definition (JSON types only): generator, ingredients, actions and our own assertion.
    """
    names = _names(making)
    parts = [(f"{part.role}-{number}", part) for number, part in enumerate(_target_first(making))]
    return {
        "claim_generator_info": [{"name": GENERATOR_NAME, "version": version}],
        "ingredients": [_ingredient(label, part, names) for label, part in parts],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": _actions(making, parts, names)}},
            {
                "label": MAKING_LABEL,
                "data": _making(making, sorted(set(consent_ids)), names),
                "created": True,
            },
        ],
    }


def told(text: str, names: frozenset[str]) -> str:
    """A text as it may leave: bounded, without folders, and withheld if it holds one of the names."""
    if any(_mentions(_plain(text), name) for name in names):
        return WITHHELD
    text = re.split(r"[\\/]", text)[-1] if _is_place(text) else text
    return text[:_MOST_TEXT]


def _mentions(text: str, name: str) -> bool:
    """Long names count inside a word as well, short ones only where no letter stands beside them."""
    if len(name) >= _LONG_NAME:
        return name in text
    return bool(re.search(rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_])", text))


def _actions(
    making: Making, parts: list[tuple[str, Ingredient]], names: frozenset[str]
) -> list[dict[str, Any]]:
    """Opened and edited where there is footage that received something; created where there is none."""
    made: dict[str, Any] = {
        "digitalSourceType": IPTC + making.digital_source,
        "softwareAgent": {"name": making.generator},  # a part of the program, never a person
    }
    if making.weights:
        made["softwareAgent"]["version"] = told(making.weights, names)
    parents = [label for label, part in parts if part.role == "target"][:1]
    others = [label for label, _ in parts if label not in parents]
    if others:
        made["parameters"] = {"ingredientIds": others}
    if not parents:
        return [{"action": "c2pa.created", **made}]
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": parents}}
    return [opened, {"action": "c2pa.edited", **made}]


def _ingredient(label: str, part: Ingredient, names: frozenset[str]) -> dict[str, Any]:
    # A manifest has one parent; further footage is what it was composed of.
    parent = label == "target-0"
    relationship = (
        "parentOf" if parent else _RELATIONSHIPS[part.role].replace("parentOf", "componentOf")
    )
    return {
        "title": _title(part, names),
        "format": part.media_type,
        "relationship": relationship,
        "instance_id": label,
    }


def _making(making: Making, consent_ids: list[str], names: frozenset[str]) -> dict[str, Any]:
    return {
        "job_id": f"{making.job_id:016x}",
        "generator": making.generator,
        "weights": told(making.weights, names),
        "purpose": making.purpose,
        "made_on": making.today.isoformat(),
        "consent_ids": consent_ids,
        "inputs": [
            {"role": part.role, "title": _title(part, names), "sha256": part.sha256}
            for part in _target_first(making)
        ],
        "settings": {
            told(str(key), names): _setting(value, names)
            for key, value in list(making.settings.items())[:_MOST_SETTINGS]
        },
    }


def _target_first(making: Making) -> list[Ingredient]:
    return sorted(making.ingredients, key=lambda part: part.role != "target")


def _title(part: Ingredient, names: frozenset[str]) -> str:
    file = re.split(r"[\\/]", part.name)[-1]
    cleaned = told(file, names)
    return f"{part.role} ({WITHHELD})" if cleaned == WITHHELD or not cleaned else cleaned


def _setting(value: FactValue, names: frozenset[str]) -> FactValue:
    return told(value, names) if isinstance(value, str) else value


def _names(making: Making) -> frozenset[str]:
    """The subjects' names: whole, and word by word where the record is about one named person."""
    found: set[str] = set()
    for consent in making.consents:
        whole = _plain(consent.subject)
        found |= {whole, whole.replace(" ", "")}
        if consent.basis not in _NAMELESS:
            found |= {word for word in whole.split() if len(word) >= _LEAST_NAME}
    return frozenset(found - {""})


def _plain(text: str) -> str:
    """Folded for comparison: no case, no accents, anything that is no letter or digit is one space."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", flat).split())


def _is_place(text: str) -> bool:
    return bool(re.match(r"(?:[A-Za-z]:)?[\\/]|~[\\/]|\.\.?[\\/]|file:", text))
