"""Phoenix's page in a real browser: the filter by component shows the calls of the component."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatewayctl.settings.model import PHOENIX_PROJECT
from tests.e2e.browser import CONTROL, ESCAPE, RELEASE, Browser, open_browser
from tests.e2e.conftest import Project

# One script, since React may replace a row between finding and reading it.
ROWS = "return [...document.querySelectorAll('tbody tr')].map(row => row.innerText).join('\\n')"
CLIENT = "gatewayctl chat"
FILTER = "metadata['component'] == 'routing-classifier'"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with open_browser(tmp_path / "profile") as browser:
        yield browser


def test_the_filter_by_component_shows_only_its_calls(stack: Project, browser: Browser) -> None:
    stack.data("chat", "--component", "passthrough", "--model", "demo", "--verify", "not me")
    options = ("--component", "routing-classifier", "--system", "looked for", "--model", "demo")
    data = stack.data("chat", *options, "--verify", "the one")
    project = httpx.get(f"{stack.phoenix_url}/v1/projects/{PHOENIX_PROJECT}", timeout=30)
    page = f"{stack.phoenix_url}/projects/{project.json()['data']['id']}/spans"

    text = _filter_calls(browser, page)

    assert "looked for" in text
    assert "not me" not in text
    assert f"chat {data['model']}" in text
    _save_screenshot(browser)


def _filter_calls(browser: Browser, page: str) -> str:
    """Type the filter into Phoenix's page; return its rows once they are filtered."""
    _show_calls(browser, page)
    deadline = time.monotonic() + 60
    field = browser.find(".cm-content")[0]
    browser.click(field)
    browser.type(field, f"{CONTROL}a{RELEASE}{FILTER}{ESCAPE}")
    text = str(browser.run(ROWS))
    while not _is_filtered(text) and time.monotonic() < deadline:
        time.sleep(0.3)
        text = str(browser.run(ROWS))
    return text


def _show_calls(browser: Browser, page: str) -> None:
    """Open the page; without a filter it shows root spans, which are those of gatewayctl."""
    deadline = time.monotonic() + 150
    while True:
        # Reload an empty page, as a person does: Phoenix does not refresh it by itself.
        browser.go(page)
        reload_at = time.monotonic() + 30
        while time.monotonic() < reload_at:
            if browser.find(".cm-content") and CLIENT in browser.run(ROWS):
                return
            time.sleep(0.2)
        shown = browser.run("return document.body.innerText")
        assert time.monotonic() < deadline, f"{page} shows no calls to filter:\n{shown}"


def _is_filtered(text: str) -> bool:
    return "looked for" in text and "not me" not in text and CLIENT not in text


def _save_screenshot(browser: Browser) -> None:
    """Regenerate the picture in the documentation if the variable has a path."""
    path = os.environ.get("GATEWAYCTL_SCREENSHOT")
    if path:
        browser.save_screenshot(Path(path))
