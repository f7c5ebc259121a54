"""The passwords of the databases: allowed in a URL, and the ones that PostgreSQL has.

Compose and Kubernetes insert LITELLM_POSTGRES_PASSWORD into DATABASE_URL unescaped. The image sets
a password only when it creates a volume, so a later one is set here. Must not know the compose
file.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.runtimes.database_shell import DatabaseName
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.scram import is_verifier_of, make_verifier
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset

NAME: Final = "LITELLM_POSTGRES_PASSWORD"
RULE: Final = (
    "may contain only letters, digits and -._~: it becomes part of the URL of LiteLLM's database"
)
# RFC 3986 section 2.3: only these need no escaping anywhere in a URL.
_SAFE: Final = re.compile(r"[A-Za-z0-9\-._~]+")


def is_allowed(password: Secret) -> bool:
    """True if the password needs no escaping in a URL."""
    return _SAFE.fullmatch(password.reveal()) is not None


def check(settings: Settings) -> None:
    """Raise SettingsInvalid with the variable and where it is set, never its value.

    A database that others run has a URL of its own.
    """
    password = settings.secrets.litellm_postgres_password
    if settings.services.postgres is not None or password is None or is_allowed(password):
        return
    source = settings.source_of(NAME)
    problem = Problem(source=str(source), message=f"{NAME} {RULE}")
    raise SettingsInvalid(
        problems=(problem,),
        hint=f"{advise_unset(NAME)} Without one in .env, `gatewayctl up` generates it."
        if source.is_environment
        else f"Choose another {NAME}, or delete its line: `gatewayctl up` generates one.",
    )


def password_of(settings: Settings, database: DatabaseName) -> Secret | None:
    """The password that .env has for the owner of a database."""
    secrets = settings.secrets
    if database == "litellm":
        return secrets.litellm_postgres_password
    return secrets.phoenix_postgres_password


def set_password(docker: DockerCli, container: str, owner: str, password: Secret) -> bool:
    """Give the owner of a database this password; False if it has it. Raises RuntimeProblem."""
    stored = docker.ask_database(
        container, owner, "select rolpassword from pg_authid where rolname = current_user;"
    )
    if stored and is_verifier_of(stored[0], password.reveal()):
        return False
    verifier = make_verifier(password.reveal())
    docker.ask_database(container, owner, f"alter role {owner} password '{verifier}';")
    return True
