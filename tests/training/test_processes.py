"""Two processes with half of the batches each learn what one with all of them learns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness.training import FitConfig, fit  # noqa: E402
from likeness.training.processes import ALONE, Processes, joined  # noqa: E402

STEPS = 6
SCRIPT = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_processes import learned
from likeness.training.processes import joined
import torch
processes = joined(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), "cpu")
out = Path(sys.argv[1])
model, result = learned(out, 1, processes, stop_at=int(sys.argv[2]))
import numpy as np
np.savez(out / f"{{processes.rank}}.npz", step=result.step, *[p.detach().numpy() for p in model.parameters()])
torch.distributed.destroy_process_group()
"""


def batches(number: int, rng: np.random.Generator):
    x = torch.from_numpy(rng.normal(size=(4, 6)).astype(np.float32))
    return x, x.sum(dim=1, keepdim=True)


def loss_fn(model, batch):
    return torch.nn.functional.mse_loss(model(batch[0]), batch[1])


def learned(out: Path, accumulate: int, processes: Processes = ALONE, stop_at: int = 0):
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
    config = FitConfig(
        steps=STEPS,
        out=out / "checkpoints",
        optimiser=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        learning_rate=lambda step: 0.1,
        checkpoint_every_steps=2,
        accumulate=accumulate,
        processes=processes,
        prefetch=1,
    )
    watch = (lambda moment: moment.step == stop_at) if stop_at else None
    return model, fit(model, loss_fn, batches, config, watch=watch)


def two(out: Path, stop_at: int = 0) -> list[dict[str, np.ndarray]]:
    script = out / "script.py"
    script.write_text(SCRIPT)
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*started, str(script), str(out), str(stop_at)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return [dict(np.load(out / f"{rank}.npz", allow_pickle=False)) for rank in (0, 1)]


def test_two_processes_learn_what_one_does_with_twice_the_batches(tmp_path):
    (tmp_path / "two").mkdir()
    first, second = two(tmp_path / "two")
    alone, _ = learned(tmp_path / "one", accumulate=2)
    other, _ = learned(tmp_path / "half", accumulate=1)
    for index, parameter in enumerate(alone.parameters()):
        expected = parameter.detach().numpy()
        assert np.array_equal(first[f"arr_{index}"], second[f"arr_{index}"])
        assert np.allclose(first[f"arr_{index}"], expected, atol=1e-5)
    assert not np.allclose(first["arr_0"], next(other.parameters()).detach().numpy(), atol=1e-3)


def test_all_stop_where_the_first_one_stops(tmp_path):
    assert [int(d["step"]) for d in two(tmp_path, stop_at=3)] == [3, 3]


def test_one_alone_exchanges_nothing():
    tensor = torch.ones(1)
    assert joined(0, 1, "cpu") == ALONE and ALONE.first
    assert ALONE.mean(0.3, tensor) == 0.3 and ALONE.told_by_first(True, tensor)
