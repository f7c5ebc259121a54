"""What the contract does to a running stack, and reads from it, without gatewayctl.

One class per runtime. Must not know the contract.
"""

from __future__ import annotations

import json
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from tests.e2e.conftest import Project, make_project

OF_LITELLM = frozenset(
    {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "LITELLM_POSTGRES_PASSWORD", "UI_PASSWORD",
     "OPENAI_API_KEY"}
)  # fmt: skip
NOWHERE = "http://192.0.2.1:9"
"""No proxy: RFC 5737 reserves the address for documentation."""
# A provider's key in the form of a virtual key, and secrets of other programs in the same file.
_IN_ENV_FILE = """\
OPENAI_API_KEY=sk-0f1e2d3c4b5a69788796a5b4c3d2e1f0
ANTHROPIC_API_KEY=sk-ant-api03-of-no-declared-model
STRIPE_SECRET_KEY=sk_live_of-another-application
DATABASE_URL=postgresql://app:password-of-the-app@db/app
"""


@dataclass(kw_only=True)
class ContractStack(ABC):
    """A project of one runtime, with access to its processes.

    ``services`` are in the order of `status`; ``unpublished`` have no address on this machine.
    ``tolerated`` are parts of command lines with a secret that LiteLLM itself writes.
    ``needs`` are the secrets that a service uses. ``reports_pids``: `status` has the processes.
    ``fixtures`` are requested before the project is created. ``name`` is that of the project.
    """

    runtime: ClassVar[str]
    services: ClassVar[tuple[str, ...]]
    unpublished: ClassVar[frozenset[str]] = frozenset()
    reports_pids: ClassVar[bool] = True
    tolerated: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Mapping[str, frozenset[str]]]
    fixtures: ClassVar[tuple[str, ...]] = ()

    project: Project
    name: str

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Create a project with a name that no other run has; start nothing.

        No runtime may stumble over the name of its folder, nor over a proxy that nobody is behind.
        """
        name = f"contract-{cls.runtime}-{os.getpid()}"
        folder = folder / 'it\'s a "project" of $(id) `id` 100% #ü\\n'
        project = make_project(folder, runtime=cls.runtime, name=name)
        (project.folder / ".env").write_text(_IN_ENV_FILE, encoding="utf-8")
        (project.folder / ".env").chmod(0o600)
        project.extra_env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
        return cls(project=project, name=name)

    def clear(self) -> None:
        """Leave nothing on the machine."""
        self.project.run("down", "--volumes", "--yes")

    def reports(self) -> dict[str, dict[str, Any]]:
        """The report of `status` on each service, whatever its exit code."""
        document = json.loads(self.project.run("status", "--json").stdout)
        assert "data" in document, document
        return {each["service"]: each for each in document["data"]["services"]}

    def lose(self, *names: str) -> None:
        """Remove variables from .env."""
        path = self.project.folder / ".env"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.partition("=")[0] not in names]
        assert len(kept) == len(lines) - len(names)
        path.write_text("".join(kept), encoding="utf-8")

    def pids(self) -> dict[str, int]:
        """The main process of each service; None if it does not run."""
        return {name: each["pid"] for name, each in self.reports().items()}

    def kill(self, service: str) -> list[psutil.Process]:
        """Kill a service's main process with SIGKILL; return it and its descendants."""
        main = psutil.Process(self.pids()[service])
        family = [main, *main.children(recursive=True)]
        os.kill(main.pid, signal.SIGKILL)
        return family

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What still runs of the project, according to the machine rather than gatewayctl."""

    @abstractmethod
    def shown(self, service: str) -> str:
        """Everything that inspecting a running service shows, with its environment."""
