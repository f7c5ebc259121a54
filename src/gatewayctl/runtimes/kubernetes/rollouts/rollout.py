"""Waiting for rollouts, and the first pod that makes one fail.

Owns when a rollout is complete, and how long a fault may last. Must not know what is applied, nor
what is done after a failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.files.json_text import shorten_tracebacks
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.rollouts import clusters
from gatewayctl.runtimes.kubernetes.rollouts.deadline import Deadline
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, PodFault, parse_pod
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import CLUSTER, Snapshot
from gatewayctl.runtimes.kubernetes.rollouts.states import wanted_replicas
from gatewayctl.settings.masking import mask

_POLL_SECONDS: Final = 2.0
"""Each poll is a run of kubectl, which costs a tenth of a second of a processor."""
_UNCERTAIN_SECONDS: Final = 120.0
"""A node may be added, a volume bound, a probe pass."""
_CERTAIN_SECONDS: Final = 3.0
"""What the kubelet reports once can be gone at its next try."""
_WHOLE_SECONDS: Final = 900.0
"""For workloads without a deadline of their own."""
_LOG_LINES: Final = 20
_DEADLINE: Final = "ProgressDeadlineExceeded"
_QUOTA: Final = re.compile(r"exceeded quota: (?P<rest>.+)", re.DOTALL)
_POD_SECURITY: Final = re.compile(
    r'violates PodSecurity "(?P<level>[^"]+)": (?P<why>.+)', re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFailure:
    """Why a rollout fails: the first pod, if there is one, its fault, and the end of its log."""

    service: str
    fault: PodFault
    pod: str = ""
    log: str = ""

    def error(self, consequence: str) -> ServiceFailed:
        """The failure for people, with what was done after it."""
        who = f"the pod {self.pod} {self.fault.summary}" if self.pod else self.fault.summary
        lines = [f"{self.service} failed: {who}.", consequence]
        lines += [f"Last lines of its log:\n{self.log}"] if self.log else []
        error = ServiceFailed("\n".join(line for line in lines if line), hint=self.fault.hint)
        if not self.fault.hint:
            error.hint = f"See `gatewayctl logs {self.service}`."
        error.service = self.service
        return error


Failed = Generator[Progress, None, RolloutFailure | None]


def wait_rollouts(
    kubectl: Kubectl,
    read: Callable[[], Snapshot],
    services: Sequence[str],
    *,
    deadline: Deadline,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Failed:
    """Wait until the newest revision of each service is complete; return the first failure.

    Progress is yielded when it changes. Raises NotHealthyInTime after the user's deadline.
    """
    began, shown = clock(), dict[str, str]()
    since: dict[tuple[str, str], float] = {}
    while True:
        snapshot, known, since = read(), since, {}
        _require_all(snapshot, services)
        waiting = [name for name in services if not _is_rolled_out(snapshot, name)]
        for name in waiting:
            detail = describe_progress(snapshot, name)
            if shown.get(name) != detail:
                shown[name] = detail
                yield Progress(subject=name, state="working", detail=detail)
        for name in waiting:
            late = clock() - began > _WHOLE_SECONDS
            failure = find_failure(kubectl, snapshot, name, late=late)
            if failure is None:
                continue
            key = name, failure.fault.summary
            first = since[key] = known.get(key, clock())
            if late or clock() - first >= patience(failure.fault):
                return _with_log(kubectl, failure)
        if not waiting:
            return None
        deadline.require(waiting[0], shown[waiting[0]])
        sleep(_POLL_SECONDS)


def patience(fault: PodFault) -> float:
    """How many seconds a fault may last before what waits for the pod fails."""
    return _CERTAIN_SECONDS if fault.is_certain else _UNCERTAIN_SECONDS


def _require_all(snapshot: Snapshot, services: Sequence[str]) -> None:
    for name in services:
        if name not in snapshot.workloads:
            raise RuntimeProblem(f"The workload of {name} was deleted before its pods were ready.")


def _is_rolled_out(snapshot: Snapshot, service: str) -> bool:
    """True if it is complete, also where the status may be that from before a change."""
    workload = snapshot.workloads[service]
    is_new = workload["kind"] != CLUSTER or clusters.has_new_pods(snapshot, service)
    return is_new and is_complete(workload)


def is_complete(workload: Object) -> bool:
    """True if only pods of the newest revision are left, and all of them are ready.

    As its status has it: that of a Cluster of CloudNativePG may be the one before a change.
    """
    meta, status = workload["metadata"], workload.get("status") or {}
    wanted = wanted_replicas(workload)
    if workload["kind"] == CLUSTER:
        return clusters.is_healthy(workload)
    if status.get("observedGeneration", 0) < meta.get("generation", 0):
        return False
    updated = status.get("updatedReplicas", 0) >= wanted
    if workload["kind"] == "StatefulSet":
        same = status.get("currentRevision") == status.get("updateRevision")
        return bool((updated or same) and status.get("readyReplicas", 0) >= wanted)
    only_new = status.get("replicas", 0) <= status.get("updatedReplicas", 0)
    return bool(updated and only_new and status.get("availableReplicas", 0) >= wanted)


def describe_progress(snapshot: Snapshot, service: str) -> str:
    """How far a rollout is: ``1 of 2 pods ready``, and what it waits for."""
    workload, pods = snapshot.workloads[service], snapshot.new_pods(service)
    ready = sum(pod.is_ready for pod in pods)
    text = f"{ready} of {wanted_replicas(workload)} pods ready"
    fault = next((pod.fault for pod in pods if pod.fault), None)
    phase = clusters.describe_phase(workload) if workload["kind"] == CLUSTER else ""
    reason = fault.summary if fault else phase
    return f"{text}: {reason}" if reason else text


def find_failure(
    kubectl: Kubectl, snapshot: Snapshot, service: str, *, late: bool
) -> RolloutFailure | None:
    """The first fault of the newest revision of a service."""
    workload, pods = snapshot.workloads[service], snapshot.new_pods(service)
    for pod in pods:
        if pod.fault is not None:
            return _of_pod(service, pod, pod.fault)
    if refused := _refused_pods(kubectl, workload, snapshot, service):
        return RolloutFailure(service=service, fault=refused)
    if late or find_condition(workload, "Progressing").get("reason") == _DEADLINE:
        unready = next((pod for pod in pods if pod.is_alive and not pod.is_ready), None)
        if unready is None and workload["kind"] == CLUSTER:
            return RolloutFailure(service=service, fault=clusters.explain_delay(workload))
        for pod in () if pods else snapshot.replaced_pods(service):
            # No node keeps a pod of it.
            if pod.fault is not None:
                return _of_pod(service, pod, pod.fault)
        return _of_deadline(kubectl, service, unready)
    return None


def _of_pod(service: str, pod: Pod, fault: PodFault) -> RolloutFailure:
    return RolloutFailure(service=service, fault=fault, pod=pod.name)


def _of_deadline(kubectl: Kubectl, service: str, pod: Pod | None) -> RolloutFailure:
    if pod is None:
        return RolloutFailure(service=service, fault=PodFault(summary="its pods are not in time"))
    said = next(iter(read_warnings(kubectl, pod.name, reason="Unhealthy")), "")
    why = f"is not ready in time: {said}" if said else "is not ready in time"
    return _of_pod(service, pod, PodFault(summary=why, crashed=True))


def _refused_pods(
    kubectl: Kubectl, workload: Object, snapshot: Snapshot, service: str
) -> PodFault | None:
    """Why the API server takes no new pod of a workload: quota, admission."""
    condition = find_condition(workload, "ReplicaFailure")
    said = condition.get("message", "") if condition.get("status") == "True" else ""
    pods = (*snapshot.new_pods(service), *snapshot.replaced_pods(service))
    if workload["kind"] == "StatefulSet" and not pods:
        # It has no condition for that.
        name = workload["metadata"]["name"]
        said = next(iter(read_warnings(kubectl, name, reason="FailedCreate")), "")
    return explain_refused_pod(said) if said else None


def explain_refused_pod(message: str) -> PodFault:
    """What the API server says of a pod that it does not take."""
    message = " ".join(message.split())
    if found := _QUOTA.search(message):
        return PodFault(
            summary=f"the quota of the namespace does not allow its pods: {found['rest']}",
            hint="Raise the ResourceQuota, or lower kubernetes.resources or kubernetes.replicas in"
            " gateway.yaml.",
        )
    if found := _POD_SECURITY.search(message):
        return PodFault(
            summary=f"Pod Security {found['level']} forbids its pods: {found['why']}",
            hint="Ask who runs the cluster, or use another namespace.",
        )
    return PodFault(
        summary=f"its pods are forbidden: {message}",
        hint="Ask who runs the cluster which admission policy forbids them.",
    )


def read_warnings(kubectl: Kubectl, name: str, *, reason: str) -> tuple[str, ...]:
    """The messages of the warnings about an object, the newest first."""
    selector = f"involvedObject.name={name},type=Warning,reason={reason}"
    events = kubectl.get("events", "--field-selector", selector)
    newest = sorted(events, key=_last_seen, reverse=True)
    return tuple(" ".join(str(event.get("message", "")).split()) for event in newest)


def _last_seen(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _with_log(kubectl: Kubectl, failure: RolloutFailure) -> RolloutFailure:
    """Add the end of the log of the run that failed."""
    if not failure.pod or not failure.fault.crashed:
        return failure
    log = shorten_tracebacks(last_log(kubectl, failure.pod, _LOG_LINES))
    return RolloutFailure(
        service=failure.service, fault=failure.fault, pod=failure.pod, log=mask(log)
    )


def last_log(kubectl: Kubectl, pod: str, count: int) -> str:
    """The end of the log of a pod: of its last run that ended if the present one is silent."""
    for previous in ((), ("--previous",)):
        done = kubectl.ask("logs", pod, f"--tail={count}", *previous)
        if not done.returncode and done.stdout.strip():
            return done.stdout.rstrip()
    return ""


def find_condition(workload: Object, kind: str) -> dict[str, Any]:
    """A condition of the status of a workload; empty if it has none of this kind."""
    found = (workload.get("status") or {}).get("conditions") or ()
    return next((dict(each) for each in found if each["type"] == kind), {})


def find_pod_fault(kubectl: Kubectl, name: str) -> str:
    """Why a pod does not work, in words; empty if nothing is known."""
    found = kubectl.get(f"pod/{name}")
    fault = parse_pod(found[0]).fault if found else None
    return "" if fault is None else fault.summary
