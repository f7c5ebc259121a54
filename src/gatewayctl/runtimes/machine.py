"""Memory and cores of the machine that the services run on.

That is this machine, or the one of a Docker engine: Docker Desktop and colima run a virtual one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.runtimes.docker.engine import read_capacity
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import RuntimeChoice, RuntimeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """In bytes. ``available`` is what programs can get without swapping."""

    total: int
    available: int


def read_memory(runtime: RuntimeName | None = None) -> Memory:
    """Read the current memory of the machine that a runtime uses, by default this one.

    The limit of a container is not considered. No engine reports how much memory of a virtual
    machine is free: all of it counts as available.
    """
    import psutil

    own = psutil.virtual_memory()
    engine = read_capacity() if runtime == "docker" else None
    if engine is None or engine.memory == own.total:
        return Memory(total=own.total, available=own.available)
    return Memory(total=engine.memory, available=engine.memory)


def count_cores(choice: RuntimeChoice, state_dir: Path) -> int:
    """The cores of the machine that a project's services run on, or will run on."""
    runtime = (read_runtime(state_dir) or "docker") if choice == "auto" else choice
    engine = read_capacity() if runtime == "docker" else None
    return engine.cores if engine else os.cpu_count() or 1
