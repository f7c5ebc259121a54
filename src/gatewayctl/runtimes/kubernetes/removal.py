"""Removing what a project has in a cluster: undeclared objects, a stopped stack, its data.

Owns which objects are ours to remove, and what of a namespace belongs to others. Must not know
why something is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gatewayctl.errors import ClusterForbidden, RuntimeProblem
from gatewayctl.runtimes.kubernetes.apply import find_undeclared
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import config_names, describe, has_labels, pod_template
from gatewayctl.runtimes.kubernetes.preflight import require_rights_to_remove
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import CLUSTER, CLUSTERS

_KINDS: Final = (
    "deployments.apps",
    "statefulsets.apps",
    "replicasets.apps",
    "jobs.batch",
    "pods",
    "services",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "networkpolicies.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "httproutes.gateway.networking.k8s.io",
)
VOLUMES: Final = "persistentvolumeclaims"
_OF_EVERY_NAMESPACE: Final = frozenset(
    {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
)
_AUTOMATIC: Final = frozenset({"Event", "Endpoints", "EndpointSlice", "Lease"})
_TOKEN: Final = "kubernetes.io/service-account-token"  # noqa: S105 - a type


def list_own(
    kubectl: Kubectl, labels: Mapping[str, str], versions: Iterable[str]
) -> tuple[Object, ...]:
    """Our objects in the namespace, without data and without what others made of them.

    ``versions`` are the API versions of the server.
    """
    groups = {version.rpartition("/")[0] for version in versions}
    kinds = [kind for kind in _KINDS if kind.partition(".")[2] in groups]
    return find_undeclared(_list_permitted(kubectl, kinds, labels), (), labels)


def _list_permitted(
    kubectl: Kubectl, kinds: Sequence[str], labels: Mapping[str, str]
) -> tuple[Object, ...]:
    """The objects of these kinds, without those that this user may not list: none are ours."""
    try:
        return kubectl.get(",".join(kinds), selector=labels)
    except ClusterForbidden:
        if len(kinds) == 1:
            return ()
        return tuple(item for kind in kinds for item in _list_permitted(kubectl, [kind], labels))


def prune(
    kubectl: Kubectl,
    labels: Mapping[str, str],
    declared: Sequence[Object],
    versions: Iterable[str],
    *,
    keep: Sequence[Object],
) -> tuple[Object, ...]:
    """Delete our objects that are not declared any more, and return them.

    A configuration stays that one of the ReplicaSets in ``keep`` refers to: a rollback needs it.
    """
    used = {name for each in keep for name in config_names(pod_template(each))}
    gone = tuple(
        item
        for item in find_undeclared(list_own(kubectl, labels, versions), declared, labels)
        if not (item["kind"] == "ConfigMap" and item["metadata"]["name"] in used)
    )
    kubectl.delete(gone)
    return gone


def hibernate(kubectl: Kubectl, labels: Mapping[str, str]) -> None:
    """Stop the databases that CloudNativePG runs: with a Cluster its volumes would be deleted."""
    for cluster in kubectl.get(CLUSTERS, selector=labels):
        name = f"{CLUSTERS}/{cluster['metadata']['name']}"
        kubectl.call("annotate", name, "cnpg.io/hibernation=on", "--overwrite")


def require_removable_data(kubectl: Kubectl, labels: Mapping[str, str], *, clusters: bool) -> None:
    """Raise ClusterForbidden if there is data that this user may not delete."""
    found = {item["kind"] for item in _list_data(kubectl, labels, clusters=clusters)}
    # A start deletes no volume, so that it does not ask for this.
    kinds = (CLUSTERS if kind == CLUSTER else VOLUMES for kind in sorted(found))
    if found:
        parts = (kind.partition(".") for kind in kinds)
        require_rights_to_remove(kubectl, [(group, name) for name, _, group in parts])


def remove_data(kubectl: Kubectl, labels: Mapping[str, str], *, clusters: bool) -> None:
    """Delete the volumes of the databases."""
    found = _list_data(kubectl, labels, clusters=clusters)
    kubectl.delete([item for item in found if item["kind"] == CLUSTER])
    kubectl.delete([item for item in found if item["kind"] != CLUSTER])


def _list_data(
    kubectl: Kubectl, labels: Mapping[str, str], *, clusters: bool
) -> tuple[Object, ...]:
    return kubectl.get(f"{CLUSTERS},{VOLUMES}" if clusters else VOLUMES, selector=labels)


def remove_namespace(kubectl: Kubectl, labels: Mapping[str, str]) -> str:
    """Delete our namespace, unless it may hold objects of others; returns why it stays."""
    try:
        found = kubectl.get(f"namespace/{kubectl.namespace}")
    except ClusterForbidden:
        return ""
    if not found or not has_labels(found[0], labels):
        return ""
    try:
        others = _list_foreign(kubectl, labels)
    except RuntimeProblem as error:
        # One API that does not answer, such as that of metrics, is enough.
        return f"what else it has cannot be read: {error.message}"
    if not others:
        try:
            kubectl.delete(found)
        except ClusterForbidden:
            return "this user may not delete it"
        return ""
    names = ", ".join(map(describe, others[:3]))
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f"it has {names}{more} of others"


def _list_foreign(kubectl: Kubectl, labels: Mapping[str, str]) -> tuple[Object, ...]:
    """What others have in the namespace; not what every namespace has, nor what follows from it."""
    kinds = kubectl.call("api-resources", "--namespaced", "--verbs=list,delete", "--output=name")
    found = kubectl.get(",".join(kinds.split()))
    return tuple(
        item
        for item in found
        if item["kind"] not in _AUTOMATIC
        and item.get("type") != _TOKEN
        and not item["metadata"].get("ownerReferences")
        and (item["kind"], item["metadata"]["name"]) not in _OF_EVERY_NAMESPACE
        and not has_labels(item, labels)
    )
