"""Which meter measures the services of a runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
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


@contextmanager
def open_meter(settings: Settings, resolved: ResolvedRuntime) -> Iterator[Meter]:
    """The meter of a runtime until the end of the block; of services that others operate one that
    says why it measures nothing.
    """
    if resolved.name == "embedded":
        from gatewayctl.runtimes.metering.processes import ProcessMeter

        yield ProcessMeter(resolved.runtime)
    elif resolved.name == "docker":
        from gatewayctl.runtimes.metering.containers import ContainerMeter

        yield ContainerMeter(settings.project_name)
    elif resolved.name == "kubernetes":
        from gatewayctl.rendering.kubernetes.labels import project_labels
        from gatewayctl.runtimes.kubernetes import context
        from gatewayctl.runtimes.kubernetes.rollouts.snapshot import read_snapshot
        from gatewayctl.runtimes.metering.pods import PodMeter

        kubectl = context.kubectl(settings)
        pods = read_snapshot(kubectl, project_labels(settings)).pods
        with closing(PodMeter(kubectl, pods)) as meter:
            yield meter
    else:
        yield NoMeter("the services run where others operate them, not on this machine")
