"""The state of a service from its workload and its pods.

Owns when a service counts as running. Must not know what it answers over HTTP.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gatewayctl.runtimes.base import ProcessState, ServiceState
from gatewayctl.runtimes.docker.states import version
from gatewayctl.runtimes.kubernetes.kubectl import Object
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import CLUSTER, Snapshot


def wanted_replicas(workload: Object) -> int:
    spec: dict[str, Any] = workload["spec"]
    return int(spec.get("instances" if workload["kind"] == CLUSTER else "replicas", 1))


def describe_service(
    snapshot: Snapshot, service: str, *, address: str | None, now: datetime | None = None
) -> ServiceState:
    """The state of one service or app; stopped if it has no workload and no pod."""
    workload, pods = snapshot.workloads.get(service), snapshot.pods_of(service)
    wanted = len(pods) if workload is None else wanted_replicas(workload)
    ready = [pod for pod in pods if pod.is_ready]
    state, fault = _state(pods, len(ready), wanted)
    if state == "stopped":
        return ServiceState(service=service, state=state, address=address)
    counted = f"{len(ready)}/{wanted} ready"
    oldest = min((pod.started for pod in ready if pod.started), default=None)
    # While a new version rolls out, the one that serves.
    image = next((pod.image for pod in (*ready, *pods)), "")
    return ServiceState(
        service=service,
        state=state,
        version=version(image) if image else None,
        address=address,
        uptime=None if oldest is None else _seconds_since(oldest, now or datetime.now(UTC)),
        detail=f"{counted}: {fault}" if fault else counted,
    )


def _seconds_since(moment: datetime, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0)


def _state(pods: tuple[Pod, ...], ready: int, wanted: int) -> tuple[ProcessState, str]:
    failing = next((pod for pod in pods if pod.fault), None)
    fault = "" if failing is None or failing.fault is None else failing.fault.summary
    if not pods and not wanted:
        return "stopped", ""
    if ready >= wanted > 0:
        return "running", ""
    if failing is not None and not ready:
        return "failed", f"{failing.name} {fault}"
    return ("running" if ready else "starting"), fault


def is_healthy(snapshot: Snapshot, service: str) -> bool | None:
    """True if as many pods are ready as there should be; None if there are none."""
    workload = snapshot.workloads.get(service)
    if workload is None or not wanted_replicas(workload):
        return None
    ready = sum(pod.is_ready for pod in snapshot.pods_of(service))
    return ready >= wanted_replicas(workload)
