"""A real browser without a window, spoken to as the W3C's WebDriver protocol says.

Knows the protocol and Chromium's flags; must not know whose pages are looked at.
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

CONTROL, ESCAPE, RELEASED = "\ue009", "\ue00c", "\ue000"
"""Keys that are no text; the last one lets go of those that were held down."""
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1400,800",
)
# By this name the protocol marks what is a reference to an element.
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """One session of a running browser. A command that it refuses fails the test, in its words."""

    http: httpx.Client

    def go(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def find(self, selector: str) -> list[str]:
        """References to the elements that a CSS selector finds; none are no failure."""
        found = self._ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [each[_ELEMENT] for each in found]

    def click(self, element: str) -> None:
        self._ask("POST", f"/element/{element}/click", {})

    def type(self, element: str, text: str) -> None:
        self._ask("POST", f"/element/{element}/value", {"text": text})

    def run(self, script: str) -> Any:
        """What a script returns in the page."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def keep_picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _value(self.http.request(method, path.lstrip("/"), json=body))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile in that folder; it ends with the block."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
    wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
    with _driving(driver) as url, httpx.Client(timeout=60, trust_env=False) as http:
        session = _value(http.post(url, json={"capabilities": wanted}))["sessionId"]
        http.base_url = httpx.URL(f"{url}/{session}/")
        try:
            yield Browser(http=http)
        finally:
            http.delete("")


@contextmanager
def _driving(driver: str) -> Iterator[str]:
    """The address that sessions are made at, while chromedriver runs."""
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
        # With the browser, where no session was there to end it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if _value(httpx.get(url, timeout=5, trust_env=False))["ready"]:
                return
        time.sleep(0.1)
    pytest.fail("chromedriver does not answer")


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    assert answer.is_success, f"{value['error']}: {value['message']}"
    return value
