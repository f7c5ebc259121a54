"""What the contract does to a running stack behind gatewayctl's back, and what it sees of it.

One class a runtime. Must not know what is promised.
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
    {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "LITELLM_POSTGRES_PASSWORD", "UI_PASSWORD"}
)


@dataclass(kw_only=True)
class ContractStack(ABC):
    """A project of one runtime, and hands to hurt it with.

    ``services`` are in the order of `status`. ``needs`` are the secrets a service has a use for.
    ``fixtures`` are asked for before the project is made. ``name`` is the project's.
    """

    runtime: ClassVar[str]
    services: ClassVar[tuple[str, ...]]
    needs: ClassVar[Mapping[str, frozenset[str]]]
    fixtures: ClassVar[tuple[str, ...]] = ()

    project: Project
    name: str

    @classmethod
    def make(cls, folder: Path) -> Self:
        """A project of its own, with a name that no other run has; nothing is started."""
        name = f"contract-{cls.runtime}-{os.getpid()}"
        return cls(project=make_project(folder, runtime=cls.runtime, name=name), name=name)

    def clear(self) -> None:
        """Leave nothing on the machine."""
        self.project.run("down", "--volumes", "--yes")

    def reports(self) -> dict[str, dict[str, Any]]:
        """What `status` says of each service, whatever its exit code."""
        document = json.loads(self.project.run("status", "--json").stdout)
        return {each["service"]: each for each in document["data"]["services"]}

    def pids(self) -> dict[str, int]:
        """The main process of each service; of those that do not run, None."""
        return {name: each["pid"] for name, each in self.reports().items()}

    def kill(self, service: str) -> list[psutil.Process]:
        """kill -9 of a service's main process; hands back it and all below it."""
        main = psutil.Process(self.pids()[service])
        family = [main, *main.children(recursive=True)]
        os.kill(main.pid, signal.SIGKILL)
        return family

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What is alive of the project now, asked of the machine and not of gatewayctl."""

    @abstractmethod
    def shown(self, service: str) -> str:
        """All that inspecting a running service shows, its environment included."""
