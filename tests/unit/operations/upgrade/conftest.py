from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayctl.gateway.client import GatewayClient
from tests.fakes.litellm import served
from tests.unit.operations.upgrade.upgrading import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def gateway(world: World) -> Iterator[GatewayClient]:
    with served(world.litellm) as client:
        yield client
