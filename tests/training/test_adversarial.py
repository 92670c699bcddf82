"""The loop of two adversaries: exact resume, also after SIGKILL; who learns when; guards."""

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
from likeness.training.adversarial import (  # noqa: E402
    Adversaries,
    Batch,
    DuelConfig,
    DuelRules,
    deceit_loss,
    duel,
    gradient_penalty,
    judgement_loss,
)

STEPS = 12
SCRIPT = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_adversarial import run
def slow(what, done, total):
    print(done, flush=True)
    time.sleep(0.02)
run(Path(sys.argv[1]), slow)
"""


class TinyGenerator(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(6, 48)
        self.norm = torch.nn.BatchNorm2d(12)
        self.draw = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.pixel_shuffle(self.norm(self.first(latents).view(-1, 12, 2, 2)), 2)
        return torch.tanh(self.draw(torch.nn.functional.interpolate(x, scale_factor=2.0)))


class TinyDiscriminator(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 4, 2, 1)
        self.again = torch.nn.Conv2d(8, 3, 1)
        self.score = torch.nn.Conv2d(8, 1, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.score(torch.tanh(self.first(images))).flatten()

    def studied(self, images: torch.Tensor, real: torch.Tensor):
        drawn = self.again(torch.tanh(self.first(images)))
        half = torch.nn.functional.avg_pool2d(real, 2)
        return self(images), (drawn - half).abs().mean()


def make_pair() -> Adversaries:
    torch.manual_seed(3)
    return Adversaries(TinyGenerator(), TinyDiscriminator())


def make_batch(number: int, rng: np.random.Generator) -> Batch:
    real = 0.5 * np.random.default_rng(number % 3).standard_normal((4, 3, 8, 8), np.float32)
    return Batch(torch.from_numpy(real), torch.from_numpy(rng.standard_normal((4, 6), np.float32)))


def config(out: Path, **changes) -> DuelConfig:
    rules = DuelRules(penalty=1.0, penalty_every=4)
    settings = {
        "steps": STEPS,
        "out": out,
        "rates": lambda step: (1e-3, 2e-3 * 0.5 ** (step // 6)),
        "rules": rules,
        "checkpoint_every_s": 0.0,
        "checkpoint_every_steps": 5,
        "run": "tiny",
    }
    return DuelConfig(**{**settings, **changes})


def run(out: Path, progress=None, **changes) -> dict[str, torch.Tensor]:
    torch.set_num_threads(1)
    pair = make_pair()
    result = duel(pair, make_batch, config(out, **changes), progress)
    return pair.state_dict() | {f"average.{k}": v for k, v in result.generator.state_dict().items()}


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_that_was_stopped_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    run(tmp_path / "parts", steps=7)
    assert same(whole, run(tmp_path / "parts"))
    assert not same(whole, run(tmp_path / "other", seed=5))


def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 8:  # between the checkpoints of steps 5 and 10
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    facts = json.loads(next((tmp_path / "killed").glob("step_*/state.json")).read_text())
    assert facts["step"] == 5
    assert same(run(tmp_path / "whole"), run(tmp_path / "killed"))


def test_both_learn_and_each_at_its_own_rate(tmp_path: Path) -> None:
    before = {k: v.clone() for k, v in make_pair().state_dict().items()}
    still = run(tmp_path, steps=2, rates=lambda step: (0.0, 1e-3))
    weights = [k for k in before if k.endswith("weight")]
    moved = {k.split(".")[0] for k in weights if not torch.equal(before[k], still[k])}
    assert moved == {"discriminator"}


def test_the_discriminator_learns_once_a_step_and_not_from_what_the_generator_wants(
    tmp_path: Path,
) -> None:
    found = run(tmp_path, steps=1, rates=lambda step: (0.0, 1e-3), rules=DuelRules(augment=()))
    pair = make_pair()
    batch = make_batch(0, np.random.default_rng(np.random.SeedSequence(0, spawn_key=(0,))))
    optimiser = torch.optim.Adam(pair.discriminator.parameters(), 1e-3, betas=(0.5, 0.99))
    logits, beside = pair.discriminator.studied(batch.real, batch.real)
    drawn = pair.discriminator(pair.generator(batch.latents).detach())
    (judgement_loss(logits, drawn, DuelRules()) + beside).backward()
    optimiser.step()
    for name, value in pair.discriminator.named_parameters():
        assert torch.allclose(found[f"discriminator.{name}"], value, atol=1e-6), name


def test_the_average_is_not_the_generator_itself(tmp_path: Path) -> None:
    states = run(tmp_path, steps=6, average=0.9)
    own, average = (states[f"{p}.first.weight"] for p in ("generator", "average"))
    assert not torch.equal(own, average)
    assert float((own - average).abs().max()) < 0.1


def test_the_watcher_is_told_and_may_end_the_run(tmp_path: Path) -> None:
    seen = []

    def watch(moment) -> bool:
        seen.append(moment)
        moment.adversaries.eval()
        torch.rand(5)  # random numbers of its own
        return moment.step == 6

    pair = make_pair()
    assert duel(pair, make_batch, config(tmp_path / "a"), watch=watch).step == 6
    assert [m.step for m in seen] == [1, 2, 3, 4, 5, 6]
    assert set(seen[0].losses) == {"generator", "discriminator", "beside", "penalty"}
    assert "penalty" not in seen[1].losses
    assert set(seen[0].gradients) == {"generator", "discriminator"}
    unwatched = make_pair()
    duel(unwatched, make_batch, config(tmp_path / "b", steps=6))
    assert same(pair.state_dict(), unwatched.state_dict())


def test_a_loss_that_is_no_number_stops_before_the_weights_are_spoiled(tmp_path: Path) -> None:
    def broken(number: int, rng: np.random.Generator) -> Batch:
        batch = make_batch(number, rng)
        return batch._replace(real=batch.real * float("nan")) if number == 3 else batch

    pair = make_pair()
    with pytest.raises(LikenessError, match="step 3"):
        duel(pair, broken, config(tmp_path))
    assert all(torch.isfinite(p).all() for p in pair.parameters())


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path, steps=5)
    with pytest.raises(WeightsError, match="another run"):
        run(tmp_path, run="larger")


def test_losses_want_recorded_faces_above_drawn_ones() -> None:
    high, low = torch.full((4,), 3.0), torch.full((4,), -3.0)
    for rule in ("hinge", "non_saturating"):
        rules = DuelRules(rule=rule)
        assert judgement_loss(high, low, rules) < 0.2 < judgement_loss(low, high, rules)
        assert deceit_loss(high, rule) < deceit_loss(low, rule)
    smooth = DuelRules(rule="non_saturating", real_target=0.9)
    assert judgement_loss(high, low, smooth) > judgement_loss(
        high, low, DuelRules(rule="non_saturating")
    )


def test_the_penalty_is_the_squared_slope_at_recorded_faces() -> None:
    slope = torch.randn(1, 3, 4, 4)
    value = gradient_penalty(lambda x: (x * slope).sum(dim=(1, 2, 3)), torch.randn(5, 3, 4, 4))
    assert float(value) == pytest.approx(float(slope.square().sum()), rel=1e-5)
