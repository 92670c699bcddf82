"""What `extract` is asked for and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from likeness.data.coverage import Coverage
from likeness.data.curation import SORT_KEYS, Curated, CurationConfig
from likeness.data.face_sets import MINIMUM_FACES, too_few
from likeness.errors import DataError, LikenessError, UsageError
from likeness.jobs.extract_cutting import Cutting
from likeness.provenance.consent import ConsentRecord
from likeness.provenance.keys import KeyStore
from likeness.types import Purpose


@dataclass(frozen=True)
class Permit:
    """Who may be extracted.

    Attributes:
        record: the consent record of the person, read from its file; its references lie beside it.
        purpose: what the set is for; the record must allow it.
        today: the day on which it must hold.
        keys: of this installation; hashes the subject's name for the rows.
    """

    record: ConsentRecord
    purpose: Purpose
    today: date
    keys: KeyStore


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract.

    Attributes:
        cutting: which frames, and how faces are cut out.
        curation: thresholds of the filters.
        person: which one, where the record has no references and several people are seen; 1 = most faces.
        by_hand: face_id -> True (keep) or False (drop); remembered by the set.
        sort: order of the contact sheet, a key of `curation.SORT_KEYS`.
        threads: of the networks; 0 = one per core.
    """

    cutting: Cutting = field(default_factory=Cutting)
    curation: CurationConfig = field(default_factory=CurationConfig)
    person: int | None = None
    by_hand: Mapping[str, bool] = field(default_factory=dict)
    sort: str = "yaw"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.sort not in SORT_KEYS:
            raise UsageError(f"--sort: expected one of {', '.join(SORT_KEYS)}, got {self.sort!r}")
        if self.cutting.every < 1:
            raise UsageError(f"--every: expected at least 1, got {self.cutting.every}")


@dataclass(frozen=True, eq=False)
class Extraction:
    """What a run did.

    Attributes:
        folder: the set.
        curated: every face with its reason, and the counts.
        coverage: of the kept faces.
        warnings: what the user should know, in plain sentences.
        failed: files that could not be read, with the reason.
        skipped: files that the set held already.
    """

    folder: Path
    curated: Curated
    coverage: Coverage
    warnings: tuple[str, ...]
    failed: Mapping[str, LikenessError]
    skipped: tuple[str, ...]

    def require_enough(self) -> None:
        """Refuse a set that is too small to train on; it stays on disk, so that files can be added.

        Raises:
            DataError: says how many faces there are, how many are needed and what is missing.
        """
        if self.curated.kept < MINIMUM_FACES:
            raise DataError(f"{self.folder}: {too_few(self.curated.kept, self.coverage.missing)}")
