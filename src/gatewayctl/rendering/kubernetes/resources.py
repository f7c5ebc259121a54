"""What each service requests of a node, and its limits.

No limit of CPU: a pod that is slowed down by one answers late, though the node is idle. Must not
know where the numbers are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gatewayctl.rendering.kubernetes.services import MIGRATION
from gatewayctl.rendering.sizes import sizes
from gatewayctl.settings.model import Profile, Settings

_REQUESTS: Final[Mapping[Profile, Mapping[str, tuple[str, str]]]] = {
    "development": {
        "litellm": ("100m", "512Mi"),
        "postgres-litellm": ("50m", "128Mi"),
        "postgres-phoenix": ("50m", "128Mi"),
        "phoenix": ("50m", "512Mi"),
        "redis": ("25m", "32Mi"),
    },
    "production": {
        "litellm": ("1", "1Gi"),
        "postgres-litellm": ("250m", "512Mi"),
        "postgres-phoenix": ("250m", "512Mi"),
        "phoenix": ("250m", "1Gi"),
        "redis": ("100m", "128Mi"),
    },
}
"""CPU and memory by profile."""
_MEMORY: Final = {
    "postgres-litellm": "1Gi",
    "postgres-phoenix": "1Gi",
    "phoenix": "2Gi",
    "redis": "512Mi",
}
"""Limits."""


def resources(settings: Settings, service: str) -> dict[str, dict[str, str]]:
    """The requests and limits of a service: what is declared replaces the default of that kind.

    A declared request of memory has no default limit beside it, which could be lower.
    """
    declared = settings.kubernetes.resources.get(service, {})
    usual = _usual(settings, service)
    given = {name for amounts in declared.values() for name in amounts}
    found = {
        kind: {
            **{name: value for name, value in usual[kind].items() if name not in given},
            **declared.get(kind, {}),
        }
        for kind in usual
    }
    return {kind: amounts for kind, amounts in found.items() if amounts}


def resources_for_chart(settings: Settings, service: str) -> dict[str, dict[str, str | None]]:
    """The same as values of a Helm chart, whose own amounts count unless they are taken out."""
    ours = resources(settings, service)
    of_chart = dict.fromkeys(("cpu", "memory"))
    return {kind: {**of_chart, **ours.get(kind, {})} for kind in ("requests", "limits")}


def _usual(settings: Settings, service: str) -> dict[str, dict[str, str]]:
    of_profile = _REQUESTS[settings.profile]
    cpu, memory = of_profile.get("litellm" if service == MIGRATION else service, ("50m", "64Mi"))
    requests = {"cpu": cpu, "memory": memory}
    if service in ("litellm", MIGRATION):
        return {
            "requests": requests,
            "limits": {"memory": f"{sizes(settings.pod_workers).litellm_memory}Mi"},
        }
    limit = _MEMORY.get(service)
    return {"requests": requests, "limits": {"memory": limit} if limit else {}}
