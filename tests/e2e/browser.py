"""A real headless browser, driven by the W3C WebDriver protocol.

Owns the protocol and Chromium's flags. Must not know which pages are opened.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import free_ports

CONTROL, ESCAPE, RELEASE = "\ue009", "\ue00c", "\ue000"
"""Special keys; ``RELEASE`` releases the modifier keys that are held down."""
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1400,800",
)
# The protocol's key of a reference to an element.
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """One session of a running browser. A refused command fails the test with its message."""

    http: httpx.Client

    def go(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def find(self, selector: str) -> list[str]:
        """References to the elements that match a CSS selector; empty if none does."""
        found = self._ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [each[_ELEMENT] for each in found]

    def click(self, element: str) -> None:
        self._ask("POST", f"/element/{element}/click", {})

    def type(self, element: str, text: str) -> None:
        self._ask("POST", f"/element/{element}/value", {"text": text})

    def run(self, script: str) -> Any:
        """Run a script in the page; return its result."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def save_screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _value(self.http.request(method, path.lstrip("/"), json=body))


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """Run a browser with an empty profile in that folder until the block ends."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
    capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
    with _run_driver(driver) as url, httpx.Client(timeout=60, trust_env=False) as http:
        session = _value(http.post(url, json={"capabilities": capabilities}))["sessionId"]
        http.base_url = httpx.URL(f"{url}/{session}/")
        try:
            yield Browser(http=http)
        finally:
            http.delete("")


@contextmanager
def _run_driver(driver: str) -> Iterator[str]:
    """Run chromedriver; yield the address where sessions are created."""
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [driver, f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/status")
        yield f"http://127.0.0.1:{port}/session"
    finally:
        # The whole group: without a session, nothing else ends the browser.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if _value(httpx.get(url, timeout=5, trust_env=False))["ready"]:
                return
        time.sleep(0.1)
    pytest.fail("chromedriver does not answer")


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    assert answer.is_success, f"{value['error']}: {value['message']}"
    return value
