"""Generated pixels have one way out: no other code writes pictures, and nothing unmarked is in what the jobs write."""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from images_in_outputs import images_in, kind_of

from likeness import media, provenance, registry
from likeness.jobs.demo import portrait_path, pseudo_fake
from likeness.types import Frame

PACKAGE = Path(registry.__file__).parent
# Who may turn pixels or sound into the bytes of a file, and for what.
WRITERS = {
    "media/writing/pictures.py": "marked by provenance, or labelled crop packs of data",
    "media/writing/video.py": "marked by provenance",
    "media/writing/sound.py": "marked by provenance",
    "media/encode.py": "frames that carry an input's hash; round trips that come back as pixels",
    "report/figures.py": "heatmaps, by hand",
}
NO_PICTURES = {  # .save() of things that are no pictures
    "data/packs.py": "arrays of labelled crops",
    "data/aligned_faces.py": "arrays of crops of real faces",
    "data/face_shards.py": "arrays of crops of footage that somebody consented to",
    "detectors/_boundary_pack.py": "arrays of labelled crops",
    "detectors/_boundary_training.py": "weights",
    "detectors/_cue_training.py": "weights",
    "detectors/_flicker_training.py": "weights",
    "detectors/_head_training.py": "weights",
    "detectors/_mouth_training.py": "weights",
    "detectors/_residual_training.py": "weights",
    "generators/_restore_training.py": "weights",
    "detectors/_self_blended_views_training.py": "arrays of labelled views of crops; a basis of faces",
}
ENCODERS = {"imwrite", "imencode", "imwritemulti", "imsave", "savefig", "tofile", "write_videofile"}
LIBRARIES = {"imageio", "matplotlib", "soundfile", "moviepy", "ffmpeg", "torchvision", "pypng"}


def ways_out(source: str) -> list[str]:
    """Calls and imports in a module that could make the bytes of a picture, a video or a recording."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [f"import {a.name}" for a in node.names if a.name.split(".")[0] in LIBRARIES]
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in LIBRARIES:
                found.append(f"from {node.module}")
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, bytes) and b"IDAT" in node.value:
                found.append("a PNG by hand")
        elif isinstance(node, ast.Call):
            found += _call(node)
    return found


def _call(node: ast.Call) -> list[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in ENCODERS or (name == "VideoWriter" and isinstance(node.func, ast.Attribute)):
        return [name]
    if name == "save":
        return ["save"]
    words = [
        a.value
        for a in [*node.args, *(k.value for k in node.keywords)]
        if isinstance(a, ast.Constant)
    ]
    on = getattr(getattr(node.func, "value", None), "id", "")
    if name == "open" and on in ("av", "wave") and {"w", "wb"} & set(words):
        return [f"{on}.open for writing"]
    if name == "create" and "w" in words:
        return ["an encoder"]
    return []


def test_nobody_else_writes_pictures():
    offenders = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        found = ways_out(path.read_text())
        if name in NO_PICTURES:
            found = [f for f in found if f != "save"]
        if found and name not in WRITERS:
            offenders[name] = found
    assert not offenders
    for name in WRITERS:
        assert ways_out((PACKAGE / name).read_text()), f"{name} is on the list for nothing"


@pytest.mark.parametrize(
    "source",
    [
        "import cv2; cv2.imwrite('a.png', x)",
        "import cv2; cv2.imencode('.png', x)",
        "import cv2; cv2.VideoWriter('a.avi', 0, 25, (8, 8))",
        "from PIL import Image; Image.fromarray(x).save(out, 'PNG')",
        "import av; av.open('a.mp4', 'w')",
        "import av; av.open('a.mp4', mode='w')",
        "import av; av.CodecContext.create('libx264', 'w')",
        "import wave; wave.open(f, 'wb')",
        "import imageio.v3 as iio",
        "from matplotlib import pyplot",
        "x = chunk(b'IDAT', rows)",
    ],
)
def test_the_walk_sees_every_way_out(source: str):
    assert ways_out(source)


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Folder that `likeness demo` wrote, its config folder, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "likeness.apps.cli", "demo", "--out", str(folder / "out")],
        env={**os.environ, "LIKENESS_CONFIG": str(folder / "config")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out", folder / "config", done.stdout


@pytest.fixture(scope="module")
def original() -> Frame:
    return next(iter(media.open_clip(portrait_path()).frames))


def test_every_picture_of_the_demonstration_is_an_original_or_marked(
    demonstration: tuple[Path, Path, str], original: Frame
):
    out, config, _ = demonstration
    anchors = provenance.KeyStore(config / "keys").trust_anchors_pem()
    kinds = Counter(kind_of(data, [original], anchors) for _, data in images_in(out))
    assert kinds["unmarked"] == 0
    assert kinds["marked"] >= 3 and kinds["original"] >= 1 and kinds["heatmap"] >= 1


def test_the_demonstration_shows_both_verdicts(demonstration: tuple[Path, Path, str]):
    out, _, said = demonstration
    assert "untouched" in said and "pseudo-fake" in said
    assert "PSEUDO-FAKE" in (out / "report.html").read_text()
    assert len(json.loads((out / "result.json").read_text())["results"]) == 4


def test_the_search_for_pictures_finds_unmarked_ones(tmp_path: Path, original: Frame):
    """A fake that got into a page, a JSON or a file by itself would be noticed."""
    fake = Frame(pseudo_fake(original.image), 0, 0.0, "0" * 64)  # passed off as an input
    jpeg = media.encode_original(fake, 320, (150, 20, 340, 260))
    text = base64.b64encode(jpeg).decode("ascii")
    (tmp_path / "page.html").write_text(f"<img src='data:image/jpeg;base64,{text}'>")
    (tmp_path / "result.json").write_text(f'{{"picture": "{text}"}}')
    (tmp_path / "thumb").write_bytes(jpeg)
    (tmp_path / "good.jpg").write_bytes(media.encode_original(original, 320, (150, 20, 340, 260)))
    (tmp_path / "whole.jpg").write_bytes(media.encode_original(original, 320))
    found = {where: kind_of(data, [original], "") for where, data in images_in(tmp_path)}
    assert list(found.values()).count("unmarked") == 3
    assert found["good.jpg"] == found["whole.jpg"] == "original"


def test_originals_need_the_hash_of_an_input():
    from likeness.errors import MediaError

    with pytest.raises(MediaError, match="without a hash"):
        media.encode_original(Frame(np.zeros((64, 64, 3), np.uint8), 0, 0.0))
