"""Waits until every service is ready, and reports which one is not and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gatewayctl.operations.diagnosis import failure
from gatewayctl.operations.diagnosis.health import ServiceReport, check_service
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx

_ALIVE: Final = frozenset({"running", "starting"})
_POLL_SECONDS: Final = 0.15


def wait_ready(
    settings: Settings,
    runtime: Runtime,
    http: httpx.Client,
    *,
    timeout: float | None = None,
    names: Sequence[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, tuple[ServiceReport, ...]]:
    """Wait until all are healthy. On failure everything keeps running.

    ``timeout`` in seconds, by default the runtime's own, as for every verb that starts services.
    ``names`` are the services or apps to wait for, by default the runtime's services. Raises
    ServiceFailed for the first failing one in dependency order, with its cause and the relevant
    lines of its log, DatabasePasswordRefused, and NotHealthyInTime after ``timeout``.
    """
    wanted = runtime.services if names is None else tuple(names)
    timeout = runtime.start_seconds if timeout is None else timeout
    deadline, since = clock() + timeout, failure.log_window_start()
    healthy: dict[str, ServiceReport] = {}
    first_pids: dict[str, int] = {}
    while True:
        latest = []
        states = [state for state in runtime.states() if state.service in wanted]
        for place, state in enumerate(states, start=1):
            report = healthy.get(state.service)
            if report is None or report.pid != state.pid or state.state not in _ALIVE:
                # Not healthy yet, or another process than the healthy one.
                healthy.pop(state.service, None)
                report = check_service(state, settings, runtime, http)
            latest.append(replace(report, uptime=state.uptime))
            if report.health == "unhealthy" or _cannot_recover(
                report, first_pids, runtime, settings, since=since
            ):
                yield Progress(subject=state.service, state="failed", detail=report.detail)
                latest += [check_service(s, settings, runtime, http) for s in states[place:]]
                raise failure.service_failure(report, latest, runtime, settings, since=since)
            if report.health == "healthy" and state.service not in healthy:
                healthy[state.service] = report
                yield Progress(subject=state.service, state="ready", detail=report.address or "")
            elif report.health != "healthy":
                yield Progress(subject=state.service, state="working", detail=report.detail)
        if len(healthy) == len(wanted):
            return tuple(latest)
        if clock() >= deadline:
            first = next(report for report in latest if report.health != "healthy")
            raise failure.timeout_failure(
                first, latest, runtime, settings, since=since, timeout=timeout
            )
        sleep(_POLL_SECONDS)


def _cannot_recover(
    report: ServiceReport,
    first_pids: dict[str, int],
    runtime: Runtime,
    settings: Settings,
    *,
    since: datetime,
) -> bool:
    """True if a service exited, was restarted, and no further restart can help.

    ``first_pids`` holds the first process seen of each service. A database keeps the password it
    was created with (LiteLLM #38070), and LiteLLM retries for a long time before it exits.
    """
    if report.pid is None or first_pids.setdefault(report.service, report.pid) == report.pid:
        return False
    if report.health == "healthy":
        return False
    found = failure.diagnose(report, runtime, settings, since=since)
    return found.finding == "database_password_refused"
