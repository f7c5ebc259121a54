"""The state of a pod from its JSON, and why it does not work.

Owns the meaning of a pod's status (kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle). Must
not know which services a project should have, nor what is done about a failing pod.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gatewayctl.runtimes.kubernetes.kubectl import Object
from gatewayctl.runtimes.kubernetes.objects import service_of

RESTARTS: Final = 2
"""One exit is what restarts are for; another one soon after is a failure."""
JOB: Final = "job-name"
"""The label of the pods that a Job creates."""
_HASHES: Final = ("pod-template-hash", "controller-revision-hash")
_NO_IMAGE: Final = frozenset({"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
_NO_CONFIG: Final = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_BACK_OFF: Final = "CrashLoopBackOff"
_UNSCHEDULABLE: Final = "Unschedulable"
# Of a container that the kubelet could not create at first, because what it needs came later.
_TRANSIENT: Final = re.compile("failed to sync (secret|configmap) cache", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFault:
    """Why a pod does not work. ``summary`` completes «the pod NAME …».

    ``is_certain``: waiting longer does not help. ``crashed``: the log of the last run has more.
    ``hint`` is empty if the log decides what to do.
    """

    summary: str
    hint: str = ""
    is_certain: bool = True
    crashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod. ``template`` is the hash of the template that it was created from.

    ``started`` is when its present containers started. ``image`` is that of its first container.
    ``has_run``: a container ran once, so what it does at its start may be done.
    """

    name: str
    service: str
    phase: str
    template: str = ""
    is_ready: bool = False
    is_deleted: bool = False
    restarts: int = 0
    has_run: bool = False
    started: datetime | None = None
    image: str = ""
    container: str = ""
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    fault: PodFault | None = None

    @property
    def is_alive(self) -> bool:
        return self.phase in {"Pending", "Running"} and not self.is_deleted

    @property
    def is_of_job(self) -> bool:
        return JOB in self.labels

    @property
    def is_replaced(self) -> bool:
        """True for one that ended and whose workload creates another one in its place.

        A node evicted it, shut down, or did not admit it. It keeps its labels, and may stay for
        weeks. One of a Job failed because its program did.
        """
        return self.phase in {"Failed", "Succeeded"} and not self.is_of_job


def parse_pod(item: Object) -> Pod:
    """A pod from its JSON."""
    meta, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    labels = meta.get("labels") or {}
    containers = status.get("containerStatuses") or []
    running = [(each.get("state") or {}).get("running") or {} for each in containers]
    starts = [found for each in running if (found := parse_time(each.get("startedAt")))]
    return Pod(
        name=meta["name"],
        service=service_of(item),
        phase=status.get("phase", "Pending"),
        template=next((labels[name] for name in _HASHES if name in labels), ""),
        is_ready=_condition(status, "Ready").get("status") == "True",
        is_deleted="deletionTimestamp" in meta,
        restarts=sum(int(each.get("restartCount", 0)) for each in containers),
        has_run=any(map(_has_run, containers)),
        started=max(starts, default=None),
        image=spec["containers"][0]["image"],
        container=spec["containers"][0]["name"],
        labels=labels,
        annotations=meta.get("annotations") or {},
        fault=find_fault(status),
    )


def find_fault(status: Mapping[str, Any]) -> PodFault | None:
    """Why a pod with this status does not work; None if it works or still starts."""
    if status.get("phase") == "Failed":
        why = status.get("message") or _describe_ends(status) or status.get("reason") or "it ended"
        return PodFault(summary=f"failed: {why}", crashed=True)
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            if fault := _container_fault(container):
                return fault
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("reason") == _UNSCHEDULABLE:
        return PodFault(
            summary=f"fits on no node (unschedulable): {scheduled.get('message', '')}".rstrip(": "),
            hint="Add a node, or lower the requests under kubernetes.resources: in gateway.yaml;"
            " for an unbound volume see kubernetes.storage.",
            # A node may be added, or a volume bound.
            is_certain=False,
        )
    return None


def _container_fault(container: Mapping[str, Any]) -> PodFault | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), _one_line(waiting.get("message", ""))
    if reason in _NO_IMAGE:
        return PodFault(
            summary=f"cannot pull its image {container['image']} ({reason}): {message}",
            hint="Correct its name under images: or apps: in gateway.yaml, or give the cluster the"
            " login of its registry: kubernetes.image_pull_secrets.",
        )
    if reason in _NO_CONFIG and not _TRANSIENT.search(message):
        return PodFault(
            summary=f"cannot be created ({reason}): {message}",
            hint="Create the Secret or ConfigMap that it names, or correct"
            " kubernetes.secrets_from in gateway.yaml.",
        )
    restarts = int(container.get("restartCount", 0))
    if restarts < RESTARTS or container.get("ready"):
        return None
    ended = describe_end((container.get("lastState") or {}).get("terminated") or {})
    summary = f"crashes again and again ({ended})"
    return PodFault(summary=summary, is_certain=reason == _BACK_OFF, crashed=True)


def _has_run(container: Mapping[str, Any]) -> bool:
    states = (container.get("state") or {}, container.get("lastState") or {})
    has_started = any("running" in state or "terminated" in state for state in states)
    return has_started or int(container.get("restartCount", 0)) > 0


def describe_end(terminated: Mapping[str, Any]) -> str:
    """How the main process of a container ended, for people."""
    if terminated.get("reason") == "OOMKilled":
        return "out of memory: it is over its memory limit"
    message = _one_line(terminated.get("message", ""))
    code = f"exit code {terminated.get('exitCode', 'unknown')}"
    return f"{code}: {message}" if message else code


def _describe_ends(status: Mapping[str, Any]) -> str:
    ends = (
        (each.get("state") or {}).get("terminated") for each in status.get("containerStatuses", ())
    )
    return ", ".join(describe_end(each) for each in ends if each and each.get("exitCode"))


def parse_time(text: str | None) -> datetime | None:
    """A time of the API, in UTC; None if there is none."""
    return None if not text else datetime.fromisoformat(text)


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = (each for each in status.get("conditions") or () if each["type"] == kind)
    return next(found, {})


def _one_line(text: str) -> str:
    return " ".join(str(text).split())
