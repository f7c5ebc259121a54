"""The way back after a failed rollout: the revision that served before, applied again.

It is applied under our own name, not by `kubectl rollout undo`: what that restores would belong to
another field manager, and the next start could not remove it. Owns which revision that is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

from gatewayctl.errors import ClusterForbidden
from gatewayctl.runtimes.kubernetes.apply import without_lists
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.rollouts.pods import parse_time
from gatewayctl.runtimes.kubernetes.rollouts.rollout import find_condition
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import REVISION, Snapshot

_HASH: Final = "pod-template-hash"
_MIGRATING: Final = frozenset({"phoenix"})
"""They migrate their database when they start, and an earlier release cannot use it then."""


def find_previous_template(
    kubectl: Kubectl, snapshot: Snapshot, service: str
) -> dict[str, Any] | None:
    """The template of the newest revision that serves or served before; None if there is none."""
    workload = snapshot.workloads[service]
    if workload["kind"] == "Deployment":
        return _from_replica_sets(snapshot, service)
    if workload["kind"] == "StatefulSet":
        return _from_revisions(kubectl, workload)
    return None


def roll_back(kubectl: Kubectl, snapshot: Snapshot, applied: Sequence[Object]) -> tuple[str, ...]:
    """Apply the previous template of these workloads, and return the services that had one.

    ``applied`` are the objects of the failed start, by whose other fields nothing changes.
    """
    done = []
    for item in applied:
        service = item["metadata"]["name"]
        template = find_previous_template(kubectl, snapshot, service)
        if template is None:
            continue
        previous = copy.deepcopy(item)
        previous["spec"]["template"] = template
        if item["kind"] == "Deployment":
            # Otherwise its lists could get another order, which is another revision.
            kubectl.apply([without_lists(previous)])
        kubectl.apply([previous])
        if item["kind"] == "StatefulSet":
            _delete_broken_pods(kubectl, snapshot, service)
        done.append(service)
    return tuple(done)


def _from_replica_sets(snapshot: Snapshot, service: str) -> dict[str, Any] | None:
    newest, spec = snapshot.newest_replica_set(service), snapshot.workloads[service]["spec"]
    if newest is None:
        return None
    earlier = [each for each in snapshot.replica_sets_of(service) if each is not newest]
    if (spec.get("strategy") or {}).get("type") == "Recreate":
        serving = _find_replaced(snapshot, service, newest, earlier)
    else:
        serving = [each for each in earlier if (each.get("status") or {}).get("readyReplicas", 0)]
    if not serving:
        return None
    template: dict[str, Any] = copy.deepcopy(max(serving, key=_revision)["spec"]["template"])
    template["metadata"]["labels"].pop(_HASH, None)
    return _clean(template)


def _find_replaced(
    snapshot: Snapshot, service: str, newest: Object, earlier: Sequence[Object]
) -> list[Object]:
    """Those that served until a Deployment recreated its pods: none of them has one any more."""
    workload = snapshot.workloads[service]
    if _was_complete(workload, newest):
        # What failed is no change: its pod is only not ready at the moment.
        return []
    served = [each for each in earlier if _may_have_served(workload, each)]
    if service not in _MIGRATING:
        return served
    pods = [pod for pod in snapshot.pods if pod.service == service]
    if any(pod.has_run for pod in pods if pod.template == _hash(newest)):
        return []
    # One between them may have migrated the database, too.
    last = max(earlier, key=_revision, default=None)
    return [each for each in served if each is last]


def _was_complete(workload: Object, replica_set: Object) -> bool:
    """True if the rollout of this revision was complete once, as its Deployment remembers."""
    condition = find_condition(workload, "Progressing")
    is_named = f'"{replica_set["metadata"]["name"]}"' in condition.get("message", "")
    return is_named and condition.get("reason") == "NewReplicaSetAvailable"


def _may_have_served(workload: Object, replica_set: Object) -> bool:
    """False if it was created when its Deployment was unavailable already, and still is."""
    condition = find_condition(workload, "Available")
    since = parse_time(condition.get("lastTransitionTime"))
    created = parse_time(replica_set["metadata"].get("creationTimestamp"))
    if condition.get("status") != "False" or since is None or created is None:
        return True
    return created < since


def _from_revisions(kubectl: Kubectl, workload: Object) -> dict[str, Any] | None:
    status = workload.get("status") or {}
    current = status.get("currentRevision")
    if not current or current == status.get("updateRevision"):
        return None
    try:
        (found,) = kubectl.get(f"controllerrevision.v1.apps/{current}") or (None,)
    except ClusterForbidden:
        return None
    if found is None:
        return None
    template: dict[str, Any] = copy.deepcopy(found["data"]["spec"]["template"])
    template.pop("$patch", None)
    return _clean(template)


def _delete_broken_pods(kubectl: Kubectl, snapshot: Snapshot, service: str) -> None:
    """A StatefulSet does not replace a pod that never became ready."""
    names = [f"pod/{pod.name}" for pod in snapshot.new_pods(service) if not pod.is_ready]
    if names:
        kubectl.call("delete", *names, "--ignore-not-found", "--wait=false")


def _clean(template: dict[str, Any]) -> dict[str, Any]:
    template["metadata"].pop("creationTimestamp", None)
    return template


def _hash(replica_set: Object) -> str:
    return str(replica_set["metadata"]["labels"][_HASH])


def _revision(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))
