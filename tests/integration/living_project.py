"""A faked project whose state follows from what is run: to try whether a remedy cures."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from gatewayctl.runtimes.base import Progress, Started
from tests.fakes.litellm import FakeLiteLLM, Handler
from tests.fakes.phoenix import SPANS, FakePhoenix
from tests.fakes.self_check import FaultyRuntime
from tests.integration.stack_project import Project, document

_OF_PHOENIX = ("/healthz", "/v1/traces", "/graphql", SPANS)
MODELS = ("gpt-4o", "gpt-4o-mini", "o1-mini", "demo")


@dataclass
class LivingLiteLLM(FakeLiteLLM):
    """Answers only while its process runs, with the master key it was started with.

    ``processes`` are the services that run. ``until_restart`` are answers of a path until its
    service is started again.
    """

    processes: Callable[[], set[str]] = set
    until_restart: dict[str, Handler] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        service = "phoenix" if path in _OF_PHOENIX else "litellm"
        if service not in self.processes():
            raise httpx.ConnectError("[Errno 111] Connection refused")
        if path in self.until_restart:
            self.requests.append(request)
            return self.until_restart[path](request)
        return super().answer(request)


@dataclass(kw_only=True)
class LivingRuntime(FaultyRuntime):
    """Tells when services are started, so that they read their settings."""

    started: Callable[[set[str]], None] | None = None

    def start(self, *, timeout: float | None = None) -> Started:
        ran = self.running - self.differs
        report = yield from super().start(timeout=timeout)
        self._tell(set(self.services) - ran)
        return report

    def restart(
        self, services: Sequence[str], *, timeout: float | None = None
    ) -> Generator[Progress, None, None]:
        yield from super().restart(services, timeout=timeout)
        self._tell(set(services or self.services))

    def _tell(self, services: set[str]) -> None:
        if self.started is not None and services:
            self.started(services)


@dataclass(kw_only=True)
class LivingProject(Project):
    """A project of which each command changes the state that the next one sees."""

    runtime: LivingRuntime = field(default_factory=lambda: LivingRuntime(data=False))
    litellm: LivingLiteLLM = field(default_factory=LivingLiteLLM)

    def __post_init__(self) -> None:
        FakePhoenix(litellm=self.litellm)
        self.litellm.processes = lambda: self.runtime.running
        self.litellm.models = MODELS
        self.runtime.started = self._read_settings

    def _read_settings(self, services: set[str]) -> None:
        if "litellm" in services:
            self.litellm.master = self.secrets()["LITELLM_MASTER_KEY"]
            self.litellm.models = MODELS
        self.litellm.until_restart = {
            path: answer
            for path, answer in self.litellm.until_restart.items()
            if ("phoenix" if path in _OF_PHOENIX else "litellm") not in services
        }

    def edit(self, name: str, value: str | None) -> None:
        """Set a variable of .env, or delete it."""
        file = self.folder / ".env"
        kept = [line for line in file.read_text().splitlines() if not line.startswith(f"{name}=")]
        lines = kept if value is None else [*kept, f"{name}={value}"]
        file.write_text("\n".join(lines) + "\n")

    def error(self, *words: str) -> dict[str, Any]:
        """The error of a command; empty if it has none."""
        found: dict[str, Any] = document(self.run(*words, "--json")).get("error", {})
        return found

    def findings(self) -> dict[str, str]:
        """The remedies of what doctor finds, by id."""
        data = document(self.run("doctor", "--json"))["data"]
        return {each["id"]: each["remedy"] for each in data["findings"]}

    def follow(self, remedy: str) -> list[str]:
        """Run the commands of a remedy as printed, up to its first alternative; returns them."""
        first = re.split(r"[,;] or ", remedy)[0]
        commands = re.findall(r"`([^`]+)`", first)
        for command in commands:
            self._run_printed(command)
        return commands

    def _run_printed(self, command: str) -> None:
        line, _, file = command.partition(" < ")
        program, *words = shlex.split(line)
        if program != "gatewayctl":
            subprocess.run([program, *words], cwd=self.folder, check=True)
            return
        stdin = (self.folder / file).read_text() if file else None
        done = self.run(*words, stdin=stdin)
        assert done.exit_code == 0, f"{command}: {done.exit_code}\n{done.output}"
