"""The Docker runtime keeps the contract."""

from __future__ import annotations

from tests.e2e.contract.docker import DockerStack
from tests.e2e.contract.promises import RuntimeContract


class TestDocker(RuntimeContract):
    stack = DockerStack
