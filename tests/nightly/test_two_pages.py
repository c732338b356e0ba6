"""The shop's technical page is a paper of at most two pages, as a browser prints it: A4, 2 cm around, letters of 10 points.

Needs Chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import mistune
import pytest

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STYLE = """@page { size: A4; margin: 2cm } body { font: 10pt/1.3 sans-serif; margin: 0 }
h1 { font-size: 15pt } h2 { font-size: 12pt } h1, h2, p, pre, ul, ol, table { margin: 0 0 5pt }
code { font-size: 9pt } pre code { font-size: 7.5pt } th, td { text-align: left; padding: 1pt 8pt 1pt 0 }"""


def pages(paper: bytes) -> int:
    """Chromium writes each page's object as plain text."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", paper))


def test_the_technical_page_is_two_pages(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    written = mistune.create_markdown(plugins=["table"])
    text = (PROJECT / "docs" / "COMMERCE_TECHNICAL.md").read_text(encoding="utf-8")
    found = {}
    for name, body in (("once", text), ("twice", text * 2)):
        page, paper = tmp_path / f"{name}.html", tmp_path / f"{name}.pdf"
        page.write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{written(body)}")
        subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
             f"--print-to-pdf={paper}", page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        found[name] = pages(paper.read_bytes())
    assert found["once"] <= 2
    assert found["twice"] > 2, "pages are counted"
