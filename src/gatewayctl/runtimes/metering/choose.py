"""Which meter measures the services of a runtime."""

from __future__ import annotations

from typing import Final

from gatewayctl.runtimes.metering.base import Meter, ServiceUsage
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import LOOPBACK, Settings


class NoMeter:
    """Satisfies ``metering.base.Meter`` where the services run elsewhere."""

    host: Final = LOOPBACK
    addresses: Final[tuple[str, ...]] = (LOOPBACK,)

    def __init__(self, unavailable: str) -> None:
        self.unavailable = unavailable

    def read(self) -> dict[str, ServiceUsage]:
        return {}


def choose_meter(settings: Settings, resolved: ResolvedRuntime) -> Meter:
    """The meter of a runtime; one that says why it measures nothing where the services are not
    on this machine.
    """
    if resolved.name == "embedded":
        from gatewayctl.runtimes.metering.processes import ProcessMeter

        return ProcessMeter(resolved.runtime)
    if resolved.name == "docker":
        from gatewayctl.runtimes.metering.containers import ContainerMeter

        return ContainerMeter(settings.project_name)
    where = "in a cluster" if resolved.name == "kubernetes" else "where others operate them"
    return NoMeter(f"the services run {where}, not on this machine")
