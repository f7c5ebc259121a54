"""The databases of a project in a cluster: what their templates need.

Must not know YAML.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gatewayctl.rendering.kubernetes.environment import postgres_environment
from gatewayctl.rendering.kubernetes.services import processes
from gatewayctl.rendering.sizes import sizes
from gatewayctl.settings.model import Images, Settings

_OPERATORS_IMAGE: Final = "ghcr.io/cloudnative-pg/postgresql"
"""The operator runs images with its own tools only."""
_CONNECTIONS: Final = 100


def databases(settings: Settings) -> dict[str, dict[str, Any]]:
    """The values of each database, by the name of its service."""
    kubernetes = settings.kubernetes
    connections = sizes(processes(settings)).max_connections
    return {
        "postgres-litellm": _database(
            settings, "postgres-litellm", kubernetes.storage.postgres_litellm, connections
        ),
        "postgres-phoenix": _database(
            settings, "postgres-phoenix", kubernetes.storage.postgres_phoenix, _CONNECTIONS
        ),
    }


def _database(settings: Settings, service: str, size: str, connections: int) -> dict[str, Any]:
    name = service.removeprefix("postgres-")
    return {
        "name": name,
        "user": f"{name}_user",
        "size": size,
        "connections": connections,
        "environment": postgres_environment(settings, service),
        "image": _operators_image(settings),
        # A second one takes over when a node fails.
        "instances": 2 if settings.profile == "production" else 1,
    }


def _operators_image(settings: Settings) -> str:
    """The declared image, or the operator's own of the same major version."""
    declared = settings.images.postgres
    if declared != settings.pulled_name(Images().postgres):
        return declared
    major = re.search(r":(\d+)", declared)
    return settings.pulled_name(f"{_OPERATORS_IMAGE}:{major[1] if major else 16}")
