"""What every runtime promises, and the values it hands on.

Owns the Protocol. Must not know any one runtime, nor what LiteLLM or Phoenix say
over HTTP: a runtime knows processes; readiness over HTTP is joined in operations.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from gatewayctl.settings.model import RuntimeName

ProgressState = Literal["waiting", "working", "ready", "unchanged", "stopped", "failed"]
ProcessState = Literal["running", "starting", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step's news. ``fraction`` is 0…1 where the whole is known."""

    subject: str
    state: ProgressState
    detail: str = ""
    fraction: float | None = None


type_events = Generator[Progress, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """A service as its runtime sees it: processes, not answers.

    ``uptime`` in seconds; ``address`` is what a person would open or connect to.
    """

    service: str
    state: ProcessState
    pid: int | None = None
    uptime: float | None = None
    version: str | None = None
    address: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a service's log; ``at`` is None where the service writes no time."""

    service: str
    text: str
    at: datetime | None = None
