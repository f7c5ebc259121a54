from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.model import Settings
from tests.fakes.projects import project


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop")
