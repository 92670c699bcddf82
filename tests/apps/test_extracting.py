"""`extract` and `pair-report` on the command line: exit codes, one line per error, thresholds by name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness.apps.extracting import ExtractRequest, run_extract, run_pair_report
from likeness.data.face_sets import read_manifest
from likeness.errors import ConsentError, DataError, UsageError
from likeness.jobs import extract_run
from likeness.provenance.consent import write_consent
from likeness.types import Consent


@pytest.fixture
def request_of(
    tmp_path: Path, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> ExtractRequest:
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(extract_run, "DlibEmbedder", lambda: lambda *_: np.ones(4, np.float32))
    terms = Consent(
        "astronaut", "dataset_terms", "research", date(9999, 1, 1), "1" * 64, True, True
    )
    write_consent(terms, tmp_path / "a.consent.toml")
    Image.fromarray(portrait).save(tmp_path / "a.png")
    return ExtractRequest(
        files=(str(tmp_path / "a.png"),),
        consent=tmp_path / "a.consent.toml",
        out=tmp_path / "faces",
        every=None,
        size=192,
        person=None,
        purpose=None,
        drop_shared_frames=False,
        keep=(),
        drop=(),
        sort="yaw",
        threshold=(),
    )


def with_changes(request: ExtractRequest, **changes: object) -> ExtractRequest:
    return ExtractRequest(**{**vars(request), **changes})  # type: ignore[arg-type]


def test_a_set_that_is_too_small_is_kept_and_said(
    request_of: ExtractRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match=r"at least 100 .* got 1; missing: .*looking down"):
        run_extract(request_of)
    assert "1 of 1 faces kept" in capsys.readouterr().out
    assert read_manifest(request_of.out).about["size_px"] == 192
    # Later runs take the crops' size from the set.
    with pytest.raises(DataError, match="got 0"):
        run_extract(with_changes(request_of, size=None, threshold=("min_native_px=500",)))
    assert read_manifest(request_of.out).rows[0]["reason"] == "small"


def test_wrong_requests_say_what_is_wrong(request_of: ExtractRequest) -> None:
    with pytest.raises(UsageError, match="max_yaw_deg"):
        run_extract(with_changes(request_of, threshold=("beauty=1",)))
    with pytest.raises(UsageError, match="NAME=NUMBER"):
        run_extract(with_changes(request_of, threshold=("max_tint=much",)))
    with pytest.raises(UsageError, match="sort"):
        run_extract(with_changes(request_of, sort="beauty"))
    with pytest.raises(ConsentError, match="purpose"):
        run_extract(with_changes(request_of, purpose="art"))
    with pytest.raises(ConsentError):
        run_extract(with_changes(request_of, consent=request_of.out / "none.toml"))
    assert not request_of.out.exists()


def test_pair_report_needs_two_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="likeness extract"):
        run_pair_report(tmp_path, tmp_path)
