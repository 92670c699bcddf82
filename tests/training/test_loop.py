"""The loop: exact resume, also after SIGKILL; schedules of the step; guards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness.errors import LikenessError, WeightsError  # noqa: E402
from likeness.training import FitConfig, epoch_indices, fit  # noqa: E402

STEPS = 40
SCRIPT = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_loop import run
def slow(what, done, total):
    print(done, flush=True)
    time.sleep(0.02)
run(Path(sys.argv[1]), slow)
"""


def make_model(seed: int = 3) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.Linear(8, 1),
    )  # fmt: skip


def make_batch(step: int, rng: np.random.Generator):
    rows = epoch_indices(step, 50, 8, seed=1)
    data = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)[rows]
    x = torch.from_numpy(data + rng.normal(0, 0.1, data.shape).astype(np.float32))
    return x, x.sum(1, keepdim=True)


def loss_fn(model, batch):
    return torch.nn.functional.mse_loss(model(batch[0]), batch[1])


def config(out: Path, **changes) -> FitConfig:
    settings = {
        "steps": STEPS,
        "out": out,
        "optimiser": torch.optim.Adam,
        "learning_rate": lambda step: 0.01 * 0.5 ** (step // 10),
        "checkpoint_every_steps": 7,
        "run": "tiny",
    }
    return FitConfig(**{**settings, **changes})


def run(out: Path, progress=None, **changes):
    torch.set_num_threads(1)  # as other tests of this process may have left it: sums depend on it
    model = make_model()
    result = fit(model, loss_fn, make_batch, config(out, **changes), progress)
    return model.state_dict(), result


def same_bits(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_sigkill_and_resume_end_with_the_same_bits(tmp_path):
    expected, _ = run(tmp_path / "whole")
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(killed)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if int(line) == 18:  # between the checkpoints of steps 14 and 21
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    torch.rand(5)  # another process, another random state
    actual, result = run(killed)
    assert 14 <= result.resumed_from < STEPS
    assert same_bits(actual, expected)


def test_a_different_seed_gives_different_weights(tmp_path):
    assert not same_bits(run(tmp_path / "a")[0], run(tmp_path / "b", seed=1)[0])


def test_an_unfinished_checkpoint_is_ignored_and_old_ones_are_removed(tmp_path):
    run(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_000000035", "step_000000040"]
    (tmp_path / "step_000000099.partial").mkdir()
    _, result = run(tmp_path)
    assert result.resumed_from == STEPS
    assert np.isnan(result.loss)


def test_checkpoints_hold_no_pickle(tmp_path):
    run(tmp_path)
    folder = tmp_path / "step_000000040"
    assert sorted(p.name for p in folder.iterdir()) == ["state.json", "tensors.safetensors"]
    assert json.loads((folder / "state.json").read_text())["step"] == STEPS


@pytest.mark.parametrize("change", [{"seed": 1}, {"run": "other"}])
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change):
    run(tmp_path)
    with pytest.raises(WeightsError, match="another run"):
        run(tmp_path, **change)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    run(tmp_path)
    path = tmp_path / "step_000000040" / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match="damaged"):
        run(tmp_path)


def test_nan_stops_before_the_weights_are_spoiled(tmp_path):
    model = make_model()

    def broken(model, batch):
        broken.calls += 1
        return loss_fn(model, batch) * (float("nan") if broken.calls == 10 else 1.0)

    broken.calls = 0
    with pytest.raises(LikenessError, match="step 9"):
        fit(model, broken, make_batch, config(tmp_path))
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())
    assert [p.name for p in tmp_path.iterdir()] == ["step_000000007"]


def test_the_learning_rate_is_that_of_the_step(tmp_path):
    seen = []

    def spy(step):
        seen.append(step)
        return 0.01

    run(tmp_path, learning_rate=spy, steps=10, checkpoint_every_steps=4)
    model = make_model()
    later = config(tmp_path, learning_rate=spy, steps=12)
    assert fit(model, loss_fn, make_batch, later).resumed_from == 10
    assert seen == list(range(12))


def test_every_row_comes_once_per_epoch():
    rows = [epoch_indices(step, 12, 4, seed=0) for step in range(6)]
    for epoch in (rows[:3], rows[3:]):
        assert sorted(np.concatenate(epoch)) == list(range(12))
    assert not np.array_equal(np.concatenate(rows[:3]), np.concatenate(rows[3:]))
