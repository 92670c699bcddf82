"""What every page of the workbench is held to in the browser."""

from __future__ import annotations

from typing import Any

import pytest


def check_accessible(page: Any) -> None:
    """No serious or critical finding of axe-core, nothing wider than the window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is in it")
    found = axe.Axe().run(page).response["violations"]
    grave = [
        f"{v['id']}: {v['nodes'][0]['target']}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
    assert not grave
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
