"""The test sets of a data folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from likeness.data.manifest import Item, select_items

FORMAT_MATCHED: Mapping[str, tuple[str, ...]] = {"stylegan1_256": ("ffhq256",)}
"""Fake source -> the only real sources of the same size and compression, where the layout does not say it."""


@dataclass(frozen=True)
class TestSet:
    """Real items and what they are told from.

    Attributes:
        name: as it stands in the table.
        reals: real items.
        fakes: fake items; empty = frozen pseudo-fakes of the reals.
    """

    name: str
    reals: tuple[Item, ...]
    fakes: tuple[Item, ...] = ()
    __test__ = False  # not a pytest class


def test_sets(
    items: Sequence[Item], role: str = "test", matched: Mapping[str, tuple[str, ...]] | None = None
) -> list[TestSet]:
    """Frozen pseudo-fakes of every real source of faces, and every fake source against its format-matched reals.

    Args:
        items: of a data folder.
        role: of the files.
        matched: fake source -> its real sources; others go by `FORMAT_MATCHED`, and where that says nothing by all reals.
    """
    pairs = {**FORMAT_MATCHED, **(matched or {})}
    sets = []
    visual = [i for i in items if i.kind in ("face", "video") and i.role == role]
    for source in sorted({i.source for i in visual if i.label == 0}):
        reals = tuple(select_items(visual, source=source, label=0, role=role))
        sets.append(TestSet(f"{source} pseudo-fakes", reals))
    for source in sorted({i.source for i in visual if i.label == 1}):
        fakes = tuple(select_items(visual, source=source, label=1, role=role))
        own = pairs.get(source)
        reals = tuple(i for i in visual if i.label == 0 and (own is None or i.source in own))
        name = " + ".join(own or ()) or "real"
        sets.append(TestSet(f"{name} / {source}", reals, fakes))
    return [s for s in sets if s.reals]
