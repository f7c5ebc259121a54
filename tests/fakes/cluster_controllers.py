"""The controllers of the cluster in memory: they make pods of workloads at once."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gatewayctl.runtimes.process import Completed
from tests.fakes.cluster_words import Object

STARTED = "2026-11-29T12:00:00Z"
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_REVISION = "deployment.kubernetes.io/revision"


def waiting(reason: str, message: str = "", /, *, restarts: int = 0, **ended: Any) -> Object:
    """The status of a container that does not start; ``ended`` is how its last run did."""
    status: Object = {
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
    }
    return status | ({"lastState": {"terminated": ended}} if ended else {})


CRASHING = waiting("CrashLoopBackOff", restarts=3, exitCode=1)


@dataclass(kw_only=True)
class Controllers:
    """The objects of a cluster, and what happens to them by themselves.

    ``broken`` maps an image, or a service, to the container status that its pods get. ``refused``
    maps a service to why the API server takes no pod of it. ``jobs`` is how Jobs end: complete,
    failed, or running. ``exits`` maps a pod of its own to how it ends. ``is_operator_busy``: the
    operator of the databases does nothing yet.
    """

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    broken: dict[str, Object] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    jobs: str = "Complete"
    exits: dict[str, Completed] = field(default_factory=dict)
    is_operator_busy: bool = False
    _applied: dict[tuple[str, str], Object] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of a kind by name."""
        return {name: item for (each, name), item in self.objects.items() if each == kind}

    def reconcile(self, item: Object) -> None:
        """What the controllers of the cluster do about an object."""
        kind = item["kind"]
        if kind == "Deployment":
            self._reconcile_deployment(item)
        elif kind == "StatefulSet":
            self._reconcile_stateful_set(item)
        elif kind == "Job" and not item.get("status"):
            self._run_job(item)
        elif kind == "Cluster":
            self._reconcile_cluster(item)
        elif ended := self.exits.get(item["metadata"]["name"]):
            code = {"state": {"terminated": {"exitCode": ended.returncode}}}
            phase = "Failed" if ended.returncode else "Succeeded"
            item["status"] = {"phase": phase, "containerStatuses": [code]}

    def evict(self, service: str, message: str = "The node was low on resource: memory.") -> None:
        """A node evicts a pod, one that still starts if there is one.

        That of a Deployment stays, and another one is created.
        """
        label = "app.kubernetes.io/name"
        pods = [
            pod
            for pod in self.of("Pod").values()
            if pod["metadata"]["labels"].get(label) == service and not _has_ended(pod)
        ]
        pod = min(pods, key=_is_ready)
        pod["status"] = {
            "phase": "Failed",
            "reason": "Evicted",
            "message": message,
            "conditions": [{"type": "Ready", "status": "False"}],
        }
        if workload := self.objects.get(("Deployment", service)):
            name = pod["metadata"]["name"]
            del self.objects["Pod", name]
            pod["metadata"]["name"] = f"{name}-evicted{next(self._count)}"
            self.objects["Pod", pod["metadata"]["name"]] = pod
            self.reconcile(workload)

    def _reconcile_deployment(self, item: Object) -> None:
        if item["spec"].get("paused"):
            return
        name, template = item["metadata"]["name"], item["spec"]["template"]
        wanted, digest = item["spec"].setdefault("replicas", 1), _digest(template)
        item["spec"].setdefault("strategy", {"type": "RollingUpdate"})
        sets = [each for each in self.of("ReplicaSet").values() if _is_owned(each, item)]
        newest = next((s for s in sets if s["metadata"]["name"] == f"{name}-{digest}"), None)
        if newest is None:
            newest = self._own("ReplicaSet", f"{name}-{digest}", item, digest)
            newest["spec"] = {"template": copy.deepcopy(template)}
            newest["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = digest
            revision = 1 + max((_revision(each) for each in sets), default=0)
            newest["metadata"]["annotations"] = {_REVISION: str(revision)}
        item["metadata"].setdefault("annotations", {})[_REVISION] = newest["metadata"][
            "annotations"
        ][_REVISION]
        if item["spec"]["strategy"]["type"] == "Recreate":
            for old in sets:
                if old is not newest:
                    self._delete_pods(old)
        ready = self._make_pods(item, newest, digest, wanted)
        for old in sets:
            if old is not newest and (ready == wanted or not _ready_pods(self, old)):
                self._delete_pods(old)
        for each in (*sets, newest):
            each["status"] = {"readyReplicas": len(_ready_pods(self, each))}
        old_pods = sum(len(_ready_pods(self, each)) for each in sets if each is not newest)
        conditions = [_progressing(item, newest, is_complete=ready == wanted and not old_pods)]
        if name in self.refused:
            refused = {"type": "ReplicaFailure", "status": "True", "message": self.refused[name]}
            conditions.append(refused)
        item["status"] = {
            "observedGeneration": item["metadata"]["generation"],
            "replicas": wanted + old_pods,
            "updatedReplicas": wanted,
            "availableReplicas": ready + old_pods,
            "conditions": conditions,
        }

    def _reconcile_stateful_set(self, item: Object) -> None:
        name, template = item["metadata"]["name"], item["spec"]["template"]
        digest = f"{name}-{_digest(template)}"
        revision = self._own("ControllerRevision", digest, item, digest)
        revision["data"] = {"spec": {"template": {**copy.deepcopy(template), "$patch": "replace"}}}
        current = (item.get("status") or {}).get("currentRevision", digest)
        pods = [pod for pod in self.of("Pod").values() if _is_owned(pod, item)]
        for pod in pods:
            if pod["metadata"]["labels"]["controller-revision-hash"] != digest:
                self._remove(("Pod", pod["metadata"]["name"]))
        ready = self._make_pods(item, item, digest, item["spec"].get("replicas", 1))
        item["status"] = {
            "observedGeneration": item["metadata"]["generation"],
            "currentRevision": digest if ready else current,
            "updateRevision": digest,
            "readyReplicas": ready,
            "updatedReplicas": ready,
        }
        for claim in item["spec"].get("volumeClaimTemplates") or ():
            key = "PersistentVolumeClaim", f"{claim['metadata']['name']}-{name}-0"
            labels = claim["metadata"].get("labels", {})
            self.objects.setdefault(
                key,
                {
                    "apiVersion": "v1",
                    "kind": key[0],
                    "metadata": {"name": key[1], "labels": labels, "uid": f"uid-{key[1]}"},
                },
            )

    def _reconcile_cluster(self, item: Object) -> None:
        """What CloudNativePG does, all at once when it comes to it."""
        if self.is_operator_busy:
            return
        name, spec = item["metadata"]["name"], item["spec"]
        wanted = spec.get("instances", 1)
        asked = (item["metadata"].get("annotations") or {}).get(_RESTARTED_AT)
        container = {"name": "postgres", "image": spec["imageName"]}
        for number in range(1, wanted + 1):
            pod = self._own("Pod", f"{name}-{number}", item, "")
            pod["metadata"]["labels"] = {
                **spec["inheritedMetadata"]["labels"],
                "cnpg.io/cluster": name,
                "cnpg.io/instanceRole": "primary" if number == 1 else "replica",
            }
            pod["metadata"]["annotations"] = {_RESTARTED_AT: asked} if asked else {}
            pod["spec"] = {"containers": [container]}
            pod["status"] = pod_status(None, container)
        item["status"] = {"readyInstances": wanted, "phase": "Cluster in healthy state"}

    def _make_pods(self, workload: Object, owner: Object, digest: str, wanted: int) -> int:
        """Make its pods and return how many are ready."""
        name, template = workload["metadata"]["name"], workload["spec"]["template"]
        if name in self.refused:
            return 0
        stateful = workload["kind"] == "StatefulSet"
        names = [f"{name}-{n}" if stateful else f"{name}-{digest}-{n}" for n in range(wanted)]
        for pod in self.of("Pod").values():
            if (
                _is_owned(pod, owner)
                and not _has_ended(pod)
                and pod["metadata"]["name"] not in names
            ):
                self._remove(("Pod", pod["metadata"]["name"]))
        ready = 0
        for pod_name in names:
            pod = self.objects.get(("Pod", pod_name)) or self._own("Pod", pod_name, owner, digest)
            label = "controller-revision-hash" if stateful else "pod-template-hash"
            pod["metadata"]["labels"] = {**template["metadata"]["labels"], label: digest}
            pod["spec"] = copy.deepcopy(template["spec"])
            fault = self._fault(name, template)
            pod["status"] = pod_status(fault, pod["spec"]["containers"][0])
            ready += fault is None
        return ready

    def _fault(self, service: str, template: Object) -> Object | None:
        image = template["spec"]["containers"][0]["image"]
        return self.broken.get(image, self.broken.get(service))

    def _run_job(self, job: Object) -> None:
        name = job["metadata"]["name"]
        labels = job["spec"]["template"]["metadata"].get("labels", {})
        pod = self.objects.get(("Pod", f"{name}-x")) or self._own("Pod", f"{name}-x", job, "")
        pod["metadata"]["labels"] = {**labels, "job-name": name}
        pod["spec"] = copy.deepcopy(job["spec"]["template"]["spec"])
        fault = self._fault("litellm-migrate", job["spec"]["template"])
        pod["status"] = pod_status(fault, pod["spec"]["containers"][0])
        pod["status"]["phase"] = "Pending" if fault else "Running"
        if fault or self.jobs == "running":
            job["status"] = {"active": 1}
            return
        pod["status"]["phase"] = "Succeeded" if self.jobs == "Complete" else "Failed"
        reason = {} if self.jobs == "Complete" else {"message": "Job has reached the limit"}
        job["status"] = {"conditions": [{"type": self.jobs, "status": "True", **reason}]}

    def _own(self, kind: str, name: str, owner: Object, digest: str) -> Object:
        return self.objects.setdefault(
            (kind, name),
            {
                "apiVersion": "v1" if kind == "Pod" else "apps/v1",
                "kind": kind,
                "metadata": {
                    "name": name,
                    "uid": f"uid-{next(self._count)}",
                    "labels": {**owner["metadata"].get("labels", {}), "pod-template-hash": digest},
                    "creationTimestamp": STARTED,
                    "ownerReferences": [{"uid": owner["metadata"]["uid"]}],
                },
            },
        )

    def _delete_pods(self, owner: Object) -> None:
        for pod in self.of("Pod").values():
            if _is_owned(pod, owner) and not _has_ended(pod):
                self._remove(("Pod", pod["metadata"]["name"]))

    def _remove(self, key: tuple[str, str], *, orphan: bool = False) -> None:
        gone = self.objects.pop(key)
        self._applied.pop(key, None)
        uid = gone["metadata"].get("uid")
        if key[0] == "Namespace":
            self.objects.clear()
        for other, item in list(self.objects.items()):
            owners = item["metadata"].get("ownerReferences") or ()
            if uid not in {each["uid"] for each in owners} or other not in self.objects:
                continue
            if orphan:
                del item["metadata"]["ownerReferences"]
            else:
                self._remove(other)


def pod_status(fault: Object | None, container: Object) -> Object:
    running = {
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": STARTED}},
    }
    status = {**(fault or running), "name": container["name"], "image": container["image"]}
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False" if fault else "True"}],
        "containerStatuses": [status],
    }


def _progressing(deployment: Object, newest: Object, *, is_complete: bool) -> Object:
    """A rollout that was complete once stays so, whatever happens to its pods."""
    name = newest["metadata"]["name"]
    before: Object = next(iter((deployment.get("status") or {}).get("conditions") or ()), {})
    done = f'ReplicaSet "{name}" has successfully progressed.'
    if is_complete or before.get("message") == done:
        reason, message = "NewReplicaSetAvailable", done
    else:
        reason, message = "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
    return {"type": "Progressing", "status": "True", "reason": reason, "message": message}


def _is_owned(item: Object, owner: Object) -> bool:
    owners = item["metadata"].get("ownerReferences") or ()
    return owner["metadata"]["uid"] in {each["uid"] for each in owners}


def _has_ended(pod: Object) -> bool:
    """A ReplicaSet takes no notice of such a pod, and leaves it."""
    return (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}


def _ready_pods(cluster: Controllers, owner: Object) -> list[Object]:
    return [pod for pod in cluster.of("Pod").values() if _is_owned(pod, owner) and _is_ready(pod)]


def _is_ready(pod: Object) -> bool:
    return bool(pod["status"]["conditions"][0]["status"] == "True")


def _revision(item: Object) -> int:
    return int(item["metadata"]["annotations"][_REVISION])


def _digest(template: Object) -> str:
    labels = {**template["metadata"]["labels"]}
    labels.pop("pod-template-hash", None)
    plain = {**template, "metadata": {**template["metadata"], "labels": labels}}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
