"""What runs of a project in the cluster, read in one request.

Owns which pods belong to the newest revision of a workload. Must not know which services a project
should have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import WORKLOADS, service_of
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, parse_pod

REVISION: Final = "deployment.kubernetes.io/revision"
CLUSTER: Final = "Cluster"
"""The kind of a database that CloudNativePG runs."""
CLUSTERS: Final = "clusters.postgresql.cnpg.io"
_KINDS: Final = ("deployments.apps", "statefulsets.apps", "replicasets.apps", "jobs.batch", "pods")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The workloads of a project by service, and what they created."""

    workloads: Mapping[str, Object] = field(default_factory=lambda: MappingProxyType({}))
    replica_sets: tuple[Object, ...] = ()
    jobs: tuple[Object, ...] = ()
    pods: tuple[Pod, ...] = ()

    def pods_of(self, service: str) -> tuple[Pod, ...]:
        """The pods of a service that are not being deleted."""
        return tuple(pod for pod in self.pods if pod.service == service and pod.is_alive)

    def new_pods(self, service: str) -> tuple[Pod, ...]:
        """Those of the newest revision of its workload; of failed ones those of Jobs alone."""
        return tuple(pod for pod in self._of_newest(service) if not pod.is_replaced)

    def replaced_pods(self, service: str) -> tuple[Pod, ...]:
        """Those of the newest revision that ended, and in whose place are others by now."""
        return tuple(pod for pod in self._of_newest(service) if pod.is_replaced)

    def _of_newest(self, service: str) -> Iterator[Pod]:
        wanted = self.newest_template(service)
        for pod in self.pods:
            if pod.service == service and not pod.is_deleted and wanted in {None, pod.template}:
                yield pod

    def newest_template(self, service: str) -> str | None:
        """The hash of the newest template; None if all pods are of it, empty if none is yet."""
        workload = self.workloads[service]
        if workload["kind"] == CLUSTER:
            return None
        if workload["kind"] == "StatefulSet":
            return str((workload.get("status") or {}).get("updateRevision", ""))
        newest = self.newest_replica_set(service)
        return "" if newest is None else newest["metadata"]["labels"]["pod-template-hash"]

    def newest_replica_set(self, service: str) -> Object | None:
        workload = self.workloads[service]
        revision = (workload["metadata"].get("annotations") or {}).get(REVISION)
        found = (
            each
            for each in self.replica_sets_of(service)
            if (each["metadata"].get("annotations") or {}).get(REVISION) == revision
        )
        return next(found, None)

    def replica_sets_of(self, service: str) -> tuple[Object, ...]:
        """The ReplicaSets that its Deployment created."""
        owner = self.workloads[service]["metadata"].get("uid")
        return tuple(
            each
            for each in self.replica_sets
            if owner in {ref["uid"] for ref in each["metadata"].get("ownerReferences") or ()}
        )


def read_snapshot(
    kubectl: Kubectl, labels: Mapping[str, str], *, clusters: bool = False
) -> Snapshot:
    """Read what has these labels; ``clusters``: databases may be run by CloudNativePG."""
    kinds = (*_KINDS, CLUSTERS) if clusters else _KINDS
    found = kubectl.get(",".join(kinds), selector=labels)
    workload_kinds = {*WORKLOADS, CLUSTER}
    return Snapshot(
        workloads=MappingProxyType(
            {service_of(item): item for item in found if item["kind"] in workload_kinds}
        ),
        replica_sets=tuple(item for item in found if item["kind"] == "ReplicaSet"),
        jobs=tuple(item for item in found if item["kind"] == "Job"),
        pods=tuple(parse_pod(item) for item in found if item["kind"] == "Pod"),
    )
