from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.runtimes import ports
from tests.unit.runtimes.kubernetes.stack import URL, Stack


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A project that was never started, on a machine where nothing listens."""
    monkeypatch.setattr(ports, "find_listeners", lambda *_: {})
    return Stack(folder=tmp_path)


@pytest.fixture
def running(stack: Stack) -> Stack:
    """The same, started."""
    stack.up()
    return stack


@pytest.fixture
def others(stack: Stack) -> Stack:
    """A project whose database others run."""
    stack.yaml = "services: {postgres: {url_env: MY_URL}}\n"
    stack.env["MY_URL"] = URL
    stack.cluster.add("Namespace", "shop")
    return stack
