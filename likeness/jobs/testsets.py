"""The test sets of a data folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from likeness.data.manifest import Item, select_items

FORMAT_MATCHED = {"stylegan1_256": "ffhq256"}
"""Fake source -> the only real source of the same size and compression."""


@dataclass(frozen=True)
class TestSet:
    """Real items and what they are told from.

    Attributes:
        name: as it stands in the table.
        question: what a detector must answer here: blended or synthesised.
        reals: real items.
        fakes: fake items; empty = pseudo-fakes of the reals.
    """

    name: str
    question: str
    reals: tuple[Item, ...]
    fakes: tuple[Item, ...] = ()
    __test__ = False  # not a pytest class


def test_sets(items: Sequence[Item], role: str = "test") -> list[TestSet]:
    """Pseudo-fakes of every real source of faces, and every fake source against its format-matched reals."""
    sets = []
    visual = [i for i in items if i.kind in ("face", "video") and i.role == role]
    for source in sorted({i.source for i in visual if i.label == 0}):
        reals = tuple(select_items(visual, source=source, label=0))
        sets.append(TestSet(f"{source} pseudo-fakes", "blended", reals))
    for source in sorted({i.source for i in visual if i.label == 1}):
        fakes = tuple(select_items(visual, source=source, label=1))
        matched = FORMAT_MATCHED.get(source)
        reals = tuple(
            i for i in visual if i.label == 0 and (matched is None or i.source == matched)
        )
        sets.append(TestSet(f"{matched or 'real'} / {source}", "synthesised", reals, fakes))
    return [s for s in sets if s.reals]
