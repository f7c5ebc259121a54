"""A cluster in memory behind kubectl: it stores objects, and makes pods of workloads at once."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.process import Completed
from tests.fakes.cluster_controllers import STARTED, Controllers, pod_status
from tests.fakes.cluster_words import (
    KINDS,
    Object,
    find_options,
    find_positional,
    is_about,
    kind_of,
    plural_of,
    selects,
    without_connection,
)

VERSIONS = (
    *("v1", "apps/v1", "batch/v1", "autoscaling/v2", "policy/v1"),
    *("networking.k8s.io/v1", "gateway.networking.k8s.io/v1", "postgresql.cnpg.io/v1"),
)


@dataclass(kw_only=True)
class FakeCluster(Controllers):
    """Satisfies ``kubectl.Run``.

    ``failing`` maps the words of a command to what it prints on stderr. ``calls`` are the command
    lines without their connection, ``changes`` those that changed something. ``log`` is that of
    every pod. ``killed_at``: the change at which the caller is killed. ``keep`` are the names of
    objects that are never gone.
    """

    versions: tuple[str, ...] = VERSIONS
    failing: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    log: str = "Traceback: it does not work"
    killed_at: int | None = None
    verifiers: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    keep: set[str] = field(default_factory=set)

    def kubectl(self, namespace: str = "shop") -> Kubectl:
        return Kubectl(context="test", namespace=namespace, run=self)

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float | None = None
    ) -> Completed:
        words = without_connection(argv)
        self.calls.append(words)
        for wanted, stderr in self.failing:
            if set(wanted) <= set(words):
                return Completed(returncode=1, stdout="", stderr=stderr)
        verb = {
            "get": self._get,
            "apply": self._apply,
            "delete": self._delete,
            "api-versions": lambda *_: "\n".join(self.versions),
            "api-resources": lambda *_: "\n".join(plural_of(kind) for kind in KINDS),
            "logs": self._logs,
            "exec": self._exec,
            "rollout": self._restart,
            "annotate": self._annotate,
            "version": lambda *_: json.dumps({"clientVersion": {"gitVersion": "v1.32.4"}}),
            "create": self._review,
            "wait": self._wait,
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
        options = find_options(words)
        found = [item for item in self._named(words) if selects(options.get("selector"), item)]
        fields = options.get("field-selector", "")
        if "involvedObject.name" in fields:
            wanted = dict(pair.split("=") for pair in fields.split(","))
            found = [each for each in found if is_about(each, wanted)]
        if not found:
            return ""
        return json.dumps({"kind": "List", "items": found})

    def _named(self, words: tuple[str, ...]) -> list[Object]:
        plain = list(find_positional(words))
        if len(plain) == 2 and "/" not in plain[0]:
            plain = ["/".join(plain)]
        found = []
        for word in plain:
            kinds, _, name = word.partition("/")
            for kind in kinds.split(","):
                wanted = kind_of(kind)
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

    def _logs(self, words: tuple[str, ...], _stdin: str) -> str:
        if "--prefix" not in words:
            ended = self.exits.get(find_positional(words)[0])
            return self.log if ended is None else ended.stdout
        options = find_options(words)
        chosen = [pod for pod in self.of("Pod").values() if selects(options.get("selector"), pod)]
        if "selector" not in options:
            name = find_positional(words)[0]
            chosen = [pod for pod in chosen if pod["metadata"]["name"] == name]
        lines = [
            f"{STARTED[:-1]}.{number:09d}Z {line}\n"
            for number, line in enumerate(self.log.split("\n"))
        ]
        tail = int(options.get("tail", "-1"))
        shown = lines if tail < 0 else lines[max(len(lines) - tail, 0) :]
        return "".join(
            f"[pod/{pod['metadata']['name']}/main] {line}" for pod in chosen for line in shown
        )

    def _exec(self, words: tuple[str, ...], stdin: str) -> str:
        pod = self.objects["Pod", find_positional(words)[0]]
        service = pod["metadata"]["labels"]["app.kubernetes.io/name"]
        self.told.append(f"{service}: {stdin}")
        if found := re.fullmatch(r"alter role (\w+) password '(.+)';", stdin):
            self.verifiers[service] = found[2]
        return f"{self.verifiers.get(service, '')}\n" if stdin.startswith("select") else ""

    def _wait(self, words: tuple[str, ...], _stdin: str) -> str:
        for pod in self._named(words):
            pod["status"] = pod_status(None, pod["spec"]["containers"][0])
        return ""

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
