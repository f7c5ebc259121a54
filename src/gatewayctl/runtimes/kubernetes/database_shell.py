"""PostgreSQL's client programs inside the pods of the databases.

Owns how they reach the server: over the socket of its pod, which needs no password. Must not know
which statements are sent, nor how a server of others is reached (database_client).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.rendering.kubernetes.labels import NAME, service_labels
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, DatabaseName, clean_psql_errors
from gatewayctl.runtimes.docker.database_shell import OWNERS, SERVICES, ContainerShell
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, parse_pod
from gatewayctl.runtimes.scram import is_verifier_of, make_verifier
from gatewayctl.settings.model import Secret, Settings

_CLUSTER_NAME: Final = "cnpg.io/cluster"
_ROLES: Final = ("cnpg.io/instanceRole", "role")
_SUPERUSER: Final = "postgres"
_MAINTENANCE: Final = "postgres"
"""The database in which others are created and dropped."""


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
