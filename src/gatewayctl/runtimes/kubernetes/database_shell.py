"""PostgreSQL's client programs inside the pods of the databases.

Owns how they reach the server: over the socket of its pod, which needs no password, or, for a
server of others, from a pod of ours that has the login as variables. Must not know which
statements are sent.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.rendering.kubernetes.labels import NAME, service_labels
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, DatabaseName, clean_psql_errors
from gatewayctl.runtimes.docker.database_shell import OWNERS, SERVICES, ContainerShell
from gatewayctl.runtimes.external_database import ExternalShell, external_url
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, parse_pod
from gatewayctl.runtimes.kubernetes.rollouts.rollout import find_pod_fault
from gatewayctl.runtimes.scram import is_verifier_of, make_verifier
from gatewayctl.settings.declared.external_services import DatabaseUrl
from gatewayctl.settings.model import Secret, Settings

_CLUSTER_NAME: Final = "cnpg.io/cluster"
_ROLES: Final = ("cnpg.io/instanceRole", "role")
_SUPERUSER: Final = "postgres"
_MAINTENANCE: Final = "postgres"
"""The database in which others are created and dropped."""
_CLIENT: Final = "database-client"
_CLIENT_SECONDS: Final = 3600
_READY_SECONDS: Final = 120.0


def open_shell(
    kubectl: Kubectl,
    settings: Settings,
    database: DatabaseName,
    *,
    is_healthy: Callable[[], bool],
    start_server: Callable[[], None],
) -> ContainerShell:
    """The programs in the pod of one of our own servers."""
    service = SERVICES[database]
    clustered = settings.kubernetes.postgres == "cloudnative-pg"

    def exec_argv(words: tuple[str, ...]) -> tuple[str, ...]:
        pod = find_primary(kubectl, settings, service)
        if pod is None:
            raise RuntimeProblem(f"{service} is not running.")
        words = _as_superuser(words, OWNERS[database]) if clustered else words
        return kubectl.exec_argv(pod.name, pod.container, words)

    return ContainerShell(
        database=database, exec_argv=exec_argv, is_healthy=is_healthy, start_server=start_server
    )


def find_primary(kubectl: Kubectl, settings: Settings, service: str) -> Pod | None:
    """The pod of a database that takes writes; None if none is running."""
    if settings.kubernetes.postgres == "cloudnative-pg":
        selector = {_CLUSTER_NAME: service}
    else:
        selector = {NAME: service, **service_labels(settings, service)}
    found = map(parse_pod, kubectl.get("pods", selector=selector))
    running = [pod for pod in found if pod.phase == "Running" and not pod.is_deleted]
    primary = [pod for pod in running if _is_primary(pod)]
    return next(iter(primary), None)


def _is_primary(pod: Pod) -> bool:
    roles = {pod.labels[name] for name in _ROLES if name in pod.labels}
    return not roles or "primary" in roles


def _as_superuser(words: tuple[str, ...], owner: str) -> tuple[str, ...]:
    """The same for a server that lets only its superuser in over the socket."""
    login = f"--username={owner}"
    changed = tuple(f"--username={_SUPERUSER}" if word == login else word for word in words)
    return ("env", f"PGOPTIONS=-c role={owner}", *changed)


def ask_database(
    kubectl: Kubectl, settings: Settings, database: DatabaseName, sql: str
) -> tuple[str, ...]:
    """Run SQL as a superuser over the socket of a database's pod; return the rows."""
    clustered = settings.kubernetes.postgres == "cloudnative-pg"
    user = _SUPERUSER if clustered else OWNERS[database]
    pod = find_primary(kubectl, settings, SERVICES[database])
    if pod is None:
        raise RuntimeProblem(f"{SERVICES[database]} is not running.")
    login = ("psql", f"--username={user}", f"--dbname={_MAINTENANCE}", *PSQL_OPTIONS)
    done = kubectl.execute(pod.name, pod.container, login, stdin=sql)
    if done.returncode:
        raise RuntimeProblem(f"PostgreSQL refused: {clean_psql_errors(done.stderr)}")
    return tuple(done.stdout.splitlines())


def set_password(
    kubectl: Kubectl, settings: Settings, database: DatabaseName, password: Secret
) -> bool:
    """Give the owner of a database this password; False if it has it. Raises RuntimeProblem."""
    ask = partial(ask_database, kubectl, settings, database)
    stored = ask("select rolpassword from pg_authid where rolname = current_user;")
    if stored and is_verifier_of(stored[0], password.reveal()):
        return False
    verifier = make_verifier(password.reveal())
    ask(f"alter role {OWNERS[database]} password '{verifier}';")
    return True


def open_external(kubectl: Kubectl, settings: Settings) -> ExternalShell | None:
    """LiteLLM's database if others run it, through programs in a pod of ours.

    Raises ExternalDatabaseUnusable if its URL is not set.
    """
    url = external_url(settings)
    if url is None:
        return None

    @contextmanager
    def connect(used: DatabaseUrl) -> Iterator[DatabaseUrl]:
        _ensure_client(kubectl, settings, used)
        yield used

    def program(name: str) -> tuple[str, ...]:
        return kubectl.exec_argv(_CLIENT, _CLIENT, (name,))

    return ExternalShell(url=url, program=program, base=_own_environment(), connect=connect)


def _own_environment() -> dict[str, str]:
    """For kubectl itself, which needs its kubeconfig and the programs of its login."""
    import os

    return dict(os.environ)


def _ensure_client(kubectl: Kubectl, settings: Settings, url: DatabaseUrl) -> None:
    """Have the pod with PostgreSQL's client programs run; it ends by itself."""
    secret, pod = client_objects(settings, url)
    found = {item["kind"]: item for item in kubectl.get(f"secret/{_CLIENT}", f"pod/{_CLIENT}")}
    # A pod keeps the login that it was started with, which may be of another database.
    is_same = "Secret" in found and found["Secret"].get("data") == secret["data"]
    if is_same and "Pod" in found and parse_pod(found["Pod"]).is_ready:
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


def client_objects(settings: Settings, url: DatabaseUrl) -> tuple[Object, ...]:
    """The pod with the client programs, and the Secret with their login."""
    data = {
        key: base64.b64encode(value.encode()).decode() for key, value in url.environment().items()
    }
    # The NetworkPolicies let the migration Job reach the database, and so this pod.
    labels = service_labels(settings, "litellm-migrate")
    meta = {"name": _CLIENT, "namespace": settings.kubernetes.namespace, "labels": labels}
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}
    container = {
        "name": _CLIENT,
        "image": settings.images.postgres,
        "command": ["sleep", str(_CLIENT_SECONDS)],
        "envFrom": [{"secretRef": {"name": _CLIENT}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pull = [{"name": name} for name in settings.kubernetes.image_pull_secrets]
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": _CLIENT_SECONDS,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "imagePullSecrets": pull,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }
    return secret, pod
