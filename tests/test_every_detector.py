"""The contract over every detector that is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from likeness import registry, testing
from likeness.errors import ContractError


@pytest.mark.parametrize("name", sorted(registry.parts("detectors")))
def test_contract(name: str) -> None:
    testing.check_detector(name)


def test_a_third_party_package_comes_in_and_keeps_the_contract(tmp_path: Path) -> None:
    package = Path(__file__).parent / "third_party" / "likeness_brightness"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", str(tmp_path), str(package)], check=True, capture_output=True)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from likeness import registry\n"
        "from likeness.testing import check_detector\n"
        "assert registry.part('detectors', 'brightness').module == 'likeness_brightness'\n"
        "assert 'likeness_brightness' not in sys.modules, 'listing imported the part'\n"
        "check_detector('brightness')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class _Drifting:
    """A detector that gives another score on every call."""

    def __init__(self) -> None:
        self.inner = registry.build("detectors", "residual_statistics")
        self.calls = 0

    def analyse(self, clip, tracks):
        from dataclasses import replace

        self.calls += 1
        evidence = self.inner.analyse(clip, tracks)
        return replace(evidence, score=(evidence.score or 0.0) + self.calls)


def test_the_contract_notices_a_detector_that_is_not_deterministic() -> None:
    clip, tracks = testing.portrait_clip()
    with pytest.raises(ContractError, match="equal evidence"):
        testing.check_deterministic("residual_statistics", _Drifting(), clip, tracks)


def test_the_contract_notices_a_detector_that_ignores_strength() -> None:
    class Constant:
        def analyse(self, clip, tracks):
            evidence = registry.build("detectors", "residual_statistics").analyse(clip, tracks)
            from dataclasses import replace

            return replace(evidence, score=0.25)

    with pytest.raises(ContractError, match="rises with manipulation strength"):
        testing.check_strength("residual_statistics", Constant())


def test_the_contract_notices_a_detector_of_cues_that_makes_claims() -> None:
    from likeness.types import Claim, Evidence

    claim = Claim("watermark", "generated", False, "It says so.")
    evidence = Evidence("spectrum", "c", "synthesised", "scored", score=1.0, claims=(claim,))
    with pytest.raises(ContractError, match="only marks makes claims"):
        testing.check_claims("spectrum", evidence)
    testing.check_claims("marks", evidence)
    with pytest.raises(ContractError, match="claims have no llr"):
        testing.check_claims(
            "marks", Evidence("marks", "c", "blended", "scored", score=1.0, llr=1.0)
        )
