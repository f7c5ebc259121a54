"""A stack with fakes, the folders of a project, and a port that is in use."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.layout import Layout
from tests.unit.runtimes.embedded.faked_stack import Stack


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stack = Stack(folder=tmp_path / "project")
    stack.settings()
    stack.layout.make()
    # The cluster exists already: creating one has its own test.
    stack.layout.postgres_data.mkdir()
    return stack


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(state_dir=tmp_path / "project" / ".gatewayctl")
    layout.make()
    return layout


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])
