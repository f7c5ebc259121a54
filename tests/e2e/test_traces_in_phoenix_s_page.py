"""Phoenix's own page, in a real browser: the filter people type finds the component's calls."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatewayctl.settings.model import PHOENIX_PROJECT
from tests.e2e.browser import CONTROL, ESCAPE, RELEASED, Browser, browsing
from tests.e2e.conftest import Project

# In one go: React may replace a row between finding and reading it.
ROWS = "return [...document.querySelectorAll('tbody tr')].map(row => row.innerText).join('\\n')"
CLIENT = "gatewayctl chat"
FILTER = "metadata['component'] == 'routing-classifier'"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with browsing(tmp_path / "profile") as made:
        yield made


def test_the_filter_by_component_shows_its_calls_and_no_others(
    stack: Project, browser: Browser
) -> None:
    stack.data("chat", "--component", "passthrough", "--model", "demo", "--verify", "not me")
    words = ("--component", "routing-classifier", "--system", "looked for", "--model", "demo")
    data = stack.data("chat", *words, "--verify", "the one")
    project = httpx.get(f"{stack.phoenix_url}/v1/projects/{PHOENIX_PROJECT}", timeout=30)
    page = f"{stack.phoenix_url}/projects/{project.json()['data']['id']}/spans"

    text = _filtered(browser, page)

    assert "looked for" in text
    assert "not me" not in text
    assert f"chat {data['model']}" in text
    _keep(browser)


def _filtered(browser: Browser, page: str) -> str:
    """Type the filter into Phoenix's page; its text once the filter has been applied."""
    _show_calls(browser, page)
    until = time.monotonic() + 60
    field = browser.find(".cm-content")[0]
    browser.click(field)
    browser.type(field, f"{CONTROL}a{RELEASED}{FILTER}{ESCAPE}")
    text = str(browser.run(ROWS))
    while not _only_the_calls(text) and time.monotonic() < until:
        time.sleep(0.3)
        text = str(browser.run(ROWS))
    return text


def _show_calls(browser: Browser, page: str) -> None:
    """Open the page; without a filter it shows the roots, which are of our own client."""
    until = time.monotonic() + 150
    while True:
        # As a person does whose page stays empty: Phoenix does not ask again by itself.
        browser.go(page)
        again = time.monotonic() + 30
        while time.monotonic() < again:
            if browser.find(".cm-content") and CLIENT in browser.run(ROWS):
                return
            time.sleep(0.2)
        shown = browser.run("return document.body.innerText")
        assert time.monotonic() < until, f"{page} shows no calls to filter:\n{shown}"


def _only_the_calls(text: str) -> bool:
    return "looked for" in text and "not me" not in text and CLIENT not in text


def _keep(browser: Browser) -> None:
    """The picture of the documentation, made anew where somebody asks for it."""
    wanted = os.environ.get("GATEWAYCTL_SCREENSHOT")
    if wanted:
        browser.keep_picture(Path(wanted))
