from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.backup.restoring import World

OLD = "sk-virtual-old-0123456789abcdef"
"""The virtual key in .env."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.create(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    env = f"# mine\nLITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={OLD}\nKEPT=yes\n"
    return project(tmp_path / "shop", env=env)


@pytest.fixture
def stack() -> FakeLiteLLM:
    return healthy_stack()


@pytest.fixture
def gateway(stack: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(stack) as client:
        yield client
