"""Accessibility faults of a page."""

from __future__ import annotations

from typing import Any

import pytest


def faults_of(page: Any, path: str) -> list[tuple[str, str]]:
    """Open every visible `<summary>`. Return what axe finds, and "too wide" if the page is wider than the screen."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.goto(path)
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    found = [(one["id"], one["nodes"][0]["html"]) for one in axe.run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
        found.append(("too wide", path))
    return found
