from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.runtimes.kubernetes.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A project that was never started."""
    return Stack(folder=tmp_path)


@pytest.fixture
def running(stack: Stack) -> Stack:
    """The same, started."""
    stack.up()
    return stack
