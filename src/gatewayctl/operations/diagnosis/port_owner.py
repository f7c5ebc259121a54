"""Whether the service that answers on a port of the project is the project's own.

A copied folder has the ports and the secrets of the original: its commands would reach the other
project's gateway. Owns that check. Must not know what a verb wants from the service.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from gatewayctl.errors import PortTaken, RuntimeProblem
from gatewayctl.operating_system import real_path
from gatewayctl.runtimes.runtime_marker import is_kubernetes, read_runtime
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.runtimes.base import Runtime

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


def is_surely_own(settings: Settings, service: HttpService) -> bool:
    """Whether the project's own services run, found in a few milliseconds; False if that is unsure.

    For commands that only ask: LiteLLM may still run on a port that was changed since.
    """
    if settings.is_external:
        return True
    if is_kubernetes(settings):
        from gatewayctl.runtimes.kubernetes import access

        return access.owns_port(settings, _port_of(settings, service))
    from gatewayctl.runtimes.embedded.layout import Layout
    from gatewayctl.runtimes.embedded.orphans import is_supervised

    if is_supervised(Layout(state_dir=settings.state_dir)):
        return True
    from gatewayctl.runtimes.docker import engine
    from gatewayctl.runtimes.docker.states import FOLDER

    found = engine.find_publishers(engine.endpoint(), _port_of(settings, service)) or ()
    return any(labels.get(FOLDER) == str(settings.compose_dir) for labels in found)


def find_other_project(
    settings: Settings, runtime: Runtime, service: HttpService = "litellm"
) -> PortTaken | None:
    """The failure that names the other project on the port of the service, if there is one.

    A running service of this project costs one question to its supervisor or engine. A project
    that never had a stack, or has an external one, uses the gateway of another on purpose.
    """
    if settings.is_external or not settings.is_project or read_runtime(settings.state_dir) is None:
        return None
    if is_kubernetes(settings) and settings.kubernetes.access != "port-forward":
        return None
    from gatewayctl.runtimes.ports import find_listeners

    port = _port_of(settings, service)
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


def _port_of(settings: Settings, service: HttpService) -> int:
    return {"litellm": settings.ports.litellm, "phoenix": settings.ports.phoenix}[service]
