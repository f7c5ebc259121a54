"""Which services a project has in a cluster, and what follows from their number.

Must not know the objects that they are made of.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.settings.model import Model, Settings

MIGRATION: Final = "litellm-migrate"
BUSY_SECONDS: Final = 30
"""How long a pod of LiteLLM that has more calls than it can answer may be silent, to a probe too.

It stays in the Service: without it the others would have more, and in the end none would be left.
"""
_USUAL_SECONDS: Final = 600
_MOST_SECONDS: Final = 3600


def services_of(settings: Settings) -> tuple[str, ...]:
    """The services of the stack in dependency order, without apps and those that others run."""
    needed = {
        "postgres-litellm": settings.services.postgres is None,
        "postgres-phoenix": settings.tracing.own,
        "redis": settings.needs_redis_in("kubernetes"),
        "phoenix": settings.tracing.own,
        MIGRATION: True,
        "litellm": True,
    }
    return tuple(name for name in needed if needed[name])


def database_host(settings: Settings, database: str) -> str:
    """The Service of a database; that of CloudNativePG leads to the primary."""
    is_cluster = settings.kubernetes.postgres == "cloudnative-pg"
    return f"{database}-rw" if is_cluster else database


def longest_request(settings: Settings) -> int:
    """Seconds that a request may take, and a pod that ends therefore waits for."""
    longest = max(map(_seconds, settings.models), default=_USUAL_SECONDS)
    return min(max(longest, _USUAL_SECONDS), _MOST_SECONDS)


def _seconds(model: Model) -> int:
    return int(model.timeout) + 1 if model.timeout % 1 else int(model.timeout)


def processes(settings: Settings) -> int:
    """LiteLLM's processes while a change rolls out, which share the database's connections."""
    return settings.pod_workers * (settings.kubernetes.most_replicas + 1)
