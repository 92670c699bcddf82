"""A trained network as it ships: the graph answers as the network, and one that does not is not left behind."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from likeness import weights  # noqa: E402
from likeness.errors import WeightsError  # noqa: E402
from likeness.networks.convolutions import Shipped  # noqa: E402
from likeness.training import exporting  # noqa: E402
from likeness.training.schedules import rise_and_fall  # noqa: E402


class Drawing(torch.nn.Module):
    """Draws a map and says a number of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, images, depth):
        drawn = self.conv(images.permute(0, 3, 1, 2).float() / 255)[:, 0] + depth
        return drawn, drawn.mean(dim=(1, 2))


def sample() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    return {"images": images, "depth": rng.normal(size=(3, 8, 8)).astype(np.float32)}


def exported(out: Path, network: torch.nn.Module) -> float:
    return exporting.export(out, Shipped(network), sample(), ("drawn", "logit"), {"run": "none"})


def test_the_graph_answers_as_the_network_for_any_number_of_inputs(tmp_path: Path) -> None:
    network = Drawing()
    assert exported(tmp_path, network) <= 1e-5
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == [exporting.GRAPH, exporting.TENSORS]
    session = weights.session(tmp_path / exporting.GRAPH)
    one = {name: value[:1] for name, value in sample().items()}
    drawn, logit = session.run(["drawn", "logit"], one)
    expected = network(*(torch.from_numpy(v) for v in one.values()))
    assert np.allclose(drawn, torch.sigmoid(expected[0]).detach(), atol=1e-5)
    assert np.allclose(logit, expected[1].detach(), atol=1e-5)
    arrays, facts = weights.load_arrays(tmp_path / exporting.TENSORS)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
    assert facts == {"run": "none"}


@pytest.mark.parametrize("how", ["beyond the tolerance", "no number"])
def test_a_graph_that_differs_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    network = Drawing()
    if how == "no number":
        torch.nn.init.constant_(network.conv.bias, float("nan"))
    else:
        monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(WeightsError, match="differs from the network"):
        exported(tmp_path, network)
    assert not list(tmp_path.glob("*.onnx*"))


def test_the_rate_rises_straight_and_falls_to_a_hundredth() -> None:
    rates = [rise_and_fall(step, 1000, 2.0, rise=0.1) for step in range(1000)]
    assert rates[49] == pytest.approx(1.0, rel=0.01)
    assert np.argmax(rates) == 99 and max(rates) == pytest.approx(2.0, rel=0.03)
    assert all(a > b for a, b in itertools.pairwise(rates[99:]))
    assert rates[-1] == pytest.approx(0.02, rel=0.01)
