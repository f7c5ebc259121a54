"""Whether the service that answers on a port of the project is the project's own.

A copied folder has the ports and the secrets of the original: its commands would reach the other
project's gateway. Owns that check. Must not know what a verb wants from the service.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from gatewayctl.errors import PortTaken, RuntimeProblem
from gatewayctl.operating_system import real_path
from gatewayctl.runtimes.base import Runtime
from gatewayctl.settings.model import Settings

HttpService = Literal["litellm", "phoenix"]


def require_own_service(
    settings: Settings, runtime: Runtime, service: HttpService = "litellm"
) -> None:
    """Raise PortTaken if another project of gatewayctl answers in place of the service.

    Any other program passes: it can be a tunnel to the service, or refuses the master key.
    """
    found = find_other_project(settings, runtime, service)
    if found is not None:
        raise found


def find_other_project(
    settings: Settings, runtime: Runtime, service: HttpService = "litellm"
) -> PortTaken | None:
    """The failure that names the other project on the port of the service, if there is one.

    A running service of this project costs one question to its supervisor or engine.
    """
    if not settings.is_project:
        return None
    from gatewayctl.runtimes.ports import find_listeners

    port = {"litellm": settings.ports.litellm, "phoenix": settings.ports.phoenix}[service]
    with suppress(RuntimeProblem):
        if runtime.owns_port(service, port):
            return None
    listener = find_listeners(settings.bind, [port]).get(port)
    if listener is None:
        return None
    from gatewayctl.runtimes.port_owners import find_owner, port_taken

    owner = find_owner(listener)
    # This project can have a stack in another runtime too.
    ours = real_path(settings.project_dir)
    if owner.folder is None or real_path(owner.folder) == ours:
        return None
    return port_taken({port: owner}, {port: (service, f"ports.{service}")})
