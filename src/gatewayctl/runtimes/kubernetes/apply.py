"""Applying the objects of a project, and removing those that it does not declare any more.

Owns whose an object is: what exists without the labels of this project is never changed. Must not
know in which order a start applies things, nor what the objects are for.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.errors import ProjectNameTaken
from gatewayctl.rendering.kubernetes.labels import MANAGED_BY, SECRET_VERSION
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object, resource
from gatewayctl.runtimes.kubernetes.objects import (
    describe,
    has_labels,
    identity,
    pod_template,
)

_CLUSTER: Final = "Cluster"
_HIBERNATION: Final = "cnpg.io/hibernation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What exists in the cluster of what is declared, by kind and name, before a start."""

    objects: Mapping[tuple[str, str], Object] = field(default_factory=lambda: MappingProxyType({}))

    def like(self, item: Object) -> Object | None:
        return self.objects.get(identity(item))


def find_existing(kubectl: Kubectl, declared: Sequence[Object]) -> Found:
    """Read which of these objects exist already."""
    names = tuple(f"{resource(item)}/{item['metadata']['name']}" for item in declared)
    found = kubectl.get(*names) if names else ()
    return Found(objects=MappingProxyType({identity(item): item for item in found}))


def require_own(found: Found, labels: Mapping[str, str], *, namespace: str) -> None:
    """Refuse objects of others with the name of one of ours. Raises ProjectNameTaken."""
    foreign = [item for item in found.objects.values() if not has_labels(item, labels)]
    if not foreign:
        return
    names = ", ".join(map(describe, foreign))
    who = (foreign[0]["metadata"].get("labels") or {}).get(MANAGED_BY)
    by = f" (managed by {who})" if who else ""
    raise ProjectNameTaken(
        f"The namespace {namespace} has objects of others with names that this project uses:"
        f" {names}{by}. Nothing was changed.",
        hint="Choose another kubernetes.namespace in gateway.yaml, or remove those objects.",
    )


def with_secret_versions(item: Object, secrets: Mapping[str, Object]) -> Object:
    """A workload whose pods restart when a Secret changes that they read.

    ``secrets`` are the applied ones by name. A database reads its password only once, when its
    volume is empty, and is not restarted.
    """
    item = copy.deepcopy(item)
    if item["kind"] == _CLUSTER:
        item["metadata"].setdefault("annotations", {})[_HIBERNATION] = "off"
    if item["kind"] != "Deployment":
        return item
    template = pod_template(item)
    if version := secret_version(item, secrets):
        template["metadata"].setdefault("annotations", {})[SECRET_VERSION] = version
    return item


def secret_version(item: Object, secrets: Mapping[str, Object]) -> str:
    """The versions of the Secrets that the pods of an object read; empty if they read none."""
    read = sorted(secret_names(pod_template(item)) & secrets.keys())
    return ",".join(_version(secrets[name]) for name in read)


def with_current_scale(item: Object, live: Object | None) -> Object:
    """A Deployment whose number of pods others decide, with as many as it has now.

    Without it the API server would go back to one.
    """
    if item["kind"] != "Deployment" or live is None or "replicas" in item["spec"]:
        return item
    return {**item, "spec": {**item["spec"], "replicas": live["spec"].get("replicas", 1)}}


def is_in_order(item: Object, live: Object | None) -> bool:
    """True if the variables of a Deployment keep their order when they are applied over ``live``.

    Server-side apply appends what is new, and a variable may only refer to those before it.
    """
    if live is None or item["kind"] != "Deployment":
        return True
    before = {each["name"]: _variables(each) for each in pod_template(live)["spec"]["containers"]}
    for container in pod_template(item)["spec"]["containers"]:
        wanted, old = _variables(container), before.get(container["name"], [])
        kept = [name for name in old if name in wanted]
        if [*kept, *(name for name in wanted if name not in old)] != wanted:
            return False
    return True


def without_lists(item: Object) -> Object:
    """A Deployment that rolls nothing out, without what is merged by name: variables and mounts.

    Applied first, it lets the real one be stored exactly as it is written. All else stays: of a
    probe that goes the server would keep its own defaults, which is no probe.
    """
    item = copy.deepcopy(item)
    item["spec"]["paused"] = True
    spec = pod_template(item)["spec"]
    spec.pop("volumes", None)
    for container in spec["containers"]:
        container.pop("env", None)
        container.pop("volumeMounts", None)
    return item


def _variables(container: Mapping[str, Any]) -> list[str]:
    return [each["name"] for each in container.get("env") or ()]


def secret_names(template: Object) -> frozenset[str]:
    """The Secrets that the containers of a pod template read, as variables or as files."""
    volumes = template["spec"].get("volumes") or ()
    found = {(each.get("secret") or {}).get("secretName", "") for each in volumes}
    for container in template["spec"]["containers"]:
        for each in container.get("env") or ():
            reference = (each.get("valueFrom") or {}).get("secretKeyRef")
            found.add((reference or {}).get("name", ""))
        for each in container.get("envFrom") or ():
            found.add((each.get("secretRef") or {}).get("name", ""))
    return frozenset(found - {""})


def _version(secret: Object) -> str:
    """Another one after every change of its content, and after it was recreated."""
    meta = secret["metadata"]
    return f"{meta.get('uid', '')}-{meta.get('resourceVersion', '')}"


def find_undeclared(
    live: Iterable[Object], declared: Iterable[Object], labels: Mapping[str, str]
) -> tuple[Object, ...]:
    """Our own objects that are not declared any more, without those that others own."""
    wanted = {identity(item) for item in declared}
    return tuple(
        item
        for item in live
        if has_labels(item, labels)
        and not item["metadata"].get("ownerReferences")
        and identity(item) not in wanted
    )
