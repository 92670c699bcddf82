from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from likeness import registry
from likeness.errors import ConfigError, ContractError, UnknownPartError


@dataclass(frozen=True)
class Options:
    frames: int = 32
    weights: str = ""


def test_parts_are_named_after_their_files() -> None:
    for name, part in registry.parts("detectors").items():
        assert part.path.stem == name
        assert set(registry.REQUIRED_INFO) <= set(part.info)


def test_unknown_part_suggests_the_nearest() -> None:
    with pytest.raises(UnknownPartError, match="did you mean spectrum"):
        registry.part("detectors", "spectrun")


def test_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no option 'frame'; did you mean 'frames'"):
        registry.config_from(Options, {"frame": 3}, "detector x")


def test_options_from_the_command_line_are_converted_and_checked() -> None:
    assert registry.config_from(Options, {"frames": "7"}, "detector x") == Options(frames=7)
    with pytest.raises(ConfigError, match="frames"):
        registry.config_from(Options, {"frames": "many"}, "detector x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "no literal INFO"),
        ("INFO = {'summary': 's'}\n", "lacks cue"),
    ],
)
def test_a_file_without_complete_info_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ContractError, match=message):
        registry._read("broken", "broken", path)
