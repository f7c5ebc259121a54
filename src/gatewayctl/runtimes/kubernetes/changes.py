"""What a start would do to each service: the objects as they are, and as they would be.

Owns the names of what differs. Must never return a value: environments hold secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gatewayctl.rendering.kubernetes.labels import SECRET_VERSION
from gatewayctl.runtimes.kubernetes.apply import Found, secret_names
from gatewayctl.runtimes.kubernetes.kubectl import Object
from gatewayctl.runtimes.kubernetes.objects import (
    CONFIG,
    WORKLOADS,
    config_names,
    pod_template,
    service_of,
)
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import CLUSTER, Snapshot
from gatewayctl.runtimes.kubernetes.secrets import changed_keys
from gatewayctl.runtimes.service_change import ServiceAction, ServiceChange

_LITELLM: Final = "litellm"
_WORDS: Final[Mapping[str, str]] = {
    "HorizontalPodAutoscaler": "autoscaling",
    "PodDisruptionBudget": "disruption budget",
    "NetworkPolicy": "network policies",
    "Ingress": "ingress",
    "HTTPRoute": "ingress",
    "ServiceAccount": "service account",
    "Namespace": "namespace",
    "Service": "ports",
    CLUSTER: "database cluster",
}
_FIELDS: Final[Mapping[str, str]] = {
    "args": "command",
    "livenessProbe": "probes",
    "readinessProbe": "probes",
    "startupProbe": "probes",
    "lifecycle": "probes",
    "volumeMounts": "mounts",
    "volumes": "mounts",
}
# What the server keeps of an object beside what is declared.
_SERVER_FIELDS: Final = frozenset(
    {"managedFields", "generation", "resourceVersion", "uid", "creationTimestamp", "selfLink"}
)


def compare(
    wanted: Sequence[Object],
    found: Found,
    snapshot: Snapshot,
    secrets: Sequence[Object],
    names: Sequence[str],
) -> tuple[ServiceChange, ...]:
    """The change of each of ``names``, in their order.

    ``wanted`` is what the server would have after a start, ``secrets`` are those of the current
    settings.
    """
    reasons: dict[str, list[str]] = {}
    rolled: dict[str, ServiceAction] = {}
    for item in wanted:
        service = service_of(item) if service_of(item) in names else _LITELLM
        live = found.like(item)
        if item["kind"] in WORKLOADS:
            why = [] if live is None else list(_workload_reasons(live, item))
            why += _secret_reasons(item, found, secrets)
            if any(not each.startswith("replicas") for each in why):
                rolled[service] = _action(item)
            reasons.setdefault(service, []).extend(why)
        elif item["kind"] in _WORDS and (live is None or _differs(live, item)):
            reasons.setdefault(service, []).append(f"{_WORDS[item['kind']]} changed")
    return tuple(_describe(name, snapshot, reasons, rolled) for name in names)


def _describe(
    name: str,
    snapshot: Snapshot,
    reasons: Mapping[str, Sequence[str]],
    rolled: Mapping[str, ServiceAction],
) -> ServiceChange:
    why = tuple(dict.fromkeys(reasons.get(name, ())))
    if not snapshot.pods_of(name):
        return ServiceChange(service=name, action="start")
    if not why:
        return ServiceChange(service=name, action="untouched")
    return ServiceChange(service=name, action=rolled.get(name, "update"), why=why)


def _action(workload: Object) -> ServiceAction:
    """How its pods are replaced: one after the other, or with an interruption."""
    strategy = (workload["spec"].get("strategy") or {}).get("type")
    return "roll_out" if strategy == "RollingUpdate" else "recreate"


def _workload_reasons(live: Object, wanted: Object) -> Iterator[str]:
    old, new = live["spec"].get("replicas"), wanted["spec"].get("replicas")
    if old != new:
        yield f"replicas {old} → {new}"
    yield from template_reasons(pod_template(live), pod_template(wanted))


def template_reasons(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two templates of pods, in words."""
    old, new = live["spec"], wanted["spec"]
    before = {each["name"]: each for each in old["containers"]}
    after = {each["name"]: each for each in new["containers"]}
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"container {name} changed"
        else:
            yield from _container_reasons(before[name], after[name])
    if config_names(live) != config_names(wanted):
        yield "configuration changed"
    for key in _differing(old, new, without=("containers", "volumes")):
        yield f"{key} changed"
    if _other_volumes(old) != _other_volumes(new):
        yield "mounts changed"
    for key in _differing(_annotations(live), _annotations(wanted), without=(SECRET_VERSION,)):
        yield f"annotation {key} changed"


def _container_reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("image") != new.get("image"):
        yield "image changed"
    before = {each["name"]: each for each in old.get("env") or ()}
    after = {each["name"]: each for each in new.get("env") or ()}
    yield from (f"environment {name} changed" for name in _differing(before, after))
    for key in _differing(old, new, without=("image", "env", "name")):
        yield f"{_FIELDS.get(key, key)} changed"


def _secret_reasons(workload: Object, found: Found, secrets: Sequence[Object]) -> list[str]:
    """The variables whose values differ from those in the cluster; a database reads them once."""
    if workload["kind"] == "StatefulSet":
        return []
    read = secret_names(pod_template(workload))
    return [
        f"secret {key} changed"
        for secret in secrets
        if secret["metadata"]["name"] in read
        for key in changed_keys(found.like(secret), secret)
    ]


def _other_volumes(spec: Mapping[str, Any]) -> list[Any]:
    return [
        each
        for each in spec.get("volumes") or ()
        if not str((each.get("configMap") or {}).get("name", "")).startswith(CONFIG)
    ]


def _annotations(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return (template.get("metadata") or {}).get("annotations") or {}


def _differs(live: Object, wanted: Object) -> bool:
    return bool(_differing(_strip(live), _strip(wanted)))


def _strip(item: Object) -> dict[str, Any]:
    rest = {key: value for key, value in item.items() if key not in {"metadata", "status"}}
    meta = {k: v for k, v in item["metadata"].items() if k not in _SERVER_FIELDS}
    return {**rest, "metadata": meta}


def _differing(
    old: Mapping[str, Any], new: Mapping[str, Any], *, without: Sequence[str] = ()
) -> tuple[str, ...]:
    keys = sorted((old.keys() | new.keys()).difference(without))
    return tuple(key for key in keys if old.get(key) != new.get(key))
