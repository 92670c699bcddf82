"""A person with a browser in the studio: consent, footage, faces, training, swap, the marked file. Real workers, real jobs.

One story, told in order. The only face that comes along is that of the NASA portrait, so she gets her own, mirrored: a swap like
any other, under one record. The training takes seconds; what it learns is not the question.
"""

from __future__ import annotations

import io
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("dlib")

from likeness.apps.web.server import create_app
from likeness.apps.web.settings import Settings
from likeness.provenance import read_credentials
from likeness.provenance.keys import KeyStore
from tests.apps.web.accessibility import check_accessible
from tests.apps.web.workbench import wait
from tests.media.drawn_media import encode_picture, encode_video

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "a-token-that-only-tests-know"
PATIENCE_MS = 300_000.0  # a machine with better things to do takes its time
FRAMES, SIDE = 112, 224
pytestmark = pytest.mark.slow


@dataclass
class Story:
    """The browser's page, where the workbench is, its keys, the files, and what went wrong on the way."""

    page: Any
    address: str
    keys: KeyStore
    files: dict[str, Path]
    troubles: list[str] = field(default_factory=list)

    def send(self, form: str) -> None:
        """Submit a form by the keyboard."""
        button = self.page.locator(f"{form} button[type=submit]")
        button.focus()
        self.page.keyboard.press("Enter")

    def done(self) -> None:
        """Wait until nothing is at work on this page any more, and nothing failed."""
        self.page.wait_for_selector("[data-job]", state="detached")
        assert self.page.locator(".work.tone-error").count() == 0, self.page.inner_text("main")

    def accessible(self) -> None:
        check_accessible(self.page)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> dict[str, Path]:
    """The terms, a reference, a clip with a hundred different views of one head, and a picture to swap into."""
    folder = tmp_path_factory.mktemp("files")
    made = {n: folder / n for n in ("terms.txt", "reference.png", "views.mp4", "mirrored.png")}
    made["terms.txt"].write_text("NASA portrait, public domain")
    small = cv2.resize(portrait[:320, 60:380], (256, 256), interpolation=cv2.INTER_AREA)
    made["reference.png"].write_bytes(encode_picture(small, "PNG"))
    made["mirrored.png"].write_bytes(encode_picture(small[:, ::-1].copy(), "PNG"))
    frames = [view(portrait, i) for i in range(FRAMES)]
    made["views.mp4"].write_bytes(encode_video(frames, options={"crf": "14"}))
    return made


def view(portrait: np.ndarray, number: int) -> np.ndarray:
    """The head stretched, leaning and lit as in no other view, so that none is left out as a duplicate."""
    wide, tall, lean = (0.14 * np.sin(f * number + p) for f, p in ((0.83, 0), (0.59, 1), (0.47, 2)))
    matrix = np.array([[1 + wide, lean], [0.5 * lean, 1 + tall]])
    shift = np.full(2, SIDE / 2) - matrix @ np.array([225.0, 125.0])
    moved = np.hstack([matrix, shift[:, None]])
    image = cv2.warpAffine(portrait, moved, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    across = np.cos(0.71 * number) * x + np.sin(0.71 * number) * y
    light = 1 + 0.22 * np.sin(2 * np.pi * 1.3 * across + 0.37 * number)
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Iterator[Story]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: install the distribution's package chromium")
    import uvicorn

    folder = tmp_path_factory.mktemp("bench")
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    keys = KeyStore.create(folder / "keys")
    settings = Settings(folder / "data", TOKEN, port=port, studio=True, keys=keys.folder)
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    address = f"http://127.0.0.1:{port}"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        told = Story(page, address, keys, files)
        page.on("pageerror", lambda error: told.troubles.append(str(error)))
        page.on("console", lambda m: told.troubles.append(m.text) if m.type == "error" else None)
        page.on("request", lambda asked: _ours(told, asked.url))
        page.goto(f"{address}/enter?token={TOKEN}")
        yield told
        browser.close()
    app.state.services.closing = True
    server.should_exit = True
    thread.join(20)


def _ours(story: Story, url: str) -> None:
    if not url.startswith((story.address, "data:", "blob:")):
        story.troubles.append(f"asked {url}")


def test_consent_comes_first(story: Story) -> None:
    page = story.page
    page.click("text=Studio")
    assert page.locator("text=Nobody yet").count() == 1
    page.click("text=New consent record")
    page.fill("[name=subject]", "Eileen Collins")
    page.check("[value=public_domain]")
    page.fill("[name=expires]", "2099-12-31")
    page.set_input_files("[name=file]", story.files["terms.txt"])
    page.select_option("[name=purpose]", "art")
    for box in ("attest_age", "attest_use"):
        page.focus(f"[name={box}]")
        page.keyboard.press("Space")
    story.send(".wizard")
    page.wait_for_selector(".wizard [data-says]:not(:empty)")
    assert "research only" in page.inner_text("[data-says]")  # and nothing typed is lost
    assert page.input_value("[name=subject]") == "Eileen Collins"
    story.troubles = [t for t in story.troubles if "422" not in t]
    story.accessible()
    page.select_option("[name=purpose]", "research")
    story.send(".wizard")
    page.wait_for_url("**/studio/people/*")
    page.set_input_files("[name=file]", story.files["reference.png"])
    story.send(".boxed")
    page.wait_for_selector("#footage")
    assert "Covered until 2099-12-31" in page.inner_text("h1")


def test_footage_becomes_faces_and_one_is_thrown_out(story: Story) -> None:
    page = story.page
    page.set_input_files("[name=file]", [story.files["views.mp4"], story.files["mirrored.png"]])
    story.send("form[action='/studio/uploads']")
    page.wait_for_selector("text=mirrored.png")
    story.send("form[action$='/extract']")
    page.wait_for_selector("text=Look through the faces")
    story.accessible()
    page.click("text=Look through the faces")
    before = kept(story)
    assert before > 100
    page.locator("[name=drop]").nth(3).focus()
    page.keyboard.press("Space")
    # The page's script may start after the key was pressed; then it counts what is ticked already.
    wait(lambda: page.inner_text("[data-ticked]") == "1 ticked")
    story.accessible()
    story.send("form.sheet")
    page.wait_for_selector("text=Thrown out by hand")
    story.done()
    assert kept(story) == before - 1


def kept(story: Story) -> int:
    found = re.search(r"Kept (\d+)", story.page.inner_text(".groups"))
    assert found is not None
    return int(found[1])


def test_a_model_is_trained_stopped_and_gone_on_with(story: Story) -> None:
    page = story.page
    page.goto(f"{story.address}/studio")
    story.send("form[action='/studio/pairs']")
    page.wait_for_url("**/studio/pairs/*")
    page.fill("[name=minutes]", "5")
    story.send("form[action$='/train']")
    page.wait_for_selector("text=/Step \\d/")  # it learns
    page.click("text=Stop and keep")
    page.wait_for_selector("button:has-text('Resume')")
    assert page.locator(".outcome").count() == 1 and page.locator(".preview img").count() == 1
    first = steps(story)
    page.fill("[name=minutes]", "0.05")  # less than it has had: one measurement more, no step
    story.send("form[action$='/train']")
    page.wait_for_selector("[data-job]")
    page.wait_for_selector("button:has-text('Resume')")
    assert steps(story) >= first > 0
    story.accessible()


def steps(story: Story) -> int:
    found = re.search(r"Step ([\d,]+), after", story.page.inner_text(".outcome"))
    assert found is not None
    return int(found[1].replace(",", ""))


def test_a_swap_is_looked_at_and_taken_away(story: Story) -> None:
    page = story.page
    pair = page.url.split("#")[0]
    page.select_option(
        "[name=target]",
        label=next(
            o for o in page.locator("[name=target] option").all_inner_texts() if "mirrored" in o
        ),
    )
    assert page.is_checked("[value=trained]")
    page.uncheck("[name=detectors]")
    story.send("form[action$='/swap']")
    page.wait_for_selector(".slides")
    page.focus(".slide")
    page.keyboard.press("ArrowRight")
    wait(lambda: "51%" in page.evaluate("document.querySelector('.after').style.clipPath"))
    page.keyboard.press("Home")
    assert page.locator(".divider").evaluate("e => e.style.left") == "0%"
    assert page.evaluate(
        "[...document.querySelectorAll('.stage img')].every(i => i.naturalWidth > 100)"
    )
    story.accessible()
    with page.expect_download() as download:
        page.click("text=Download the marked file")
    data = Path(download.value.path()).read_bytes()
    found = read_credentials(io.BytesIO(data), "image/png", story.keys.trust_anchors_pem())
    assert found.intact and found.trusted and "autoencoder_light" in str(found)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    story.accessible()
    page.goto(pair)
    story.accessible()


def test_deleting_the_person_leaves_nothing(story: Story) -> None:
    page = story.page
    page.click(".pair-people a >> nth=0")
    page.click("text=Delete this person")
    story.send("form.actions")
    page.wait_for_url("**/studio")
    assert "Eileen" not in page.inner_text("main")


def test_nothing_went_wrong_on_the_way(story: Story) -> None:
    assert not story.troubles
