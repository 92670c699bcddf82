"""Scores that are kept, and works that are not done twice."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from likeness.data.known_faces import KnownFace
from likeness.data.manifest import Item
from likeness.errors import DataError, OutputError
from likeness.jobs import scored_items
from likeness.jobs.demo import portrait_path
from likeness.jobs.measuring import Scored, score_pair
from likeness.jobs.score_store import ScoreStore, detector_table, work_key
from likeness.jobs.scored_items import Work, score_all
from likeness.testing import portrait_clip


def test_what_was_put_is_there_again_and_a_torn_line_is_not(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path / "scores")
    assert store.get("a", "key") is None
    store.put("a", "key", [1.5, None])
    with (tmp_path / "scores" / "a.jsonl").open("a") as file:
        file.write('["torn", [1.')
    again = ScoreStore(tmp_path / "scores")
    assert again.get("a", "key") == [1.5, None]
    assert again.get("a", "torn") is None and again.get("b", "key") is None


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = ScoreStore(None)
    store.put("a", "key", 1)
    assert store.get("a", "key") == 1 and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        ScoreStore(tmp_path / "file" / "scores").put("a", "key", 1)


def test_a_table_changes_with_code_weights_and_options(tmp_path: Path, monkeypatch) -> None:
    from likeness import weights

    table = detector_table("residual_statistics", {})
    assert table == detector_table("residual_statistics", {})
    assert table != detector_table("residual_statistics", {"frames": 4})
    assert table != detector_table("spectrum", {})
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    assert table != detector_table("residual_statistics", {})


def test_keys_depend_on_everything_that_is_shown() -> None:
    keys = {work_key("pair", "ab", [1]), work_key("pair", "ab", [2]), work_key("clip", "ab", [1])}
    assert len(keys | {work_key("pair", "ab", [1])}) == 3


def test_a_detector_is_asked_once(tmp_path: Path, monkeypatch) -> None:
    picture = portrait_path()
    _, (track,) = portrait_clip()
    known = KnownFace(Item(picture.name, "face", 0, "s", "g", "terms", "ab" * 6, "train"), track)
    work = Work("key", partial(score_pair, picture.parent, known, ("clean",)))
    store = ScoreStore(tmp_path)
    wanted = {"one": ("residual_statistics", {})}
    ((real, fake),) = score_all([work], wanted, store)
    assert (real.kind, fake.kind) == ("real", "pseudo_fake")
    assert real.scores["one"] != fake.scores["one"]
    assert real.covariates["sharpness"] == pytest.approx(track.quality.sharpness[0], abs=0.2)
    monkeypatch.setattr(scored_items, "ProcessPoolExecutor", None)  # whoever asks again breaks
    assert score_all([work], wanted, ScoreStore(tmp_path)) == [[real, fake]]
    with pytest.raises(TypeError):
        score_all([work], {**wanted, "two": ("spectrum", {})}, ScoreStore(tmp_path))


def test_only_what_is_missing_is_measured(tmp_path: Path) -> None:
    def row(score: float | None) -> Scored:
        return Scored(0, "g", "clean", "p", {"one": score, "two": score}, {"x": 1.0}, (2.0,))

    store = ScoreStore(tmp_path)
    tables = {"one": "one-1", "two": "two-1"}
    missing = scored_items._missing("key", tables, store)
    assert missing == ["one", "two"]
    scored_items._keep("key", [row(1.0), row(None)], (tables, {"key": missing}), store)
    assert scored_items._missing("key", tables, store) is None
    assert scored_items._missing("key", {**tables, "new": "new-1"}, store) == ["new"]
    with pytest.raises(DataError, match="delete"):
        scored_items._keep("key", [row(1.0)], ({"new": "new-1"}, {"key": ["new"]}), store)
    rows = scored_items._rows("key", tables, ScoreStore(tmp_path))
    assert rows == [row(1.0), row(None)]
    assert np.isclose(rows[0].nuisance, 2.0).all()
