"""A project for doctor: real files, a faked stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.doctor.checks.subject import RunCheck, Subject
from gatewayctl.operations.doctor.run import ProjectLoaders, inspect_project
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.self_check import Fault
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY
from tests.fakes.runtime import SERVICES, FakeRuntime, resolved

ENV = f"""\
OPENAI_API_KEY=sk-proj-real-0123456789abcdefgh
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY=sk-salt-fedcba9876543210fedcba98
LITELLM_POSTGRES_PASSWORD=8f3b1c5d7e9a0b2c4d6e8f0a
POSTGRES_PASSWORD=1a2b3c4d5e6f7a8b9c0d1e2f
UI_PASSWORD=c0ffee1234deadbeef567890
"""


@dataclass(kw_only=True)
class FaultyRuntime(FakeRuntime):
    """A runtime that checks itself; a fixed fault is no longer found."""

    faults: list[Fault] = field(default_factory=list)

    def find_faults(self) -> tuple[Fault, ...]:
        return tuple(self.faults)

    def fix_fault(self, finding: str) -> str:
        self._called(f"fix {finding}")
        fixed = [fault for fault in self.faults if fault.finding == finding]
        self.faults = [fault for fault in self.faults if fault.finding != finding]
        return f"fixed {finding}" if fixed else ""


@dataclass(kw_only=True)
class Patient:
    """A project in a folder with everything in order, and its stack."""

    folder: Path
    env: str = ENV
    gateway_yaml: str | None = None
    environ: dict[str, str] = field(default_factory=dict)
    runtime: FaultyRuntime = field(default_factory=FaultyRuntime)
    litellm: FakeLiteLLM = field(default_factory=healthy_stack)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_env(self.env)
        if self.gateway_yaml is not None:
            (self.folder / "gateway.yaml").write_text(self.gateway_yaml)

    def write_env(self, text: str) -> None:
        (self.folder / ".env").write_text(text)
        (self.folder / ".env").chmod(0o600)

    def up(self, **but: ProcessState) -> None:
        """Everything runs, except for the given states."""
        states: dict[str, ProcessState] = dict.fromkeys(SERVICES, "running")
        self.runtime.processes = states | but

    def settings(self) -> Settings:
        return load_settings(self.folder, environ=self.environ)

    @contextmanager
    def loaders(self) -> Iterator[ProjectLoaders]:
        with httpx.Client(transport=self.litellm.transport()) as http:
            yield ProjectLoaders(
                settings=self.settings,
                runtime=lambda: resolved(self.runtime),
                gateway=lambda: GatewayClient(http, "http://127.0.0.1:4000"),
            )

    @contextmanager
    def subject(self) -> Iterator[Subject]:
        with self.loaders() as loaders:
            yield inspect_project(self.folder, loaders)

    def found(self, run: RunCheck) -> list[tuple[str, str]]:
        """Finding and evidence of all that one check finds."""
        with self.subject() as subject:
            return [(each.finding, each.evidence) for each in run(subject)]

    def ids(self, run: RunCheck) -> list[str]:
        return [finding for finding, _ in self.found(run)]
