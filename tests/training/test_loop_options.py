"""What the loop can do beyond stepping: average, accumulate, stop by the clock, go back, look ahead, be watched."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness.errors import LikenessError  # noqa: E402
from likeness.training import FitConfig, fit  # noqa: E402
from likeness.training.feeding import Feeder  # noqa: E402

STEPS = 30
SCRIPT = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_loop_options import everything
def slow(what, done, total):
    print(done, flush=True)
    time.sleep(0.02)
everything(Path(sys.argv[1]), slow)
"""


def make_model() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Dropout(0.2),
        torch.nn.Conv2d(8, 4, 3), torch.nn.Flatten(), torch.nn.Linear(64, 1),
    ).to(memory_format=torch.channels_last)  # fmt: skip


def batches(number: int, rng: np.random.Generator):
    x = torch.from_numpy(rng.normal(size=(4, 3, 8, 8)).astype(np.float32))
    return x, x.mean(dim=(1, 2, 3))[:, None]


def loss_fn(model, batch):
    return torch.nn.functional.mse_loss(model(batch[0]).float(), batch[1])


def config(out: Path, **changes) -> FitConfig:
    settings = {
        "steps": STEPS,
        "out": out,
        "optimiser": lambda p: torch.optim.Adam(p, fused=True),
        "learning_rate": lambda step: 0.01,
        "checkpoint_every_steps": 7,
        "run": "tiny",
    }
    return FitConfig(**{**settings, **changes})


def everything(out: Path, progress=None, **changes):
    """All options at once."""
    torch.set_num_threads(1)
    model = make_model()

    def watch(moment):
        torch.rand(moment.step)  # a watcher may draw random numbers of its own
        moment.model.eval()

    options = {"average": 0.9, "accumulate": 2, "precision": "bfloat16", "prefetch": 3}
    options |= {"flat": 0.02, "flat_from": 10}
    result = fit(model, loss_fn, batches, config(out, **{**options, **changes}), progress, watch)
    return model.state_dict(), result


def same_bits(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_sigkill_and_resume_give_the_same_bits_with_every_option_on(tmp_path):
    expected, whole = everything(tmp_path / "whole")
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(killed)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if int(line) == 17:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    actual, result = everything(killed)
    assert 14 <= result.resumed_from < STEPS
    assert same_bits(actual, expected)
    assert same_bits(result.average.state_dict(), whole.average.state_dict())


def test_looking_ahead_and_being_watched_change_nothing(tmp_path):
    plain = make_model()
    fit(plain, loss_fn, batches, config(tmp_path / "a"))
    ahead = make_model()
    seen = []
    fit(
        ahead,
        loss_fn,
        batches,
        config(tmp_path / "b", prefetch=2),
        None,
        lambda m: seen.append((m.step, torch.rand(1))) or None,
    )
    assert same_bits(plain.state_dict(), ahead.state_dict())
    assert [s for s, _ in seen] == list(range(1, STEPS + 1))


def test_the_average_is_that_of_the_weights(tmp_path):
    model, history = make_model(), []
    result = fit(
        model, loss_fn, batches, config(tmp_path, average=0.5, steps=4, optimiser=torch.optim.SGD), None,
        lambda m: history.append(model[0].weight.detach().clone()) or None,
    )  # fmt: skip
    expected = make_model()[0].weight.detach()
    for step, weight in enumerate(history):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert torch.allclose(result.average[0].weight, expected, atol=1e-6)
    assert not result.average.training and result.average[1].num_batches_tracked == 4


def test_accumulated_batches_are_one_large_batch(tmp_path):
    def linear():
        torch.manual_seed(0)
        return torch.nn.Linear(5, 1)

    def rows(number, rng):
        x = torch.from_numpy(np.random.default_rng(number).normal(size=(4, 5)).astype(np.float32))
        return x, x.sum(dim=1, keepdim=True)

    def joined(number, rng):
        parts = [rows(2 * number + i, rng) for i in (0, 1)]
        return tuple(torch.cat(p) for p in zip(*parts, strict=True))

    sgd = {"optimiser": lambda p: torch.optim.SGD(p, 0.1), "steps": 5}
    small, large = linear(), linear()
    fit(small, loss_fn, rows, config(tmp_path / "a", accumulate=2, **sgd))
    fit(large, loss_fn, joined, config(tmp_path / "b", **sgd))
    assert torch.allclose(small.weight, large.weight, atol=1e-6)


def test_the_clock_only_stops(tmp_path):
    def slow(moment):
        time.sleep(0.02)

    first = fit(
        make_model(),
        loss_fn,
        batches,
        config(tmp_path / "a", limit_s=0.3, checkpoint_every_steps=0),
        None,
        slow,
    )
    assert 0 < first.step < STEPS
    again = fit(make_model(), loss_fn, batches, config(tmp_path / "a", limit_s=0.3))
    assert (again.step, again.resumed_from) == (first.step, first.step)  # its time is used up
    model = make_model()
    fit(model, loss_fn, batches, config(tmp_path / "a"))
    whole = make_model()
    fit(whole, loss_fn, batches, config(tmp_path / "b"))
    assert same_bits(model.state_dict(), whole.state_dict())


def test_the_clock_writes_checkpoints(tmp_path):
    names = set()

    def look(moment):
        names.update(p.name for p in tmp_path.glob("step_*"))
        time.sleep(0.02)

    fit(
        make_model(),
        loss_fn,
        batches,
        config(tmp_path, checkpoint_every_steps=0, checkpoint_every_s=0.1),
        None,
        look,
    )
    assert 2 <= len(names) < STEPS


def test_a_watcher_can_stop_and_the_state_is_kept(tmp_path):
    result = fit(make_model(), loss_fn, batches, config(tmp_path), None, lambda m: m.step == 10)
    assert result.step == 10
    assert (tmp_path / "step_000000010").is_dir()


def broken_at(number: int):
    def spoiled(n, rng):
        x, y = batches(n, rng)
        attempts.append((n, float(x.sum())))
        return (
            x * float("nan") if n == number and len([a for a in attempts if a[0] == n]) == 1 else x
        ), y

    attempts: list[tuple[int, float]] = []
    return spoiled, attempts


def test_nan_goes_back_to_the_checkpoint_and_on_with_other_batches(tmp_path):
    spoiled, attempts = broken_at(10)
    rates = []
    model = make_model()
    result = fit(
        model, loss_fn, spoiled, config(tmp_path, rollbacks=1),
        watch=lambda m: rates.append(m.step) or None,
    )  # fmt: skip
    assert (result.rollbacks, result.step) == (1, STEPS)
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())
    twice = [value for n, value in attempts if n == 8]
    assert len(twice) == 2 and twice[0] != twice[1]
    assert rates == [*range(1, 11), *range(8, STEPS + 1)]


def test_nan_again_or_without_a_checkpoint_is_an_error(tmp_path):
    def always(number, rng):
        x, y = batches(number, rng)
        return x * (float("nan") if number > 9 else 1), y

    with pytest.raises(LikenessError, match="diverged at step 10"):
        fit(make_model(), loss_fn, always, config(tmp_path / "a", rollbacks=3))
    spoiled, _ = broken_at(2)
    with pytest.raises(LikenessError, match="diverged at step 2"):
        fit(make_model(), loss_fn, spoiled, config(tmp_path / "b", rollbacks=3))


def test_groups_step_at_their_own_multiple_of_the_rate(tmp_path):
    model = make_model()
    seen = []

    def optimiser(parameters):
        groups = [{"params": [p], "rate_scale": 1.0 + i} for i, p in enumerate(parameters)]
        made = torch.optim.SGD(groups, 0.1)
        seen.append(made)
        return made

    fit(model, loss_fn, batches, config(tmp_path, optimiser=optimiser, steps=1))
    assert [g["lr"] for g in seen[0].param_groups][:3] == pytest.approx([0.01, 0.02, 0.03])


def test_batches_are_prepared_in_another_thread_and_errors_come_back():
    threads = set()

    def make(number, rng):
        threads.add(threading.current_thread().name)
        if number == 3:
            raise ValueError("no such face")
        return number, rng.random()

    ahead, direct = Feeder(make, 0, 4, ahead=2), Feeder(lambda n, r: (n, r.random()), 0, 4)
    assert [ahead.get(n) for n in range(3)] == [direct.get(n) for n in range(3)]
    assert all("batches" in t for t in threads)
    with pytest.raises(ValueError, match="no such face"):
        ahead.get(3)
    ahead.close()
