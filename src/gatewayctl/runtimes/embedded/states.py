"""The states of the services, from the processes of supervisord.

Owns what a process says about its service. Must not know what the service answers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from gatewayctl.runtimes.base import ProcessState, ServiceState
from gatewayctl.runtimes.embedded.postgres.addresses import database_address
from gatewayctl.runtimes.embedded.services import read_port
from gatewayctl.runtimes.embedded.supervisor import Process, Supervisor
from gatewayctl.settings.model import Settings

ALIVE: Final[frozenset[ProcessState]] = frozenset({"running", "starting"})


def describe_services(
    names: Sequence[str], supervisor: Supervisor, versions: Mapping[str, str], settings: Settings
) -> tuple[ServiceState, ...]:
    """The states of these services, in their order."""
    processes = {process.service: process for process in supervisor.processes()}
    return tuple(
        _describe(name, processes.get(name), versions, supervisor, settings) for name in names
    )


def _describe(
    name: str,
    process: Process | None,
    versions: Mapping[str, str],
    supervisor: Supervisor,
    settings: Settings,
) -> ServiceState:
    """The state of one service; ``process`` is None if supervisord does not run it."""
    alive = process is not None and process.state in ALIVE
    state = "stopped" if process is None else process.state
    detail = supervisor.last_exit(name) if state == "failed" else ""
    if state == "starting" and (exits := supervisor.crash_loop(name)):
        state, detail = "failed", exits
    return ServiceState(
        service=name,
        state=state,
        pid=process.pid if process else None,
        uptime=max(time.time() - process.started, 0.0) if process and alive else None,
        version=versions.get(name),
        address=_find_address(name, process.pid if process and alive else None, settings),
        detail=detail,
    )


def _find_address(name: str, pid: int | None, settings: Settings) -> str | None:
    """Where it listens: until it is restarted, that is not a port that was changed since."""
    ports = settings.ports
    others = {"litellm": ports.litellm, "phoenix": ports.phoenix}
    configured = others.get(name, ports.postgres_litellm)
    port = (None if pid is None else read_port(name, pid)) or configured
    if port is None:
        return None
    if name == "postgres":
        return database_address(settings, port)
    return f"http://{settings.url_host}:{port}"
