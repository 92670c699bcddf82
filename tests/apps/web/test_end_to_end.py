"""A person with a browser: hands files in, watches, looks, seeks, exports, deletes. Chromium of the distribution, real workers.

One story, told in order, since each step needs the one before; every page is looked at by axe-core on the way.
"""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest

from likeness import testing
from likeness.apps.web.server import create_app
from likeness.apps.web.settings import Settings
from likeness.jobs.demo import moved
from likeness.provenance.keys import KeyStore
from tests.apps.web.accessibility import check_accessible
from tests.apps.web.workbench import wait
from tests.media.drawn_media import encode_picture, encode_video

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "a-token-that-only-tests-know"
PATIENCE_MS = (
    120_000.0  # a worker imports everything for its first file; this is no measure of speed
)
FRAMES, FPS = 16, 25
pytestmark = pytest.mark.slow


@dataclass
class Story:
    """The browser's page, where the workbench is, and what went wrong on the way."""

    page: Any
    address: str
    files: dict[str, Path]
    troubles: list[str] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def accessible(self) -> None:
        check_accessible(self.page)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A workbench on loopback, served by a thread."""
    import uvicorn

    folder = tmp_path_factory.mktemp("bench")
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    keys = KeyStore.create(folder / "keys").folder
    settings = Settings(data_folder=folder / "data", token=TOKEN, port=port, workers=1, keys=keys)
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield f"http://127.0.0.1:{port}"
    app.state.services.closing = True
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A picture and a clip of two thirds of a second, both of the NASA portrait."""
    folder = tmp_path_factory.mktemp("files")
    small = cv2.resize(testing.portrait()[:320, 80:400], (256, 256), interpolation=cv2.INTER_AREA)
    picture, clip = folder / "portrait.jpg", folder / "speech.mp4"
    picture.write_bytes(encode_picture(testing.portrait(), quality=92))
    clip.write_bytes(encode_video(moved(small, FRAMES), options={"crf": "20"}))
    return {"picture": picture, "clip": clip}


@pytest.fixture(scope="module")
def story(address: str, files: dict[str, Path]) -> Iterator[Story]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: install the distribution's package chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        story = Story(page, address, files)
        page.on("pageerror", lambda error: story.troubles.append(str(error)))
        page.on(
            "console",
            lambda said: story.troubles.append(said.text) if said.type == "error" else None,
        )
        page.on("request", lambda asked: _ours(story, asked.url))
        page.goto(f"{address}/enter?token={TOKEN}")
        yield story
        browser.close()


def _ours(story: Story, url: str) -> None:
    """No outside request of any kind."""
    if not url.startswith((story.address, "data:", "blob:")):
        story.troubles.append(f"asked {url}")


def test_a_picture_is_handed_in_and_watched(story: Story) -> None:
    page = story.page
    story.accessible()
    page.set_input_files("input[name=file]", story.files["picture"])
    page.wait_for_url("**/jobs/*")
    if page.locator("progress").count():  # a fast worker may be done before the page is here
        assert page.locator("[data-message]").inner_text()
    page.wait_for_selector(".player[data-ready]")
    story.jobs["picture"] = page.url.rsplit("/", 1)[1]
    assert "portrait.jpg" in page.inner_text("h1")
    assert page.locator(".over rect").count() == 2  # one face: a line and its shadow
    story.accessible()


def test_a_clip_is_handed_in_and_watched(story: Story) -> None:
    page = story.page
    story.go("/")
    page.route(
        "**/api/jobs/*/events", lambda route: route.abort()
    )  # so that the page stays to be looked at
    page.set_input_files("input[name=file]", story.files["clip"])
    page.wait_for_url("**/jobs/*")
    if page.locator("progress").count():
        story.accessible()
    page.unroute("**/api/jobs/*/events")
    story.troubles = [t for t in story.troubles if "ERR_FAILED" not in t]
    page.reload()
    page.wait_for_selector(".player[data-ready]")
    story.jobs["clip"] = page.url.rsplit("/", 1)[1]


def test_the_timeline_seeks(story: Story) -> None:
    page, end_s = story.page, (FRAMES - 1) / FPS
    line = page.locator(".seek").first
    line.scroll_into_view_if_needed()
    box = line.bounding_box()

    def at() -> float:
        return float(line.get_attribute("aria-valuenow"))

    def click(share: float) -> None:
        page.mouse.click(box["x"] + share * box["width"], box["y"] + 40)

    click(0.5)
    wait(lambda: abs(at() - 0.5 * end_s) < 1.5 / FPS)
    before = at()
    page.keyboard.press("ArrowRight")
    wait(lambda: before + 0.5 / FPS < at() < before + 1.5 / FPS)
    page.keyboard.press("Home")
    wait(lambda: at() < 0.75 / FPS)
    page.keyboard.press("End")
    wait(lambda: at() > end_s - 1.5 / FPS)
    place = page.locator(".over rect").first.get_attribute("x")
    click(0.25)
    wait(lambda: page.locator(".over rect").first.get_attribute("x") != place)


def test_slow_motion_plays_and_zoom_widens(story: Story) -> None:
    page = story.page
    line, player = page.locator(".seek").first, page.locator(".player")
    line.focus()
    for key in ("Home", "3", " "):
        page.keyboard.press(key)
    wait(lambda: "playing" in player.get_attribute("class"))
    wait(lambda: float(line.get_attribute("aria-valuenow")) > 1 / FPS)
    assert page.evaluate("document.querySelector('video')?.playbackRate ?? 0.25") == 0.25
    page.keyboard.press(" ")
    wait(lambda: "playing" not in player.get_attribute("class"))
    width = line.bounding_box()["width"]
    page.click("[data-zoom=in]")
    assert line.bounding_box()["width"] == pytest.approx(2 * width, rel=0.02)
    page.click("[data-zoom=all]")


def test_a_heatmap_is_laid_over_the_picture(story: Story) -> None:
    page = story.page
    assert page.locator(".heat-layer image").count() == 0
    page.check("[data-do=heat]")
    image = page.locator(".heat-layer image")
    assert story.page.request.get(story.address + image.get_attribute("href")).ok
    page.locator("[data-do=opacity]").fill("0.3")
    wait(lambda: page.locator(".heat-layer").get_attribute("opacity") == "0.3")
    page.uncheck("[data-do=heat]")
    assert page.locator(".heat-layer image").count() == 0


@pytest.mark.parametrize(("kind", "start"), [("html", "<!"), ("pdf", "%PDF"), ("json", "{")])
def test_every_report_is_exported(story: Story, kind: str, start: str) -> None:
    page = story.page
    with page.expect_download() as download:
        page.click(f'.exports a[href$="report.{kind}"]')
    saved = Path(download.value.path())
    assert saved.read_bytes().lstrip().startswith(start.encode())
    if kind != "pdf":
        assert b"speech.mp4" in saved.read_bytes()
    if kind == "json":
        story.files["report"] = saved


def test_a_report_is_verified(story: Story) -> None:
    page = story.page
    story.go("/verify")
    for change, word in ((b"", "Untouched"), (b" ", "Altered")):
        data = story.files["report"].read_bytes().replace(b'"label": ', b'"label": ' + change, 1)
        page.set_input_files(
            "input[type=file]", {"name": "r.json", "mimeType": "application/json", "buffer": data}
        )
        page.click("button.main")
        page.wait_for_selector("#answer")
        assert word in page.inner_text("#answer")
    story.accessible()


def test_two_results_stand_side_by_side(story: Story) -> None:
    story.go("/history")
    story.accessible()
    for job in story.jobs.values():
        story.page.check(f'input[value="{job}"]')
    story.page.click("text=Compare the two selected")
    story.page.wait_for_selector(".player[data-ready] >> nth=1")
    story.accessible()


def test_a_phone_shows_all_of_it(story: Story) -> None:
    page = story.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    story.go(f"/jobs/{story.jobs['clip']}")
    page.wait_for_selector(".player[data-ready]", state="attached")
    story.accessible()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def test_deleting_asks_and_deletes(story: Story) -> None:
    page = story.page
    story.go(f"/jobs/{story.jobs['clip']}")
    page.click(".exports >> text=Delete")
    story.accessible()
    page.click("button.danger")
    page.wait_for_url("**/history")
    assert "speech.mp4" not in page.inner_text("main")
    assert "portrait.jpg" in page.inner_text("main")


def test_nothing_went_wrong_on_the_way(story: Story) -> None:
    """No script error, no blocked resource, no request to anywhere else."""
    assert not story.troubles
