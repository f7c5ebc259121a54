"""Permissions in a cluster: what RBAC calls verb, API group and resource, and the missing rule.

Owns how a missing permission is reported. Must not know which command needs which, nor how the
cluster is asked (preflight).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gatewayctl.errors import ClusterForbidden

_ADMINISTRATOR: Final = "Ask an administrator of the cluster for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One permission. ``resource`` may have a subresource (``pods/exec``).

    ``cluster_wide``: of an object without a namespace. ``user`` is whom it was refused, if known.
    """

    verb: str
    resource: str
    group: str = ""
    cluster_wide: bool = False
    user: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The resource as kubectl writes it: ``deployments.apps``."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


def forbidden(missing: Sequence[Right], *, context: str | None, namespace: str) -> ClusterForbidden:
    """The error that names each missing permission, with the rules to grant them as YAML."""
    who = next((right.user for right in missing if right.user), "")
    place = f"context {context or 'of the kubeconfig'}, namespace {namespace}"
    lines = [
        f"cannot {verbs} {name}{' in the whole cluster' if wide else f' in namespace {namespace}'}"
        for (name, wide), verbs in _by_resource(missing).items()
    ]
    listed = "\n".join(f"  {line}" for line in lines)
    subject = f"User {who}" if who else "This user"
    return ClusterForbidden(
        f"{subject} lacks permissions in the cluster ({place}):\n{listed}",
        hint=f"{_ADMINISTRATOR} these rules, in a Role"
        f"{' and a ClusterRole' if any(right.cluster_wide for right in missing) else ''}"
        f" bound to {who or 'this user'}:\n{render_rules(missing, namespace)}",
    )


def render_rules(missing: Sequence[Right], namespace: str) -> str:
    """The Role (and ClusterRole) that permits these, as YAML to apply."""
    documents = []
    for wide in (False, True):
        chosen = [right for right in missing if right.cluster_wide is wide]
        if chosen:
            documents.append(_render_role(chosen, None if wide else namespace))
    return "\n---\n".join(documents)


def _render_role(rights: Sequence[Right], namespace: str | None) -> str:
    kind = "ClusterRole" if namespace is None else "Role"
    head = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        f"kind: {kind}",
        "metadata:",
        "  name: gatewayctl",
        *([f"  namespace: {namespace}"] if namespace else []),
        "rules:",
    ]
    return "\n".join([*head, *_render_grouped(rights)])


def _render_grouped(rights: Sequence[Right]) -> list[str]:
    """A rule for each API group and set of verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), []).append(right.verb)
    rules: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        rules.setdefault((group, tuple(dict.fromkeys(allowed))), []).append(resource)
    return [
        line
        for (group, allowed), resources in rules.items()
        for line in (
            f'- apiGroups: ["{group}"]',
            f"  resources: [{_quote(resources)}]",
            f"  verbs: [{_quote(allowed)}]",
        )
    ]


def _quote(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _by_resource(missing: Sequence[Right]) -> dict[tuple[str, bool], str]:
    found: dict[tuple[str, bool], list[str]] = {}
    for right in missing:
        found.setdefault((right.name, right.cluster_wide), []).append(right.verb)
    return {key: ", ".join(dict.fromkeys(verbs)) for key, verbs in found.items()}
