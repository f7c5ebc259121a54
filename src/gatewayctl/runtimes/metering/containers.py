"""The usage of a project's containers, from the engine's own figures.

The engine reads the control groups, of either version and also inside a virtual machine, so this
needs neither root nor the paths of one system. Owns what its answer means.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.states import PROJECT, SERVICE
from gatewayctl.runtimes.metering.base import ServiceUsage
from gatewayctl.settings.model import LOOPBACK

_INTERFACE: Final = "com.docker.network.bridge.name"
_HOST: Final = "host.docker.internal"
_NANOSECONDS: Final = 1e9


class ContainerMeter:
    """Satisfies ``metering.base.Meter`` for one Compose project."""

    host: Final = _HOST

    def __init__(self, project: str) -> None:
        self._project = project
        self._engine = engine.endpoint()
        self.addresses: tuple[str, ...] = (LOOPBACK, *find_bridge(self._engine))
        self.unavailable = ""
        if not self.read():
            self.unavailable = "the Docker engine does not report what its containers use"

    def read(self) -> Mapping[str, ServiceUsage]:
        found = engine.get_json(self._engine, "/containers/json") or ()
        services = {
            each["Id"]: each["Labels"][SERVICE]
            for each in found
            if (each.get("Labels") or {}).get(PROJECT) == self._project
        }
        # The engine answers with its next sample, one a second: all wait for the same.
        with ThreadPoolExecutor(len(services) or 1) as pool:
            answers = tuple(pool.map(self._stats, services))
        read = zip(services.values(), map(parse_stats, answers), strict=True)
        return {name: usage for name, usage in read if usage}

    def _stats(self, container: str) -> Any:
        path = f"/containers/{container}/stats?stream=false&one-shot=true"
        return engine.get_json(self._engine, path)


def parse_stats(body: Any) -> ServiceUsage | None:
    """Parse the answer of /containers/ID/stats; None if it has no figures."""
    try:
        cpu = body["cpu_stats"]["cpu_usage"]["total_usage"] / _NANOSECONDS
        details = body["memory_stats"].get("stats") or {}
        # Control groups of version 2 and 1. The whole usage would include the page cache.
        memory = details.get("anon") or details.get("total_rss") or details.get("rss")
        return ServiceUsage(
            cpu_seconds=cpu, memory_bytes=int(memory or body["memory_stats"]["usage"])
        )
    except (LookupError, TypeError, AttributeError):
        return None


def find_bridge(where: engine.Endpoint) -> tuple[str, ...]:
    """This machine's address on the engine's bridge, which `host-gateway` stands for.

    It is not of this machine where the engine runs in a virtual one, which forwards to loopback.
    """
    import psutil

    body: Any = engine.get_json(where, "/networks/bridge")
    try:
        found = [each["Gateway"] for each in body["IPAM"]["Config"] if each.get("Gateway")]
        if not found:
            # An engine that made its bridge reports no address of it until it is started again.
            interface = psutil.net_if_addrs().get(body["Options"][_INTERFACE], [])
            found = [each.address for each in interface if each.family == socket.AF_INET]
    except (LookupError, TypeError):
        return ()
    return tuple(found)
