"""The user's own services beside the gateway: started last, because they need their key.

Owns the warnings about apps whose key is missing, and about apps this runtime cannot run. Must not
know what an app does.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.keys.values import read_current_values
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class AppsStarted:
    """Which apps were started or restarted, and the state of all of them."""

    started: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    services: tuple[ServiceReport, ...] = ()
    warnings: tuple[str, ...] = ()


def start_apps(
    settings: Settings, runtime: Runtime, http: httpx.Client, *, timeout: float | None
) -> Generator[Progress, None, AppsStarted]:
    """Start the apps, restart those whose settings or key changed, and wait until all are healthy.

    ``timeout`` in seconds. Raises ServiceFailed, NotHealthyInTime.
    """
    if not runtime.apps:
        return AppsStarted(warnings=_warn_unsupported(settings))
    done = yield from runtime.start_apps(timeout=timeout)
    services = yield from wait_ready(settings, runtime, http, timeout=timeout, names=runtime.apps)
    return AppsStarted(
        started=done.started,
        restarted=done.restarted,
        services=services,
        warnings=_warn_missing_key(settings),
    )


def _warn_unsupported(settings: Settings) -> tuple[str, ...]:
    if not settings.apps:
        return ()
    names = ", ".join(app.name for app in settings.apps)
    warning = (
        f"This runtime does not run apps, but gateway.yaml declares {names}. Use --runtime docker, "
        "or start them yourself with the variables that `gatewayctl env` prints."
    )
    return (warning,)


def _warn_missing_key(settings: Settings) -> tuple[str, ...]:
    variables = {key.alias: key.env for key in settings.keys}
    # Read again: the keys were written after the settings were loaded.
    values = read_current_values(settings)
    return tuple(
        f"The app {app.name} runs without its virtual key: {variables[app.key]} is not set."
        for app in settings.apps
        if app.key in variables and variables[app.key] not in values
    )
