"""The Docker runtime on an engine in memory, for the tests of its verbs."""

from __future__ import annotations

from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.docker import FakeDocker, inspected

SERVICES = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")
APPS = "apps:\n  shop: {image: shop:1, key: litellm-dev}\n  api: {build: app}\n"


def runtime_of(settings: Settings, docker: FakeDocker) -> DockerRuntime:
    clock = FakeClock()
    return DockerRuntime(settings, docker=docker, clock=clock, sleep=clock.sleep)


def up_and_running(*more: str) -> FakeDocker:
    return FakeDocker(
        running={name: inspected(name, health="healthy") for name in (*SERVICES, *more)}
    )
