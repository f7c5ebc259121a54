"""The usage of services that are processes of this machine.

Owns the sum over a service's process tree. Must not know which services there are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gatewayctl.runtimes.embedded.orphans import iterate_tree
from gatewayctl.runtimes.metering.base import ServiceUsage
from gatewayctl.settings.model import LOOPBACK

if TYPE_CHECKING:
    import psutil

    from gatewayctl.runtimes.base import Runtime


class ProcessMeter:
    """Satisfies ``metering.base.Meter`` by the pids that the runtime reports."""

    host: Final = LOOPBACK
    addresses: Final[tuple[str, ...]] = (LOOPBACK,)
    unavailable: Final = ""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def read(self) -> Mapping[str, ServiceUsage]:
        pids = {state.service: state.pid for state in self._runtime.states() if state.pid}
        return {name: measure_tree(pid) for name, pid in pids.items()}


def measure_tree(pid: int) -> ServiceUsage:
    """The processor seconds and the memory of a process and of those it started."""
    import psutil

    cpu, memory = 0.0, 0
    for process in iterate_tree(pid):
        # PostgreSQL's processes come and go: those that have ended count for their parent.
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            cpu += times.user + times.system + ended
            memory += _read_memory(process)
    return ServiceUsage(cpu_seconds=cpu, memory_bytes=memory)


def _read_memory(process: psutil.Process) -> int:
    """The proportional set size: PostgreSQL's processes share most of their memory."""
    import psutil

    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.uss)
    except psutil.AccessDenied:
        # PostgreSQL runs as another user where gatewayctl is not root, and on macOS.
        return int(process.memory_info().rss)
