"""The report in a real browser: all drawn, nothing fetched, no wider than the screen.

Needs Chromium (Debian: `apt install chromium`) and `pip install playwright`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from strata.lake.versions import Warehouse
from strata.serve.report import write_report

from tests.samples import Samples
from tests.unit.serve.test_report import warehouse  # noqa: F401  (a fixture)

pytestmark = pytest.mark.nightly
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)], ids=["desktop", "phone"])
def test_the_page_is_drawn_whole(
    browser: Any,
    warehouse: Warehouse,  # noqa: F811
    tmp_path: Path,
    width: int,
    height: int,
) -> None:
    path = write_report(warehouse, tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": height})
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "document.querySelectorAll('.picture.drawn').length === document.querySelectorAll('.picture').length"
    )
    assert told == []
    assert asked == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".picture").count() == 4  # Rows, trend, seconds, lineage.
    # Text keeps its size on a phone: charts are laid out anew, not shrunk.
    sizes = page.evaluate(
        "[...document.querySelectorAll('.picture text')].map(t => parseFloat(getComputedStyle(t).fontSize))"
    )
    assert min(size for size in sizes if size) >= 10
    labels = page.evaluate(
        "[...document.querySelectorAll('.picture')].map(p => p.getAttribute('aria-label'))"
    )
    assert all(labels)
    page.close()


@pytest.mark.spark
@pytest.mark.samples("commerce", "fleet", "launches", "residents", "soil")
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)], ids=["desktop", "phone"])
def test_every_feeds_charts_are_drawn(
    browser: Any, samples: Samples, tmp_path: Path, width: int, height: int
) -> None:
    path = write_report(samples.warehouse, tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": height})
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(path.as_uri())
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "document.querySelectorAll('.picture.drawn').length === document.querySelectorAll('.picture').length"
    )
    assert told == []
    assert page.get_by_text("could not be drawn").count() == 0
    for feed in ("commerce", "fleet", "launches", "residents", "soil"):
        shown = page.locator(f"#{feed} article")
        assert shown.count() >= 1, feed
        # Each chart has its values beside it, in a table that a screen reader names.
        assert page.locator(f"#{feed} article table caption").count() == shown.count()
    # The map of clusters joins sites by lines, so it needs no colour.
    assert page.locator("#soil").get_by_text("one cluster").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
