"""What is checked before anything is applied: kubectl, cluster, permissions, namespace, ports.

So that nothing is half applied. Owns which permissions the runtime needs. Must not change anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from gatewayctl.errors import (
    ClusterForbidden,
    KubectlTooOld,
    NamespaceTerminating,
    RuntimeProblem,
)
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.rights import Right, forbidden
from gatewayctl.settings.declared.kubernetes import Kubernetes

NamespacePhase = Literal["active", "missing", "unknown"]
"""``unknown``: this user may not see namespaces, and others made it."""
_OLDEST: Final = (1, 20)
"""Of kubectl: server-side apply, and what it prints about conflicts."""
_SECONDS: Final = 10.0
_CHANGE: Final = ("get", "list", "create", "patch", "delete")
_READ: Final = ("get", "list")
_API: Final = "/apis/authorization.k8s.io/v1"


def require_kubectl(kubectl: Kubectl) -> None:
    """Raise KubectlMissing, and KubectlTooOld for one without what the runtime uses."""
    text = kubectl.call("version", "--client", "--output", "json", namespaced=False)
    version = str(json.loads(text)["clientVersion"]["gitVersion"])
    found = re.match(r"v(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < _OLDEST:
        raise KubectlTooOld(
            f"kubectl is version {version}, and {'.'.join(map(str, _OLDEST))} or newer is needed."
        )


def require_cluster(kubectl: Kubectl) -> None:
    """Raise what keeps the cluster from answering: network, certificate, or credentials."""
    kubectl.call("get", "--raw", "/version", timeout=_SECONDS, namespaced=False)


def require_namespace(kubectl: Kubectl) -> NamespacePhase:
    """The phase of the namespace. Raises NamespaceTerminating, and ClusterForbidden where it is
    missing and this user may not create it: an object is applied by patch, also a new one."""
    try:
        found = kubectl.get("namespace", kubectl.namespace)
    except ClusterForbidden:
        return "unknown"
    if not found:
        verbs = ("create", "patch")
        require_rights(
            kubectl, [Right(verb=v, resource="namespaces", cluster_wide=True) for v in verbs]
        )
        return "missing"
    phase = found[0].get("status", {}).get("phase")
    if phase == "Terminating" or found[0]["metadata"].get("deletionTimestamp"):
        raise NamespaceTerminating(
            f"The namespace {kubectl.namespace} is being deleted (context {kubectl.context})."
        )
    return "active"


def require_rights(kubectl: Kubectl, needed: Iterable[Right]) -> None:
    """Raise ClusterForbidden that names each permission which this user lacks."""
    if missing := find_missing(kubectl, tuple(needed)):
        raise forbidden(missing, context=kubectl.context, namespace=kubectl.namespace)


def find_missing(kubectl: Kubectl, needed: Sequence[Right]) -> tuple[Right, ...]:
    """The permissions that the cluster does not grant.

    One request lists the rules of RBAC. It can be incomplete, where a cloud decides, so that what
    is not in the list is asked for by name.
    """
    rules = _list_rules(kubectl)
    unsure = [right for right in needed if right.cluster_wide or not _is_granted(right, rules)]
    return _ask(kubectl, unsure) if unsure else ()


def rights_to_change(declared: Kubernetes) -> tuple[Right, ...]:
    """What `up` and every other verb that changes the stack needs, reading included.

    `down` deletes the pods of a Deployment one by one, and `upgrade` makes pods of its own.
    """
    own = [Right(verb=v, resource=r, group=g) for g, r in _own(declared) for v in _CHANGE]
    return (
        *own,
        *(Right(verb=verb, resource="persistentvolumeclaims") for verb in _READ),
        Right(verb="list", resource="events"),
        *(Right(verb=verb, resource="pods") for verb in (*_CHANGE, "watch")),
        *(Right(verb=v, resource="replicasets", group="apps") for v in (*_READ, "delete")),
        Right(verb="get", resource="pods/log"),
        Right(verb="create", resource="pods/exec"),
        *_rights_of_settings(declared),
    )


def require_rights_to_remove(kubectl: Kubectl, data: Iterable[tuple[str, str]]) -> None:
    """Raise ClusterForbidden unless this user may delete data: API group and resource of each."""
    require_rights(kubectl, [Right(verb="delete", resource=r, group=g) for g, r in data])


def _own(declared: Kubernetes) -> Iterator[tuple[str, str]]:
    """API group and resource of each object that is made."""
    yield from (("", name) for name in ("configmaps", "services", "serviceaccounts"))
    if declared.secrets_from is None:
        yield "", "secrets"
    yield "apps", "deployments"
    if declared.postgres == "statefulset":
        yield "apps", "statefulsets"
    else:
        yield "postgresql.cnpg.io", "clusters"
    yield "batch", "jobs"
    yield "policy", "poddisruptionbudgets"
    if declared.autoscaling is not None:
        yield "autoscaling", "horizontalpodautoscalers"
    if declared.network_policies:
        yield "networking.k8s.io", "networkpolicies"
    if declared.ingress is not None:
        is_route = declared.ingress.gateway is not None
        yield (
            ("gateway.networking.k8s.io", "httproutes")
            if is_route
            else ("networking.k8s.io", "ingresses")
        )


def _rights_of_settings(declared: Kubernetes) -> Iterator[Right]:
    if declared.secrets_from is not None:
        yield Right(verb="get", resource="secrets")
    if declared.postgres == "statefulset":
        # The earlier template of a StatefulSet, to which a failed rollout goes back.
        yield Right(verb="get", resource="controllerrevisions", group="apps")
    else:
        # What runs is read in one request, of every kind.
        yield from (Right(verb=verb, resource="statefulsets", group="apps") for verb in _READ)
    if declared.access == "port-forward":
        yield Right(verb="create", resource="pods/portforward")


def _list_rules(kubectl: Kubectl) -> Sequence[Mapping[str, Any]]:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": kubectl.namespace},
    }
    text = kubectl.call(
        *("create", "--raw", f"{_API}/selfsubjectrulesreviews", "-f", "-"),
        stdin=json.dumps(review),
        timeout=_SECONDS,
        namespaced=False,
    )
    return tuple(json.loads(text)["status"].get("resourceRules") or ())


def _is_granted(right: Right, rules: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        not rule.get("resourceNames")
        and not {"*", right.verb}.isdisjoint(rule.get("verbs") or ())
        and not {"*", right.group}.isdisjoint(rule.get("apiGroups") or ())
        and not {"*", right.resource, f"*/{right.resource.partition('/')[2] or '-'}"}.isdisjoint(
            rule.get("resources") or ()
        )
        for rule in rules
    )


def _ask(kubectl: Kubectl, rights: Sequence[Right]) -> tuple[Right, ...]:
    """Those that are refused, asked one by one in one run of kubectl."""
    reviews = [_review(right, kubectl.namespace) for right in rights]
    document = {"apiVersion": "v1", "kind": "List", "items": reviews}
    text = kubectl.call(
        *("create", "--validate=false", "--output", "json", "-f", "-"),
        stdin=json.dumps(document),
        timeout=_SECONDS,
        namespaced=False,
    )
    answered = list(_documents(text))
    if len(answered) != len(rights):
        raise RuntimeProblem(
            f"The cluster answered {len(answered)} of {len(rights)} questions about permissions."
        )
    pairs = zip(rights, answered, strict=True)
    return tuple(right for right, answer in pairs if not answer["status"].get("allowed"))


def _review(right: Right, namespace: str) -> dict[str, Any]:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        **({} if right.cluster_wide else {"namespace": namespace}),
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def _documents(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects that `kubectl create` prints one after another."""
    decoder, at = json.JSONDecoder(), 0
    while (start := text.find("{", at)) >= 0:
        found, at = decoder.raw_decode(text, start)
        yield from found["items"] if str(found.get("kind")).endswith("List") else (found,)
