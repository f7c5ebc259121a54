"""The parts of objects that several templates share, as data.

Owns the metadata, the security of pods (the restricted level of Pod Security Standards wherever
the image allows it) and the commands that run in containers. Must not know YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gatewayctl.rendering.kubernetes import labels
from gatewayctl.rendering.kubernetes.services import BUSY_SECONDS, MIGRATION, longest_request
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.model import Settings

_USERS: Final = {
    "litellm": 65532,
    MIGRATION: 65532,
    "phoenix": 65532,
    "postgres-litellm": 999,
    "postgres-phoenix": 999,
    "redis": 999,
}
"""The users of the official images; LiteLLM's runs as root by default and needs none of it."""
_PROPAGATION: Final = 10
"""Seconds until every node and Ingress knows that a pod ends."""
_SPARE: Final = 20
"""Seconds between the last request and the end of the process."""
_STARTED: Final = (
    "import http.client, json, sys",
    "litellm = http.client.HTTPConnection('127.0.0.1', 4000, timeout=8)",
    "litellm.request('GET', '/health/readiness')",
    "answer = litellm.getresponse()",
    "sys.exit((answer.status, json.load(answer).get('db')) != (200, 'connected'))",
)
_DRAIN: Final = (
    "import http.client, os, time",
    "time.sleep({propagation})",
    "litellm = http.client.HTTPConnection('127.0.0.1', 4000, timeout={longest})",
    "token = os.environ['DRAIN_ENDPOINT_TOKEN']",
    "litellm.request('GET', '/health/drain', headers={{'X-Drain-Token': token}})",
    "litellm.getresponse().read()",
)


def metadata(
    settings: Settings,
    name: str,
    service: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The metadata of an object of a service, which has the object's name by default."""
    found = project_metadata(settings, name)
    found["labels"] = labels.service_labels(settings, service or name)
    return {**found, "annotations": dict(annotations)} if annotations else found


def project_metadata(settings: Settings, name: str) -> dict[str, Any]:
    """The metadata of an object of the whole project."""
    return {
        "name": name,
        "namespace": settings.kubernetes.namespace,
        "labels": labels.project_labels(settings),
    }


def pod(settings: Settings, service: str) -> dict[str, Any]:
    """The part of a pod's specification that does not depend on its containers."""
    return {
        "serviceAccountName": labels.service_account(settings),
        "automountServiceAccountToken": False,
        # Otherwise each Service sets variables in every pod, such as PHOENIX_PORT.
        "enableServiceLinks": False,
        "securityContext": _pod_security(_user(settings, service)),
    }


def container_security(*, read_only: bool) -> dict[str, Any]:
    """What the restricted level asks of a container."""
    found: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    return {**found, "readOnlyRootFilesystem": True} if read_only else found


def app_security(app: App) -> dict[str, Any]:
    """The same for an app: without a declared user it keeps what its image expects."""
    return container_security(read_only=False) if app.user else {"allowPrivilegeEscalation": False}


def pod_security_level(settings: Settings) -> str:
    """The level that the namespace can enforce."""
    return "restricted" if all(app.user for app in settings.apps) else "baseline"


def started_command() -> list[str]:
    """Succeeds once LiteLLM answers and has its database; the image has no curl and no wget."""
    return ["python3", "-ISc", "\n".join(_STARTED)]


def drain_command(settings: Settings) -> list[str]:
    """Wait until no more requests are sent here, then until those that run have ended."""
    longest = longest_request(settings)
    text = "\n".join(_DRAIN).format(propagation=_PROPAGATION, longest=longest)
    return ["python3", "-ISc", text]


def litellm_life(settings: Settings) -> dict[str, Any]:
    """The probes of LiteLLM's container, and how a pod of it ends."""
    return {
        "startupProbe": {
            "exec": {"command": started_command()},
            "periodSeconds": 5,
            "timeoutSeconds": 10,
            "failureThreshold": 120,
        },
        "readinessProbe": {
            "httpGet": {"path": "/health/readiness", "port": "http"},
            "periodSeconds": 5,
            "timeoutSeconds": BUSY_SECONDS,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": "/health/liveliness", "port": "http"},
            "periodSeconds": 20,
            "timeoutSeconds": BUSY_SECONDS,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"exec": {"command": drain_command(settings)}}},
        "terminationGracePeriodSeconds": grace_seconds(settings),
    }


def grace_seconds(settings: Settings) -> int:
    """How long a pod of LiteLLM may take to end."""
    return _PROPAGATION + longest_request(settings) + _SPARE


def _user(settings: Settings, service: str) -> int | None:
    declared = {app.name: app.user for app in settings.apps}
    return declared.get(service) if service in declared else _USERS[service]


def _pod_security(user: int | None) -> dict[str, Any]:
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    if user is None:
        return profile
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        **profile,
    }
