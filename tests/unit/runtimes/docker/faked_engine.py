"""The Docker runtime on an engine in memory, for the tests of its verbs."""

from __future__ import annotations

import socket
from pathlib import Path

from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.projects import project

SERVICES = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")
APPS = "apps:\n  shop: {image: shop:1, key: litellm-dev}\n  api: {build: app}\n"


def runtime_of(settings: Settings, docker: FakeDocker) -> DockerRuntime:
    clock = FakeClock()
    return DockerRuntime(settings, docker=docker, clock=clock, sleep=clock.sleep)


def up_and_running(*more: str) -> FakeDocker:
    return FakeDocker(
        running={name: inspected(name, health="healthy") for name in (*SERVICES, *more)}
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def on_ports(folder: Path, litellm: int, extra: str = "") -> Settings:
    """A project on ports of its own: those of the other services are free ones."""
    others = [free_port() for _ in range(4)]
    names = ("phoenix", "phoenix_grpc", "postgres_litellm", "postgres_phoenix")
    ports = ", ".join(f"{name}: {port}" for name, port in zip(names, others, strict=True))
    return project(folder, f"ports: {{litellm: {litellm}, {ports}}}\n{extra}")
