"""A project with a port-forward as real processes, with a kubectl whose cluster is a folder."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from gatewayctl.runtimes.kubernetes import access
from gatewayctl.runtimes.kubernetes.context import ChosenContext, move_to
from gatewayctl.runtimes.kubernetes.forwarding.project import MARK
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.settings.model import Settings
from tests.fakes import kubectl_program
from tests.fakes.http_server import listening
from tests.fakes.projects import project

STAGING = ChosenContext(context="staging", server="https://staging:6443", namespace="shop")
PRODUCTION = ChosenContext(context="production", server="https://prod:6443", namespace="shop")
SECONDS = 20.0


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


@dataclass(kw_only=True)
class Forwarded:
    """A project with a port-forward, and the cluster behind it."""

    settings: Settings
    cluster: Path
    pods: dict[str, dict[str, object]] = field(default_factory=dict)

    def kubectl(self, context: str = "staging") -> Kubectl:
        return Kubectl(context=context, namespace="shop")

    def start(self) -> int:
        access.ensure(self.settings, self.kubectl())
        found = access.describe(self.settings)
        assert found is not None
        return found.pid

    def set_pod(self, name: str, **values: object) -> None:
        self.pods[name] = {**self.pods.get(name, {"service": "litellm"}), **values}
        self._write()

    def remove_pod(self, name: str) -> None:
        del self.pods[name]
        self._write()

    def _write(self) -> None:
        beside = self.cluster / "pods.new"
        beside.write_text(json.dumps(self.pods))
        beside.replace(self.cluster / "pods.json")

    def ask(self) -> str | None:
        """The pod that answers on the local port of LiteLLM; None if none does."""
        try:
            url = f"http://127.0.0.1:{self.settings.ports.litellm}/"
            return httpx.get(url, timeout=SECONDS, trust_env=False).text
        except httpx.HTTPError:
            return None

    def processes(self) -> list[psutil.Process]:
        """Every process of the port-forward: the supervisor, the shells, and kubectl."""
        mark = {MARK: str(self.settings.state_dir)}
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                # A zombie has no command line any more.
                if mark.items() <= each.environ().items() and each.cmdline():
                    found.append(each)
        return found

    def command_lines(self) -> list[list[str]]:
        found = []
        for each in self.processes():
            with suppress(psutil.Error):
                found.append(each.cmdline())
        return found


@contextmanager
def forward_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forwarded]:
    """A project in the staging context, with a kubectl whose cluster is a folder."""
    programs, cluster = tmp_path / "programs", tmp_path / "cluster"
    for folder in (programs, cluster):
        folder.mkdir()
    program = programs / "kubectl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{kubectl_program.__file__}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_CLUSTER", str(cluster))
    litellm, phoenix, grpc = free_ports(3)
    settings = project(
        tmp_path / "shop",
        "project_name: shop\nruntime: kubernetes\n"
        f"ports: {{litellm: {litellm}, phoenix: {phoenix}, phoenix_grpc: {grpc}}}\n",
    )
    with move_to(settings, STAGING):
        pass
    made = Forwarded(settings=settings, cluster=cluster)
    try:
        yield made
    finally:
        access.end(settings)


@contextmanager
def pod(forwarded: Forwarded, name: str, **values: object) -> Iterator[None]:
    """A pod of LiteLLM that answers with its name."""
    with listening(lambda _: httpx.Response(200, text=name)) as port:
        forwarded.set_pod(name, port=port, **values)
        yield
