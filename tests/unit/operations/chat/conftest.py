from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.projects import MASTER_KEY, project

KEY = "sk-app-0123456789abcdef"
ENV = f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={KEY}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=ENV)


@pytest.fixture
def fake() -> FakeLiteLLM:
    fake = FakeLiteLLM()
    fake.add(KEY, "litellm-dev")
    return fake
