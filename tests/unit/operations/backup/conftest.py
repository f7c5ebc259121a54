from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.backup.restoring import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.create(tmp_path)
