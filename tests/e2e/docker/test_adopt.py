"""Gateways that operators have already, adopted and started on the Docker runtime."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.e2e.adopted import CASES, adopt, serves_all

pytestmark = pytest.mark.full


@pytest.mark.parametrize("original", CASES, ids=lambda path: path.stem)
def test_an_adopted_gateway_starts_and_serves_every_deployment(
    tmp_path_factory: pytest.TempPathFactory, original: Path
) -> None:
    # Its name is the name of the project, and of its containers and volumes: none of another run.
    folder = tmp_path_factory.mktemp(f"{original.stem}-{secrets.token_hex(4)}")
    project = adopt(folder, original)
    try:
        project.ok("up", "--timeout", "280", "--no-keys", "--runtime", "docker")
        assert serves_all(project, original)
    finally:
        project.run("down", "--volumes", "--yes", "--runtime", "docker")
