"""What services use of the machine, and how they reach it: what a benchmark asks of a runtime.

Owns the Protocol. Must not know requests, nor how one runtime measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUsage:
    """Processor time since the service was started, in seconds, and its memory now, in bytes.

    Memory is what only this service has: shared pages count in part, the page cache not at all.
    """

    cpu_seconds: float
    memory_bytes: int


class Meter(Protocol):
    """Measures the services of a project.

    ``host`` is the name by which they reach this machine, and ``addresses`` are where a server of
    this machine listens so that they can. ``unavailable`` says why nothing is measured; empty if it
    is.
    """

    @property
    def host(self) -> str: ...

    @property
    def addresses(self) -> tuple[str, ...]: ...

    @property
    def unavailable(self) -> str: ...

    def read(self) -> Mapping[str, ServiceUsage]:
        """Read each service that is running; empty where that is not possible."""
