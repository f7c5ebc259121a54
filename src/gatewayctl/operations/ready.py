"""Waits until every service is truly ready, and says which one is not and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import NotHealthyInTime, ServiceFailed
from gatewayctl.operations.health import ServiceReport, check_service
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx

_ALIVE: Final = frozenset({"running", "starting"})
_POLL_SECONDS: Final = 0.15
_LOG_LINES: Final = 20
_REASONS: Final = {
    ("litellm", "exit code 1"): "LiteLLM could not set up its database",
    ("litellm", "exit code 2"): "a migration of LiteLLM's database cannot be recovered",
    ("litellm", "exit code 3"): "LiteLLM refused its settings; most often the master key",
}


def wait_ready(
    settings: Settings,
    runtime: Runtime,
    http: httpx.Client,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, tuple[ServiceReport, ...]]:
    """Wait until all are healthy; ``timeout`` in seconds. Nothing is torn down on failure.

    Raises ServiceFailed for the first failing service in dependency order, with the last lines of
    its log, and NotHealthyInTime when the time is up.
    """
    until = clock() + timeout
    healthy: dict[str, ServiceReport] = {}
    while True:
        latest = []
        for state in runtime.states():
            report = healthy.get(state.service)
            if report is None or report.pid != state.pid or state.state not in _ALIVE:
                # Not seen healthy yet, or no longer the process that was.
                healthy.pop(state.service, None)
                report = check_service(state, settings, runtime, http)
            latest.append(replace(report, uptime=state.uptime))
            if report.health == "unhealthy":
                raise _failed(report, runtime)
            if report.health == "healthy" and state.service not in healthy:
                healthy[state.service] = report
                yield Progress(subject=state.service, state="ready", detail=report.address or "")
            elif report.health != "healthy":
                yield Progress(subject=state.service, state="working", detail=report.detail)
        if len(healthy) == len(runtime.services):
            return tuple(latest)
        if clock() >= until:
            raise _late(latest, runtime, timeout)
        sleep(_POLL_SECONDS)


def _failed(report: ServiceReport, runtime: Runtime) -> ServiceFailed:
    reason = _REASONS.get((report.service, report.detail), "")
    why = f"{report.detail}: {reason}" if reason else report.detail or report.state
    return ServiceFailed(f"{report.service} failed ({why}).{_last_words(report.service, runtime)}")


def _late(reports: list[ServiceReport], runtime: Runtime, timeout: float) -> NotHealthyInTime:
    first = next(report for report in reports if report.health != "healthy")
    return NotHealthyInTime(
        f"{first.service} is not ready after {timeout:g} s ({first.detail or first.health})."
        f"{_last_words(first.service, runtime)}"
    )


def _last_words(service: str, runtime: Runtime) -> str:
    lines = runtime.last_lines(service, _LOG_LINES)
    return f"\nThe last lines of its log:\n{lines}" if lines else ""
