"""Stopping a stack in a cluster: services before their databases, data last and only if asked.

Must not know what is declared now: what an earlier start left of ours is stopped, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.base import Progress, Stopped
from gatewayctl.runtimes.kubernetes import removal
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import WORKLOADS, service_of
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import Snapshot

_DATABASES: Final = frozenset({"postgres-litellm", "postgres-phoenix", "redis"})
_GRACE_SECONDS: Final = 30
"""As a container has it that Docker stops."""
_GONE_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 1.0


def stop(
    kubectl: Kubectl,
    labels: Mapping[str, str],
    known: Sequence[str],
    *,
    read: Callable[[], Snapshot],
    remove_data: bool,
    clusters: bool,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Stopped:
    """Delete everything of ours but the data, and return what ran, in the order of ``known``.

    ``clusters``: CloudNativePG runs the databases. Raises ClusterForbidden before anything is
    deleted if the data may not be, and RuntimeProblem for pods that do not end.
    """
    if remove_data:
        removal.require_removable_data(kubectl, labels, clusters=clusters)
    snapshot = read()
    ran = {pod.service for pod in snapshot.pods if pod.is_alive and pod.service in known}
    versions = kubectl.call("api-versions", namespaced=False).split()
    own = removal.list_own(kubectl, labels, versions)
    running = [item for item in own if item["kind"] in {*WORKLOADS, "ReplicaSet", "Job", "Pod"}]
    first = [item for item in running if service_of(item) not in _DATABASES]
    last = [item for item in running if service_of(item) in _DATABASES]
    for group in (first, last):
        names = {service_of(item) for item in group}
        for name in sorted(names & ran):
            yield Progress(subject=name, state="working", detail="stopping")
        remove_workloads(kubectl, group, read, clock=clock, sleep=sleep)
        for name in sorted(names & ran):
            yield Progress(subject=name, state="stopped")
    if clusters and not remove_data:
        removal.hibernate(kubectl, labels)
    kubectl.delete([item for item in own if item not in running])
    if remove_data:
        removal.remove_data(kubectl, labels, clusters=clusters)
        if why := removal.remove_namespace(kubectl, labels):
            subject = f"namespace {kubectl.namespace}"
            yield Progress(subject=subject, state="unchanged", detail=f"stays: {why}")
    return tuple(name for name in known if name in ran) or (("leftover_objects",) if own else ())


def remove_workloads(
    kubectl: Kubectl,
    workloads: Sequence[Object],
    read: Callable[[], Snapshot],
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Delete workloads and wait until none of their pods is left.

    The pods of Deployments are deleted one by one, with less time to end than in a rollout: there
    a pod waits for its longest request, many minutes, and a LiteLLM that still starts does not even
    react to the signal. So are pods without an owner, which a killed stop left. Raises
    RuntimeProblem for pods that do not end.
    """
    services = {service_of(item) for item in workloads}
    deployments = [item for item in workloads if item["kind"] in {"Deployment", "ReplicaSet"}]
    kubectl.delete([item for item in deployments if item["kind"] == "Deployment"], orphan=True)
    kubectl.delete(
        [each for each in read().replica_sets if service_of(each) in services], orphan=True
    )
    hurried = [*deployments, *(item for item in workloads if _is_slow_orphan(item))]
    kubectl.delete([item for item in workloads if item not in hurried])
    _hurry(kubectl, read(), {service_of(item) for item in hurried})
    _wait_until_gone(read, services, clock, sleep)


def _is_slow_orphan(item: Object) -> bool:
    """True for a pod that would take longer to end than it gets here; a database may."""
    if item["kind"] != "Pod" or service_of(item) in _DATABASES:
        return False
    seconds = item["spec"].get("terminationGracePeriodSeconds", _GRACE_SECONDS)
    return bool(seconds > _GRACE_SECONDS)


def _hurry(kubectl: Kubectl, snapshot: Snapshot, services: Collection[str]) -> None:
    pods = [f"pod/{pod.name}" for pod in snapshot.pods if pod.service in services]
    if pods:
        grace = f"--grace-period={_GRACE_SECONDS}"
        kubectl.call("delete", *pods, grace, "--ignore-not-found", "--wait=false")


def _wait_until_gone(
    read: Callable[[], Snapshot],
    services: Collection[str],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    until = clock() + _GONE_SECONDS
    while left := [pod.name for pod in read().pods if pod.service in services]:
        if clock() >= until:
            raise RuntimeProblem(f"These pods do not end: {', '.join(left)}.")
        sleep(_POLL_SECONDS)
