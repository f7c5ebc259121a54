"""Phoenix's own page, in a real browser: the filter people type finds the component's calls."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.settings.model import PHOENIX_PROJECT
from tests.e2e.conftest import Project

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1400,800",
)
# In one go: React may replace a row between finding and reading it.
ROWS = "return [...document.querySelectorAll('tbody tr')].map(row => row.innerText).join('\\n')"
FILTER = "metadata['component'] == 'routing-classifier'"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield made
    finally:
        made.quit()


def test_the_filter_by_component_shows_its_calls_and_no_others(
    stack: Project, browser: Any
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


def _filtered(browser: Any, page: str) -> str:
    """Type the filter into Phoenix's page; its text once the filter has been applied."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = browser
    driver.get(page)
    until = time.monotonic() + 40

    def find(selector: str) -> list[Any]:
        found: list[Any] = driver.find_elements(By.CSS_SELECTOR, selector)
        return found

    while not (find(".cm-content") and find("tbody tr")) and time.monotonic() < until:
        time.sleep(0.2)
    field = find(".cm-content")[0]
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(FILTER)
    field.send_keys(Keys.ESCAPE)
    text = ""
    while time.monotonic() < until:
        text = driver.execute_script(ROWS)
        if "looked for" in text and "not me" not in text and "gatewayctl chat" not in text:
            break
        time.sleep(0.3)
    return text


def _keep(browser: Any) -> None:
    """The picture of the documentation, made anew where somebody asks for it."""
    wanted = os.environ.get("GATEWAYCTL_SCREENSHOT")
    if wanted:
        browser.save_screenshot(wanted)
