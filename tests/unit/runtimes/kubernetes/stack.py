"""The Kubernetes runtime on a cluster in memory, for the tests of its verbs."""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.base import Progress, StartReport
from gatewayctl.runtimes.kubernetes.runtime import KubernetesRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.fakes.projects import MASTER_KEY, SALT_KEY, project

Result = TypeVar("Result")
SERVICES = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")
URL = "postgresql://owner:p%40ss@db.example.com:6432/gateway?sslmode=require"
"""Of a database that others run."""
SECRETS = {
    "LITELLM_MASTER_KEY": MASTER_KEY,
    "LITELLM_SALT_KEY": SALT_KEY,
    "LITELLM_POSTGRES_PASSWORD": "password-of-litellm",
    "POSTGRES_PASSWORD": "password-of-phoenix",
    "UI_PASSWORD": "password-of-the-page",
    "REDIS_PASSWORD": "password-of-redis",
    "OPENAI_API_KEY": "sk-provider-0123456789abcdef",
}


@dataclass(kw_only=True)
class Stack:
    """A project in a folder, and the cluster that it runs in."""

    folder: Path
    cluster: FakeCluster = field(default_factory=FakeCluster)
    clock: FakeClock = field(default_factory=FakeClock)
    yaml: str = ""
    env: dict[str, str] = field(default_factory=lambda: dict(SECRETS))

    def settings(self) -> Settings:
        text = f"project_name: shop\nruntime: kubernetes\n{self.yaml}"
        env = "".join(f"{name}={value}\n" for name, value in self.env.items())
        return project(self.folder, text, env=env)

    @property
    def runtime(self) -> KubernetesRuntime:
        return KubernetesRuntime(
            self.settings(),
            kubectl=self.cluster.kubectl(),
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def up(self) -> StartReport:
        """Start, and forget what was changed by it."""
        report = run(self.runtime.start())
        self.cluster.changes.clear()
        return report

    def preview(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Action and reasons of each service."""
        found = self.runtime.preview_start(plan_files(self.settings()))
        return {change.service: (change.action, change.why) for change in found}

    def live(self, kind: str, name: str) -> dict[str, Any]:
        return self.cluster.objects[kind, name]


def encoded(values: Mapping[str, str]) -> dict[str, str]:
    """The data of a Secret with these values."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def run(steps: Generator[Progress, None, Result]) -> Result:
    """Run a generator to its end and return its result."""
    return collect(steps)[1]


def collect(steps: Generator[Progress, None, Result]) -> tuple[list[Progress], Result]:
    """The progress of a generator, and its result."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            return seen, stop.value


def kinds(changes: list[str]) -> list[str]:
    """The changes without hashes in the names."""
    return [change.rstrip("0123456789abcdef").rstrip("-") for change in changes]
