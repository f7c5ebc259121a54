"""PostgreSQL's client programs for a server of others, in a pod of ours that has the login.

Owns that pod and its Secret: what they are, how long they live, and when they may be used. Only a
command that changes the project creates them; one that looks uses what there is. Must not know
which statements are sent.
"""

from __future__ import annotations

import base64
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gatewayctl.errors import GatewayctlError, ServiceFailed, SettingsProblem
from gatewayctl.rendering.kubernetes.labels import service_labels
from gatewayctl.rendering.kubernetes.mounts import MountedFile, mounted_files
from gatewayctl.runtimes.docker.database_shell import FILES
from gatewayctl.runtimes.external_database import ExternalShell, external_url
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.preflight import find_missing
from gatewayctl.runtimes.kubernetes.rights import Right
from gatewayctl.runtimes.kubernetes.rollouts.pods import parse_pod, parse_time
from gatewayctl.runtimes.kubernetes.rollouts.rollout import find_pod_fault
from gatewayctl.settings.declared.external_services import DatabaseUrl
from gatewayctl.settings.model import Settings

_CLIENT: Final = "database-client"
_LIFE: Final = timedelta(days=1)
"""It ends by itself then. What begins in its first half, such as a dump, has the other half."""
_READY_SECONDS: Final = 120.0
_IMAGE: Final = "gatewayctl.dev/image"
_EXEC: Final = Right(verb="create", resource="pods/exec")
_ROOT_KEY: Final = "root.crt"
_ROOT_FOLDER: Final = "/etc/database-client"
_ROOT_PARAMETER: Final = "sslrootcert"


def _now() -> datetime:
    return datetime.now(UTC)


def open_external(
    kubectl: Kubectl, settings: Settings, *, now: Callable[[], datetime] = _now
) -> ExternalShell | None:
    """LiteLLM's database if others run it, through programs in a pod of ours.

    Raises ExternalDatabaseUnusable if its URL is not set.
    """
    url = external_url(settings)
    if url is None:
        return None
    # For all programs of one command: the pod is not replaced between two of them for its age.
    moment = now()

    @contextmanager
    def connect(used: DatabaseUrl) -> Iterator[DatabaseUrl]:
        _ensure_client(kubectl, settings, used, moment)
        yield used

    def look(used: DatabaseUrl) -> str | None:
        return _find_obstacle(kubectl, settings, used, moment)

    def program(name: str) -> tuple[str, ...]:
        return kubectl.exec_argv(_CLIENT, _CLIENT, (name,))

    # kubectl itself needs its kubeconfig, and the programs of its login.
    base = dict(os.environ)
    return ExternalShell(url=url, program=program, base=base, connect=connect, look=look)


def _find_obstacle(
    kubectl: Kubectl, settings: Settings, url: DatabaseUrl, moment: datetime
) -> str | None:
    """Why the pod cannot be used as it is; None if it can. Changes nothing."""
    try:
        found = _read_client(kubectl)
        if not _is_usable(found, client_objects(settings, url), moment):
            return f"that needs a pod with its login in the namespace {kubectl.namespace}"
        if find_missing(kubectl, [_EXEC]):
            return "this user may not run programs in pods"
    except GatewayctlError as error:
        return " ".join(error.message.split())
    return None


def _ensure_client(
    kubectl: Kubectl, settings: Settings, url: DatabaseUrl, moment: datetime
) -> None:
    """Have the pod with PostgreSQL's client programs run; it ends by itself."""
    secret, pod = client_objects(settings, url)
    if _is_usable(_read_client(kubectl), (secret, pod), moment):
        return
    kubectl.delete([pod])
    kubectl.apply((secret, pod))
    done = kubectl.ask(
        "wait",
        f"pod/{_CLIENT}",
        "--for=condition=Ready",
        f"--timeout={_READY_SECONDS:g}s",
        timeout=_READY_SECONDS + 5,
    )
    if done.returncode:
        fault = find_pod_fault(kubectl, _CLIENT)
        raise ServiceFailed(
            f"The pod {_CLIENT}, which runs PostgreSQL's client programs, does not start:"
            f" {fault or done.stderr.strip()}",
            hint=f"See `{' '.join(kubectl.argv('describe', 'pod', _CLIENT))}`.",
        )


def _read_client(kubectl: Kubectl) -> Mapping[str, Object]:
    """The Secret and the pod that exist, by kind."""
    return {item["kind"]: item for item in kubectl.get(f"secret/{_CLIENT}", f"pod/{_CLIENT}")}


def _is_usable(
    found: Mapping[str, Object], wanted: tuple[Object, Object], moment: datetime
) -> bool:
    """True for a pod that is ready, has this login and these programs, and lives long enough.

    A pod keeps the login that it was started with, which may be of another database.
    """
    secret, pod = wanted
    if "Pod" not in found or found.get("Secret", {}).get("data") != secret["data"]:
        return False
    meta, there = found["Pod"]["metadata"], parse_pod(found["Pod"])
    # As it was asked for: what runs may have been changed by a webhook of the cluster.
    asked = (meta.get("annotations") or {}).get(_IMAGE)
    age = moment - (parse_time(meta.get("creationTimestamp")) or moment)
    same = asked == pod["metadata"]["annotations"][_IMAGE]
    return there.is_ready and not there.is_deleted and same and age < _LIFE / 2


def client_objects(settings: Settings, url: DatabaseUrl) -> tuple[Object, Object]:
    """The Secret with the login, and the pod with the client programs."""
    url, root = _fit_to_pod(settings, url)
    data = {key: value.encode() for key, value in url.environment().items()}
    volumes: list[dict[str, Any]] = []
    if root is not None:
        name, key = settings.kubernetes.secrets_from, root.key
        if name is None:
            # Not the Secret of LiteLLM's pods: that one is gone while the stack is stopped.
            name, key = _CLIENT, _ROOT_KEY
            data[key] = _read_root(root)
        items = [{"key": key, "path": _ROOT_KEY}]
        volumes.append({"name": "root", "secret": {"secretName": name, "items": items}})
    # The NetworkPolicies let the migration Job reach the database, and so this pod.
    labels = service_labels(settings, "litellm-migrate")
    meta = {"name": _CLIENT, "namespace": settings.kubernetes.namespace, "labels": labels}
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**meta, "annotations": {_IMAGE: settings.images.postgres}},
        "spec": _pod_spec(settings, volumes),
    }
    return secret, pod


def _pod_spec(settings: Settings, volumes: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = int(_LIFE.total_seconds())
    container = {
        "name": _CLIENT,
        "image": settings.images.postgres,
        "command": ["sleep", str(seconds)],
        "envFrom": [{"secretRef": {"name": _CLIENT}}],
        "volumeMounts": [
            {"name": each["name"], "mountPath": _ROOT_FOLDER, "readOnly": True} for each in volumes
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": seconds,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "imagePullSecrets": [{"name": name} for name in settings.kubernetes.image_pull_secrets],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }


def _fit_to_pod(settings: Settings, url: DatabaseUrl) -> tuple[DatabaseUrl, MountedFile | None]:
    """The URL as this pod can use it, and the certificate that it verifies the server with.

    The files that a URL names are those of LiteLLM's pods: of ``services.litellm.mounts`` the
    content is known here. Without it the connection is encrypted and not verified, as in Docker.
    """
    here = {name: text for name, text in url.parameters.items() if name not in FILES}
    wanted = posixpath.normpath(url.parameters.get(_ROOT_PARAMETER) or "/")
    mounted = mounted_files(settings)
    root = next((each for each in mounted if posixpath.normpath(each.target) == wanted), None)
    if root is not None:
        here[_ROOT_PARAMETER] = f"{_ROOT_FOLDER}/{_ROOT_KEY}"
    elif here.get("sslmode", "").startswith("verify-"):
        here["sslmode"] = "require"
    return replace(url, parameters=here), root


def _read_root(root: MountedFile) -> bytes:
    try:
        return root.source.read_bytes()
    except OSError as error:
        raise SettingsProblem(
            f"Cannot read {root.source} (services.litellm.mounts): {error.strerror}."
        ) from error
