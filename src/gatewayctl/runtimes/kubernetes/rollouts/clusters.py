"""When CloudNativePG has done what a Cluster declares.

Its status does not say which generation it is about, so that for a while after a change it is the
one from before. Owns what its pods show of a change. Must not know how long it may take.
"""

from __future__ import annotations

from typing import Any, Final

from gatewayctl.runtimes.kubernetes.kubectl import Object
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, PodFault
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import CLUSTERS, Snapshot
from gatewayctl.runtimes.kubernetes.rollouts.states import wanted_replicas

_HEALTHY: Final = "Cluster in healthy state"
"""The last thing that the operator writes when nothing is left to do (api/v1/cluster_types.go)."""
_RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
_CONTAINER: Final = "postgres"


def is_healthy(cluster: Object) -> bool:
    """True if the operator reports that all instances are ready and nothing is left to do."""
    status = cluster.get("status") or {}
    enough = status.get("readyInstances", 0) >= wanted_replicas(cluster)
    return bool(enough and status.get("phase", _HEALTHY) == _HEALTHY)


def has_new_pods(snapshot: Snapshot, service: str) -> bool:
    """True if every instance has the declared image, and was restarted if that was asked for."""
    cluster = snapshot.workloads[service]
    pods = [pod for pod in snapshot.pods_of(service) if not pod.is_of_job]
    return len(pods) >= wanted_replicas(cluster) and all(_is_new(cluster, pod) for pod in pods)


def describe_phase(cluster: Object) -> str:
    """What the operator does at the moment, in its words; empty if nothing."""
    phase = str((cluster.get("status") or {}).get("phase", ""))
    return "" if phase == _HEALTHY else phase


def explain_delay(cluster: Object) -> PodFault:
    """Why a Cluster is not as declared in time, where no pod is the reason."""
    phase = describe_phase(cluster) or "it reports that nothing is left to do"
    name = cluster["metadata"]["name"]
    return PodFault(
        summary=f"CloudNativePG did not do in time what is declared: {phase}",
        hint=f"See `kubectl describe {CLUSTERS} {name}` and the log of its operator.",
    )


def _is_new(cluster: Object, pod: Pod) -> bool:
    """As the operator itself decides (internal/controller/cluster_upgrade.go).

    The time at which a pod started says nothing of it: one may start for another reason after a
    restart was asked for and before the operator knows.
    """
    spec: dict[str, Any] = cluster["spec"]
    image = spec.get("imageName", pod.image)
    asked = (cluster["metadata"].get("annotations") or {}).get(_RESTARTED_AT, "")
    # Others may put a container before it.
    has_image = pod.container != _CONTAINER or pod.image == image
    return has_image and asked in {"", pod.annotations.get(_RESTARTED_AT, "")}
