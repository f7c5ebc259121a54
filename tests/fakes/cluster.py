"""A cluster in memory behind kubectl: it stores objects, and makes pods of workloads at once."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.process import Completed

Object = dict[str, Any]
STARTED = "2026-11-29T12:00:00Z"
VERSIONS = (
    *("v1", "apps/v1", "batch/v1", "autoscaling/v2", "policy/v1"),
    *("networking.k8s.io/v1", "gateway.networking.k8s.io/v1", "postgresql.cnpg.io/v1"),
)
_REVISION = "deployment.kubernetes.io/revision"
_ENDINGS = {"ies": "y", "sses": "ss", "s": ""}
_KINDS = {
    kind.lower(): kind
    for kind in (
        *("Namespace", "Deployment", "StatefulSet", "ReplicaSet", "Job", "Pod", "Service"),
        *("ConfigMap", "Secret", "ServiceAccount", "NetworkPolicy", "Ingress", "Event"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "HTTPRoute", "Cluster"),
        *("PersistentVolumeClaim", "ControllerRevision"),
    )
}


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
class FakeCluster:
    """Satisfies ``kubectl.Run``.

    ``broken`` maps an image, or a service, to the container status that its pods get. ``refused``
    maps a service to why the API server takes no pod of it. ``jobs`` is how Jobs end: complete,
    failed, or running until ``finish_jobs``. ``failing`` maps the words of a command to what it
    prints on stderr. ``calls`` are the command lines without their connection, ``changes`` those
    that changed something. ``log`` is that of every pod. ``killed_at``: the change at which the
    caller is killed.
    """

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    versions: tuple[str, ...] = VERSIONS
    broken: dict[str, Object] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    jobs: str = "Complete"
    failing: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    log: str = "Traceback: it does not work"
    killed_at: int | None = None
    verifiers: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    exits: dict[str, Completed] = field(default_factory=dict)
    keep: set[str] = field(default_factory=set)
    _applied: dict[tuple[str, str], Object] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def kubectl(self, namespace: str = "shop") -> Kubectl:
        return Kubectl(context="test", namespace=namespace, run=self)

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float | None = None
    ) -> Completed:
        words = _without_connection(argv)
        self.calls.append(words)
        for wanted, stderr in self.failing:
            if set(wanted) <= set(words):
                return Completed(returncode=1, stdout="", stderr=stderr)
        verb = {
            "get": self._get,
            "apply": self._apply,
            "delete": self._delete,
            "api-versions": lambda *_: "\n".join(self.versions),
            "api-resources": lambda *_: "\n".join(_plural(kind) for kind in _KINDS),
            "logs": self._logs,
            "exec": self._exec,
            "rollout": self._restart,
            "annotate": self._annotate,
            "version": lambda *_: json.dumps({"clientVersion": {"gitVersion": "v1.32.4"}}),
            "create": self._review,
        }[words[0]]
        return Completed(returncode=0, stdout=verb(words[1:], stdin or ""), stderr="")

    # What tests arrange and look at.

    def add(self, kind: str, name: str, labels: Mapping[str, str] | None = None) -> Object:
        """An object of others, unless the labels say otherwise."""
        item: Object = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "labels": dict(labels or {}), "uid": f"uid-{name}"},
            "spec": {"replicas": 1},
        }
        self.objects[kind, name] = item
        return item

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of a kind by name."""
        return {name: item for (each, name), item in self.objects.items() if each == kind}

    def pods_of(self, service: str) -> list[Object]:
        label = "app.kubernetes.io/name"
        pods = self.of("Pod").values()
        return [pod for pod in pods if pod["metadata"]["labels"].get(label) == service]

    def finish_jobs(self, condition: str = "Complete") -> None:
        self.jobs = condition
        for job in self.of("Job").values():
            self._run_job(job)

    # Verbs.

    def _get(self, words: tuple[str, ...], _stdin: str) -> str:
        if "--raw" in words:
            return "{}"
        options = _options(words)
        found = [item for item in self._named(words) if _selects(options.get("selector"), item)]
        fields = options.get("field-selector", "")
        if "involvedObject.name" in fields:
            wanted = dict(pair.split("=") for pair in fields.split(","))
            found = [each for each in found if _is_about(each, wanted)]
        if not found:
            return ""
        return json.dumps({"kind": "List", "items": found})

    def _named(self, words: tuple[str, ...]) -> list[Object]:
        plain = list(_positional(words))
        if len(plain) == 2 and "/" not in plain[0]:
            plain = ["/".join(plain)]
        found = []
        for word in plain:
            kinds, _, name = word.partition("/")
            for kind in kinds.split(","):
                wanted = _kind(kind)
                found += [
                    item
                    for (each, known), item in self.objects.items()
                    if each == wanted and name in {"", known}
                ]
        return found

    def _apply(self, words: tuple[str, ...], stdin: str) -> str:
        dry_run = "--dry-run=server" in words
        items = json.loads(stdin)["items"]
        return json.dumps(
            {"kind": "List", "items": [self._apply_one(item, dry_run=dry_run) for item in items]}
        )

    def _apply_one(self, item: Object, *, dry_run: bool) -> Object:
        key = item["kind"], item["metadata"]["name"]
        live = self.objects.get(key)
        merged = _merge(live, self._applied.get(key), item)
        if live is None:
            merged["metadata"] |= {"uid": f"uid-{next(self._count)}", "generation": 1}
            merged["metadata"]["resourceVersion"] = str(next(self._count))
        elif merged != live:
            merged["metadata"]["resourceVersion"] = str(next(self._count))
            if merged.get("spec") != live.get("spec"):
                merged["metadata"]["generation"] = live["metadata"].get("generation", 1) + 1
        if dry_run:
            return merged
        if merged != live:
            self._change(f"apply {key[0]} {key[1]}")
        self.objects[key] = merged
        self._applied[key] = copy.deepcopy(item)
        self.reconcile(merged)
        return copy.deepcopy(self.objects[key])

    def _change(self, what: str) -> None:
        self.changes.append(what)
        if self.killed_at is not None and len(self.changes) > self.killed_at:
            self.changes.pop()
            raise Killed

    def _delete(self, words: tuple[str, ...], _stdin: str) -> str:
        for item in self._named(words):
            key = item["kind"], item["metadata"]["name"]
            if key in self.objects and key[1] not in self.keep:
                self._change(f"delete {key[0]} {key[1]}")
                self._remove(key, orphan="--cascade=orphan" in words)
                if key[0] == "Pod":
                    self._replace(item)
        return ""

    def _replace(self, pod: Object) -> None:
        """Its workload makes another one."""
        for kind in ("Deployment", "StatefulSet"):
            for workload in self.of(kind).values():
                selected = (
                    workload["spec"]
                    .get("selector", {"matchLabels": {"no": ""}})["matchLabels"]
                    .items()
                )
                if selected <= pod["metadata"]["labels"].items():
                    self.reconcile(workload)

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

    def _logs(self, words: tuple[str, ...], _stdin: str) -> str:
        if "--prefix" not in words:
            ended = self.exits.get(_positional(words)[0])
            return self.log if ended is None else ended.stdout
        options = _options(words)
        chosen = [pod for pod in self.of("Pod").values() if _selects(options.get("selector"), pod)]
        if "selector" not in options:
            name = _positional(words)[0]
            chosen = [pod for pod in chosen if pod["metadata"]["name"] == name]
        return "".join(
            f"[pod/{pod['metadata']['name']}/main] {STARTED[:-1]}.{number:09d}Z {line}\n"
            for pod in chosen
            for number, line in enumerate(self.log.split("\n"))
        )

    def _exec(self, words: tuple[str, ...], stdin: str) -> str:
        pod = self.objects["Pod", _positional(words)[0]]
        service = pod["metadata"]["labels"]["app.kubernetes.io/name"]
        self.told.append(f"{service}: {stdin}")
        if found := re.fullmatch(r"alter role (\w+) password '(.+)';", stdin):
            self.verifiers[service] = found[2]
        return f"{self.verifiers.get(service, '')}\n" if stdin.startswith("select") else ""

    def _restart(self, words: tuple[str, ...], _stdin: str) -> str:
        (item,) = self._named(words[1:])
        self._change(f"restart {item['kind']} {item['metadata']['name']}")
        meta = item["spec"]["template"]["metadata"]
        meta.setdefault("annotations", {})["restartedAt"] = str(next(self._count))
        self.reconcile(item)
        return ""

    def _annotate(self, words: tuple[str, ...], _stdin: str) -> str:
        (item,) = self._named(words[:1])
        self._change(f"annotate {item['kind']} {item['metadata']['name']} {words[1]}")
        key, _, value = words[1].partition("=")
        item["metadata"].setdefault("annotations", {})[key] = value
        return ""

    def _review(self, words: tuple[str, ...], stdin: str) -> str:
        asked = json.loads(stdin)
        if asked["kind"] == "SelfSubjectRulesReview":
            every = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
            return json.dumps({"status": {"resourceRules": [every]}})
        return "\n".join(
            json.dumps({**each, "status": {"allowed": True}}) for each in asked["items"]
        )

    # Controllers.

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
            item["status"] = {"readyInstances": item["spec"].get("instances", 1)}
        elif ended := self.exits.get(item["metadata"]["name"]):
            code = {"state": {"terminated": {"exitCode": ended.returncode}}}
            phase = "Failed" if ended.returncode else "Succeeded"
            item["status"] = {"phase": phase, "containerStatuses": [code]}

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
        ready = self._make_pods(item, newest, digest, wanted)
        for old in sets:
            if old is not newest and (ready == wanted or not _ready_pods(self, old)):
                self._delete_pods(old)
        for each in (*sets, newest):
            each["status"] = {"readyReplicas": len(_ready_pods(self, each))}
        old_pods = sum(len(_ready_pods(self, each)) for each in sets if each is not newest)
        conditions = []
        if name in self.refused:
            conditions = [
                {"type": "ReplicaFailure", "status": "True", "message": self.refused[name]}
            ]
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

    def _make_pods(self, workload: Object, owner: Object, digest: str, wanted: int) -> int:
        """Make its pods and return how many are ready."""
        name, template = workload["metadata"]["name"], workload["spec"]["template"]
        if name in self.refused:
            return 0
        stateful = workload["kind"] == "StatefulSet"
        names = [f"{name}-{n}" if stateful else f"{name}-{digest}-{n}" for n in range(wanted)]
        for pod in self.of("Pod").values():
            if _is_owned(pod, owner) and pod["metadata"]["name"] not in names:
                self._remove(("Pod", pod["metadata"]["name"]))
        ready = 0
        for pod_name in names:
            pod = self.objects.get(("Pod", pod_name)) or self._own("Pod", pod_name, owner, digest)
            label = "controller-revision-hash" if stateful else "pod-template-hash"
            pod["metadata"]["labels"] = {**template["metadata"]["labels"], label: digest}
            pod["spec"] = copy.deepcopy(template["spec"])
            fault = self._fault(name, template)
            pod["status"] = _pod_status(fault, pod["spec"]["containers"][0])
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
        pod["status"] = _pod_status(fault, pod["spec"]["containers"][0])
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
            if _is_owned(pod, owner):
                self._remove(("Pod", pod["metadata"]["name"]))


class Killed(RuntimeProblem):
    """The caller of the cluster was killed."""

    def __init__(self) -> None:
        super().__init__("killed")


def _merge(live: Object | None, before: Object | None, wanted: Object) -> Object:
    """What server-side apply makes of an object: fields of others stay, ours that are gone go."""
    if live is None:
        return copy.deepcopy(wanted)
    merged = copy.deepcopy(live)
    _lay(merged, before or {}, wanted)
    return merged


def _lay(live: Object, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key in before.keys() - wanted.keys():
        live.pop(key, None)
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(live.get(key), dict):
            old = before.get(key)
            _lay(live[key], old if isinstance(old, dict) else {}, value)
        else:
            live[key] = copy.deepcopy(value)


def _pod_status(fault: Object | None, container: Object) -> Object:
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


def _without_connection(argv: Sequence[str]) -> tuple[str, ...]:
    assert argv[0] == "kubectl"
    words, skip = [], False
    for word in argv[1:]:
        if skip or word.startswith("--request-timeout"):
            skip = False
            continue
        skip = word in {"--context", "--namespace", "--kubeconfig"}
        if not skip:
            words.append(word)
    return tuple(words)


def _options(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word, after in itertools.zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found[name] = value if equals else after
    return found


def _positional(words: Sequence[str]) -> list[str]:
    valued = {"--selector", "--field-selector", "--output", "-f", "--container"}
    found = []
    for word, before in zip(words, ("", *words), strict=False):
        if word == "--":
            break
        if not word.startswith("-") and before not in valued:
            found.append(word)
    return found


def _kind(word: str) -> str:
    name = word.partition(".")[0].lower()
    for ending, singular in _ENDINGS.items():
        if name not in _KINDS and name.endswith(ending):
            name = name.removesuffix(ending) + singular
    return _KINDS[name]


def _plural(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}{'es' if kind[-1] == 's' else 's'}"


def _selects(selector: str | None, item: Object) -> bool:
    labels = item["metadata"].get("labels") or {}
    for part in re.split(r",(?![^(]*\))", selector) if selector else ():
        if found := re.fullmatch(r"(\S+) in \((.*)\)", part):
            if labels.get(found[1]) not in found[2].split(","):
                return False
        elif labels.get(part.partition("=")[0]) != part.partition("=")[2]:
            return False
    return True


def _is_about(event: Object, wanted: Mapping[str, str]) -> bool:
    same = event["involvedObject"]["name"] == wanted["involvedObject.name"]
    return bool(same) and event["reason"] == wanted.get("reason", event["reason"])


def _is_owned(item: Object, owner: Object) -> bool:
    owners = item["metadata"].get("ownerReferences") or ()
    return owner["metadata"]["uid"] in {each["uid"] for each in owners}


def _ready_pods(cluster: FakeCluster, owner: Object) -> list[Object]:
    return [
        pod
        for pod in cluster.of("Pod").values()
        if _is_owned(pod, owner) and pod["status"]["conditions"][0]["status"] == "True"
    ]


def _revision(item: Object) -> int:
    return int(item["metadata"]["annotations"][_REVISION])


def _digest(template: Object) -> str:
    labels = {**template["metadata"]["labels"]}
    labels.pop("pod-template-hash", None)
    plain = {**template, "metadata": {**template["metadata"], "labels": labels}}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
