"""Waits until every service is truly ready, and says which one is not and why."""

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
    timeout: float,
    names: Sequence[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, tuple[ServiceReport, ...]]:
    """Wait until all are healthy; ``timeout`` in seconds. Nothing is torn down on failure.

    ``names`` are the services or apps to wait for; the runtime's services where left out. Raises
    ServiceFailed for the first failing one in dependency order, with its cause and the lines of its
    log that say so, DatabasePasswordRefused, and NotHealthyInTime when the time is up.
    """
    wanted = runtime.services if names is None else tuple(names)
    until, since = clock() + timeout, failure.log_window_start()
    healthy: dict[str, ServiceReport] = {}
    met: dict[str, int] = {}
    while True:
        latest = []
        states = [state for state in runtime.states() if state.service in wanted]
        for place, state in enumerate(states, start=1):
            report = healthy.get(state.service)
            if report is None or report.pid != state.pid or state.state not in _ALIVE:
                # Not seen healthy yet, or no longer the process that was.
                healthy.pop(state.service, None)
                report = check_service(state, settings, runtime, http)
            latest.append(replace(report, uptime=state.uptime))
            if report.health == "unhealthy" or _hopeless(
                report, met, runtime, settings, since=since
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
        if clock() >= until:
            first = next(report for report in latest if report.health != "healthy")
            raise failure.timeout_failure(
                first, latest, runtime, settings, since=since, timeout=timeout
            )
        sleep(_POLL_SECONDS)


def _hopeless(
    report: ServiceReport,
    met: dict[str, int],
    runtime: Runtime,
    settings: Settings,
    *,
    since: datetime,
) -> bool:
    """True when a service ended, was brought back, and no return will heal it.

    ``met`` remembers the process each service was met with. A database keeps the password it
    was made with (LiteLLM #38070), and LiteLLM ends only after long trying.
    """
    if report.pid is None or met.setdefault(report.service, report.pid) == report.pid:
        return False
    if report.health == "healthy":
        return False
    found = failure.diagnose(report, runtime, settings, since=since)
    return found.finding == "database_password_refused"
