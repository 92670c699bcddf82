"""Manifests, identity splits, degradations, pseudo-fakes, crop packs and the leakage audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.data.audit import (
        AuditResult,
        crop_features,
        file_features,
        leakage_audit,
    )
    from likeness.data.degradations import (
        LADDER,
        Step,
        degrade,
        ladder_area,
        random_degradation,
    )
    from likeness.data.identity import cluster_embeddings, resolve_roles
    from likeness.data.known_faces import KnownFace
    from likeness.data.manifest import (
        Item,
        check_disjoint,
        items_from_folders,
        read_items,
        select_items,
    )
    from likeness.data.packs import CropPack
    from likeness.data.pairs import Pair, degrade_pair, make_pair, roughen_pair
    from likeness.data.pseudo_fakes import (
        PseudoFake,
        PseudoFakeConfig,
        make_pseudo_fake,
        nearest_donors,
    )

__all__ = [
    "LADDER",
    "AuditResult",
    "CropPack",
    "Item",
    "KnownFace",
    "Pair",
    "PseudoFake",
    "PseudoFakeConfig",
    "Step",
    "check_disjoint",
    "cluster_embeddings",
    "crop_features",
    "degrade",
    "degrade_pair",
    "file_features",
    "items_from_folders",
    "ladder_area",
    "leakage_audit",
    "make_pair",
    "make_pseudo_fake",
    "nearest_donors",
    "random_degradation",
    "read_items",
    "resolve_roles",
    "roughen_pair",
    "select_items",
]


def __getattr__(name: str) -> Any:
    if name in ("AuditResult", "crop_features", "file_features", "leakage_audit"):
        from likeness.data import audit

        return getattr(audit, name)
    if name in ("LADDER", "Step", "degrade", "ladder_area", "random_degradation"):
        from likeness.data import degradations

        return getattr(degradations, name)
    if name in ("cluster_embeddings", "resolve_roles"):
        from likeness.data import identity

        return getattr(identity, name)
    if name in ("Item", "check_disjoint", "items_from_folders", "read_items", "select_items"):
        from likeness.data import manifest

        return getattr(manifest, name)
    if name == "CropPack":
        from likeness.data import packs

        return getattr(packs, name)
    if name in ("PseudoFake", "PseudoFakeConfig", "make_pseudo_fake", "nearest_donors"):
        from likeness.data import pseudo_fakes

        return getattr(pseudo_fakes, name)
    if name in ("Pair", "degrade_pair", "make_pair", "roughen_pair"):
        from likeness.data import pairs

        return getattr(pairs, name)
    if name == "KnownFace":
        from likeness.data import known_faces

        return getattr(known_faces, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
