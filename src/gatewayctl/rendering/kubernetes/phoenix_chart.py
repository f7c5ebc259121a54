"""Values for Phoenix's official Helm chart (phoenix-helm 12.0).

Owns the names of the chart's values. Never sees the value of a secret.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, Final

from gatewayctl.rendering.kubernetes.environment import phoenix_environment
from gatewayctl.rendering.kubernetes.resources import resources_for_chart
from gatewayctl.rendering.kubernetes.secrets import operator_secret, secret_name
from gatewayctl.rendering.kubernetes.services import database_host
from gatewayctl.settings.model import Settings
from gatewayctl.settings.sections.quantities import parse_quantity

SERVICE: Final = "phoenix-svc"
"""The Service that the chart makes of that name."""
PASSWORD: Final = "PHOENIX_POSTGRES_PASSWORD"  # noqa: S105
_USER: Final = 65532
_OF_CHART: Final = (
    *("PHOENIX_HOST", "PHOENIX_PORT", "PHOENIX_GRPC_PORT", "PHOENIX_TELEMETRY_ENABLED"),
    *("PHOENIX_ALLOW_EXTERNAL_RESOURCES", "PHOENIX_ENABLE_MCP_SERVER"),
)


def secret_and_key(settings: Settings) -> tuple[str, str]:
    """The Secret that must exist, and its key with the password of the database."""
    if settings.kubernetes.postgres == "cloudnative-pg":
        return operator_secret("postgres-phoenix"), "password"
    return secret_name(settings, "phoenix"), "POSTGRES_PASSWORD"


def phoenix_values(settings: Settings) -> dict[str, Any]:
    """The values of the chart."""
    kubernetes = settings.kubernetes
    name, key = secret_and_key(settings)
    reference = {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
    return {
        "fullnameOverride": "phoenix",
        "image": _image(settings.images.phoenix),
        # It migrates its database when it starts: never two at once.
        "deployment": {"strategy": {"type": "Recreate", "rollingUpdate": None}},
        "server": {
            "host": "0.0.0.0",  # noqa: S104
            "allowExternalResources": False,
            "telemetryEnabled": False,
            "enableMcpServer": False,
            "enableMcpCodeMode": False,
        },
        "service": {"type": "ClusterIP"},
        "postgresql": {"enabled": False},
        "database": {
            "postgres": {
                "host": database_host(settings, "postgres-phoenix"),
                "port": 5432,
                "db": "phoenix",
                "user": "phoenix_user",
            },
            # Phoenix shows how full it is.
            "allocatedStorageGiB": _gibibytes(kubernetes.storage.postgres_phoenix),
            # Phoenix reads it when its database is new, and 0 keeps all.
            "defaultRetentionPolicyDays": _days(settings.retention.traces),
        },
        "auth": {
            "enableAuth": False,
            "createSecret": False,
            "secret": [{"key": PASSWORD, **reference}],
        },
        "additionalEnv": _variables(settings),
        "ingress": _ingress(settings),
        "persistence": {"enabled": False},
        "serviceAccount": {
            "create": True,
            "imagePullSecrets": list(kubernetes.image_pull_secrets),
        },
        "securityContext": {
            "pod": {"enabled": True, "fsGroup": _USER, "runAsUser": _USER, "runAsGroup": _USER},
            "container": {"enabled": True, "readOnlyRootFilesystem": True},
        },
        "healthChecks": {
            "startupProbe": {
                "enabled": True,
                "periodSeconds": 5,
                "timeoutSeconds": 6,
                "failureThreshold": 120,
            },
            "readinessProbe": {"periodSeconds": 5, "timeoutSeconds": 6, "failureThreshold": 3},
            "livenessProbe": {"periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6},
        },
        "resources": resources_for_chart(settings, "phoenix"),
    }


def _days(period: timedelta | None) -> int:
    """Whole days, which is all that the chart takes: never fewer than declared."""
    return 0 if period is None else math.ceil(period / timedelta(days=1))


def _gibibytes(size: str) -> int:
    """Whole GiB of a volume, at least one: Phoenix refuses 0."""
    return max(1, int((parse_quantity(size) or 0) / 2**30))


def _ingress(settings: Settings) -> dict[str, Any]:
    ingress = settings.kubernetes.ingress
    # The chart has no HTTPRoute.
    if ingress is None or ingress.gateway or not ingress.phoenix_host:
        return {"enabled": False}
    found: dict[str, Any] = {
        "enabled": True,
        "host": ingress.phoenix_host,
        "annotations": dict(ingress.annotations),
    }
    if ingress.class_name:
        found["className"] = ingress.class_name
    if ingress.tls_secret:
        secret = {"secretName": ingress.tls_secret}
        found["tls"] = {"enabled": True, "certSource": "secret", "secret": secret}
    return found


def _image(name: str) -> dict[str, str]:
    """The parts of the name: the chart wants the registry apart."""
    plain, _, digest = name.partition("@")
    first, slash, rest = plain.partition("/")
    has_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if has_registry else ("docker.io", plain)
    repository, _, tag = path.rpartition(":") if ":" in path else (path, "", "")
    # The chart joins repository and tag with a colon.
    return {
        "registry": registry,
        "repository": f"{repository}@sha256" if digest else repository,
        "tag": digest.removeprefix("sha256:") if digest else tag,
    }


def _variables(settings: Settings) -> list[dict[str, Any]]:
    """Our variables that the chart has no value for."""
    found = phoenix_environment(settings)
    prefixes = ("PHOENIX_POSTGRES_",)
    return [
        variable
        for variable in found
        if variable["name"] not in _OF_CHART and not variable["name"].startswith(prefixes)
    ]
