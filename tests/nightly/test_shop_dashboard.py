"""The shop's dashboard in a real browser, over a real server and database.

Needs Chromium (Debian: `apt install chromium`) and `pip install playwright`.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from strata.lake.versions import Warehouse
from strata.serve.graphql.access import Door, new_token
from strata.serve.graphql.app import make_app
from strata.serve.graphql.decisions import Desk
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import free_port
from strata.serve.postgres.server import Server

from tests.doors import conftest as doors
from tests.doors import shop
from tests.doors.publishing import publish
from tests.doors.test_export import MONTHS, TRENDS

pytestmark = pytest.mark.nightly
open_folder, cluster, database = doors.open_folder, doors.cluster, doors.database
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture
def address(database: Server, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Where the API listens, and a reader's token."""
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    products = [shop.product(1, "2.5", product_name=SCRIPT), *shop.PRODUCTS[1:]]
    publish(
        warehouse,
        "commerce",
        shop.published(products=products) | {TRENDS: [{**MONTHS[2], "period": "month"}]},
    )
    load_tables(warehouse, ("silver.commerce_*", "gold.commerce_*"), database.url("loader"))
    token = new_token(tmp_path / "tokens.json", "reader", "reader")
    app = make_app(database.url("reader"), Door.from_file(tmp_path / "tokens.json"), Desk(None, ""))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}", token
    server.should_exit = True
    thread.join()


def test_the_dashboard(address: tuple[str, str]) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    playwright = pytest.importorskip("playwright.sync_api")
    url, token = address
    told: list[str] = []
    asked: set[str] = set()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page: Any = browser.new_page()
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(f"{url}/dashboard")
        page.click("#load")
        page.wait_for_selector("#problem:not(:empty)")
        assert "token" in page.inner_text("#problem"), "nothing without a token"
        page.fill("#token", token)
        page.click("#load")
        page.wait_for_selector("#trends tbody tr")
        assert page.inner_text("#publication") == "Publication 1"
        assert page.inner_text("#trends tbody tr").split("\t")[:4] == [
            "2024-01",
            "3",
            "4",
            "9.00 EUR",
        ]
        best = [
            row.split("\t") for row in page.inner_text("#best tbody").splitlines() if row.strip()
        ]
        assert [row[0] for row in best] == ["Product 2", SCRIPT, "\\."], (
            "text of the data stays text"
        )
        page.select_option("#category", label="Drinks")
        page.wait_for_selector("#best tbody tr:nth-child(3)", state="detached")
        page.fill("#customer", "c1")
        page.click("#find")
        page.wait_for_selector("#orders tbody tr")
        assert page.inner_text("#orders tbody tr:first-child").split("\t")[:3] == [
            "o2",
            "2024-02-01",
            "delivered",
        ]
        phone: Any = browser.new_page(viewport={"width": 390, "height": 800})
        phone.goto(f"{url}/dashboard#token={token}")
        phone.wait_for_selector("#best tbody tr")
        assert phone.url == f"{url}/dashboard", "a token that a link brings leaves the address"
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is cut off"
        browser.close()
    assert told == []
    assert all(one.startswith(url) for one in asked), "nothing is fetched from elsewhere"
