"""The use case `extract`: clips and pictures of one person in, a curated face set out.

The consent record is read and checked before a file is decoded. A run adds to the set that is there: files that were
examined before are not decoded again, and the filters decide anew over all faces together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from likeness.jobs.extract_options import Extraction, ExtractOptions, Permit
from likeness.jobs.extract_run import SHEET, Run
from likeness.provenance.consent import require_consent
from likeness.types import Progress

__all__ = ["SHEET", "ExtractOptions", "Extraction", "Permit", "extract"]


def extract(
    files: Sequence[Path],
    out: Path,
    permit: Permit,
    options: ExtractOptions | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Make a face set, or add to one.

    Args:
        files: clips and pictures; an empty sequence curates the set anew.
        out: folder of the set.
        permit: the person's consent record and what it is to cover.
        options: see `ExtractOptions`.
        progress: see `likeness.types.Progress`.

    Raises:
        ConsentError: the record does not cover this, nobody in the files is its person, or the set is somebody else's.
        MissingExtraError: identity embeddings are not installed.
        UsageError: several people and none chosen, or other crops than the set has.
        DataError: no face at all, or the folder holds a damaged set.
        OutputError: the folder cannot be written.
    """
    options = options or ExtractOptions()
    require_consent(
        [permit.record.consent],
        permit.purpose,
        permit.today,
        permit.keys.maker_public_key(),
    )
    run = Run(out, permit, options)
    if files:
        run.add(files, progress)
    return run.finish(progress)
