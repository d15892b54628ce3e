"""Pages in a real browser, at two widths, light and dark: nothing overlaps or is empty, everything is readable."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from tests.report import folders

from wattloop.compression.result import CompressionResult
from wattloop.report.inputs import read_run
from wattloop.report.write import write_pages

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROBE = (Path(__file__).parent / "probe.js").read_text()
PIECE = 4000  # pixels
PAGES = ("whole", "deep", "hostile", "comparison")


def absent(reason: str) -> None:
    """CI has both, so that nothing goes unseen there."""
    assert os.environ.get("CI") != "true", reason
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium of the system, driven by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("needs playwright (extra [dev])")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        absent(f"needs one of {', '.join(BROWSERS)} (apt-get install chromium-headless-shell)")
    with sync_playwright() as playwright:
        # Containers have no user namespaces for the sandbox; the pages are ours.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(result: CompressionResult, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("browser")
    made = {
        "whole": folders.everything(result, base / "whole"),
        "deep": folders.deep(result, base / "deep"),
        "hostile": folders.hostile(result, base / "hostile"),
    }
    assert read_run(made["whole"]).title == "whole"
    written = {name: write_pages([folder], base / f"{name}.html") for name, folder in made.items()}
    return written | {"comparison": write_pages(list(made.values()), base / "comparison.html")}


@pytest.fixture(scope="module", params=[(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")], ids=str)
def view(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield context
    context.close()


def picture(page: Any) -> Any:
    """The whole page as pixels, in pieces: in one it would be higher than what the browser can always draw."""
    width, height = page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    pieces = []
    for top in range(0, height, PIECE):
        clip = {"x": 0, "y": top, "width": width, "height": min(PIECE, height - top)}
        pieces.append(imread(io.BytesIO(page.screenshot(full_page=True, clip=clip)))[..., :3])
    return np.concatenate(pieces)


@pytest.fixture(scope="module", params=PAGES)
def seen(request: pytest.FixtureRequest, view: Any, pages: dict[str, Path]) -> dict[str, Any]:
    """What the browser finds on a page with everything unfolded, and a picture of it."""
    page, asked, said = view.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
    address = pages[request.param].as_uri()
    page.goto(address)
    folded = picture(page)
    found = page.evaluate(PROBE)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    unfolded = page.evaluate(PROBE)
    page.close()
    loaded = [url for url in asked if url != address and not url.startswith("data:")]
    return {"found": found, "unfolded": unfolded, "picture": folded, "loaded": loaded, "said": said}


def test_nothing_is_loaded_and_nothing_runs(seen: dict[str, Any]) -> None:
    assert seen["loaded"] == []
    assert seen["said"] == []


@pytest.mark.parametrize("state", ["found", "unfolded"])
def test_the_page_does_not_scroll_sideways(seen: dict[str, Any], state: str) -> None:
    assert seen[state]["width"] <= seen[state]["room"]
    assert seen[state]["outside"] == []


@pytest.mark.parametrize("state", ["found", "unfolded"])
def test_nothing_overlaps(seen: dict[str, Any], state: str) -> None:
    assert seen[state]["blocks"] > 50
    assert seen[state]["overlaps"] == []


def test_text_stands_out_from_its_ground(seen: dict[str, Any]) -> None:
    assert seen["unfolded"]["texts"] > 100
    assert seen["unfolded"]["faint"] == []


def test_text_is_large_enough_to_read(seen: dict[str, Any]) -> None:
    assert seen["unfolded"]["smallest"] >= 12


def test_every_plot_has_marks_of_some_size(seen: dict[str, Any]) -> None:
    plots = seen["found"]["plots"]
    assert len(plots) > 10
    assert [plot["name"] for plot in plots if plot["marks"] == 0] == []
    assert [plot["name"] for plot in plots if plot["width"] < 100 or plot["height"] < 8] == []


def test_every_plot_is_drawn(seen: dict[str, Any]) -> None:
    pixels = seen["picture"]
    for plot in seen["found"]["plots"]:
        left, top, right, bottom = (round(plot[side]) for side in ("left", "top", "right", "bottom"))
        part = pixels[top:bottom, left:right].reshape(-1, 3)
        assert np.ptp(part, axis=0).max() > 0.15, plot["name"]
