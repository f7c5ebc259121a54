"""The cluster of the embedded PostgreSQL: its data folder, roles, databases and migrations.

Owns what is in the data folder. Must not know how the server process is started. Passwords reach
PostgreSQL as SCRAM verifiers, so no statement holds one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.errors import DatabasePasswordRefused, RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.database_shell import (
    DATABASES,
    PSQL_OPTIONS,
    DatabaseName,
    clean_psql_errors,
)
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres.addresses import database_host
from gatewayctl.runtimes.embedded.postgres.data_folder import create_cluster
from gatewayctl.runtimes.embedded.postgres.migrations import (
    DatabaseLogin,
    Login,
    Psql,
    apply_migrations,
)
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser
from gatewayctl.runtimes.embedded.services import LITELLM_USER, PHOENIX_USER, require_port
from gatewayctl.runtimes.process import Completed, run
from gatewayctl.runtimes.scram import make_verifier
from gatewayctl.settings.model import Settings

ADMIN: Final = "postgres"
_OWNERS: Final = {"litellm": LITELLM_USER, "phoenix": PHOENIX_USER}
_PASSWORDS: Final = {"litellm": "LITELLM_POSTGRES_PASSWORD", ADMIN: "POSTGRES_PASSWORD"}
_REFUSED: Final = "password authentication failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The cluster of one project, reached over loopback with the passwords of .env."""

    environment: Environment
    settings: Settings

    def create(self, layout: Layout, user: PostgresUser) -> bool:
        """Create the data folder if it is missing; True when created. Raises ServiceFailed."""
        return create_cluster(layout, user, lambda folder: self._init(folder, layout, user))

    def _init(self, folder: Path, layout: Layout, user: PostgresUser) -> None:
        argv = (
            *user.prefix, self.program("initdb"),
            "-D", str(folder), "-U", ADMIN, "-E", "UTF8", "--locale=C",
            "--auth=scram-sha-256", "--pwfile=/dev/stdin", "--no-instructions",
        )  # fmt: skip
        env = {"LC_ALL": "C", "PATH": os.defpath, "HOME": "/"}
        password = f"{self._password(ADMIN)}\n"
        done = run(argv, env=env, cwd=layout.postgres_home, stdin=password, timeout=120)
        if done.returncode != 0:
            raise ServiceFailed(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def wait(self, *, seconds: float, check_alive: Callable[[], None] = lambda: None) -> None:
        """Wait until the server takes connections; ``check_alive`` may raise to end the wait.

        Raises ServiceFailed when the time is up.
        """
        deadline = time.monotonic() + seconds
        argv = (
            self.program("pg_isready"), "-q",
            "-h", database_host(self.settings), "-p", str(self._port),
        )  # fmt: skip
        while run(argv, env={"LC_ALL": "C"}, timeout=10).returncode != 0:
            check_alive()
            if time.monotonic() > deadline:
                raise ServiceFailed(f"PostgreSQL takes no connections after {seconds:g} s.")
            time.sleep(0.05)

    def accepts_login(self, name: str) -> bool:
        """True when the owner of a database can log in with the password of .env."""
        return self._query("select 1", self.login(name)).returncode == 0

    def check_login(self, name: str) -> bool:
        """As accepts_login, but raises DatabasePasswordRefused for another password."""
        done = self._query("select 1", self.login(name))
        if _REFUSED in done.stderr:
            # prepare() sets the new one.
            raise self._password_refused(_PASSWORDS[name], "it was changed after the start")
        return done.returncode == 0

    def owner(self, name: str) -> str:
        """The role that owns a database."""
        return _OWNERS[name]

    def names(self) -> tuple[DatabaseName, ...]:
        """The databases of this server: not LiteLLM's if others run it, nor an unused Phoenix's."""
        needed = {
            "litellm": self.settings.services.postgres is None,
            "phoenix": self.settings.tracing.own,
        }
        return tuple(name for name in DATABASES if needed[name])

    def prepare(self) -> None:
        """Create or update roles, databases and LiteLLM's tables. Repeatable.

        Raises DatabasePasswordRefused when the data was created with other passwords.
        """
        existing = self._admin("select datname from pg_database").split()
        for name in self.names():
            # The administrator can set a password that changed in .env.
            if name not in existing or not self.accepts_login(name):
                self._create_database(name)
        if "litellm" in self.names():
            self.migrate(self.login("litellm"))

    def migrate(self, login: Login) -> None:
        """Update LiteLLM's tables in the database of a login. Raises MigrationFailed."""
        psql = Psql(program=Path(self.program("psql")), login=login)
        apply_migrations(psql, self.environment.migrations)

    def set_admin_password(self, layout: Layout, user: PostgresUser) -> None:
        """Give the administrator the password of .env, without the old one; the server is stopped.

        Raises ServiceFailed.
        """
        argv = (
            *user.prefix, self.program("postgres"),
            "--single", "-D", str(layout.postgres_data), "-c", "log_min_error_statement=panic",
            ADMIN,
        )  # fmt: skip
        sql = f"alter role {ADMIN} password '{make_verifier(self._password(ADMIN))}'\n"
        env = {"LC_ALL": "C", "PATH": os.defpath}
        done = run(argv, env=env, cwd=layout.postgres_home, stdin=sql, timeout=120)
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise ServiceFailed(f"PostgreSQL's password could not be set: {done.stderr.strip()}")

    def recreate(self, name: str) -> None:
        """Drop one database with everything in it, and create it without tables."""
        self._admin(f'drop database if exists "{name}" with (force)')
        self._create_database(name)

    def _create_database(self, name: str) -> None:
        """Create the role with its password, then the database it owns; update what exists."""
        owner, verifier = _OWNERS[name], make_verifier(self._password(name))
        known = self._admin(
            f"select 1 from pg_roles where rolname = '{owner}' union all "  # noqa: S608 - ours
            f"select 2 from pg_database where datname = '{name}'"
        ).split()
        verb = "alter" if "1" in known else "create"
        self._admin(f"{verb} role {owner} login password '{verifier}'")
        if "2" not in known:
            self._admin(f'create database "{name}" owner {owner} template template0')
            self._admin(f'revoke connect on database "{name}" from public')

    def _admin(self, sql: str) -> str:
        done = self._query(sql, self.login(ADMIN))
        if _REFUSED in done.stderr:
            raise self._password_refused(_PASSWORDS[ADMIN], "its data was created with another one")
        if done.returncode != 0:
            raise RuntimeProblem(
                f"PostgreSQL refused a statement: {clean_psql_errors(done.stderr)}"
            )
        return done.stdout

    def _password_refused(self, variable: str, why: str) -> DatabasePasswordRefused:
        source = self.settings.source_of(variable)
        return DatabasePasswordRefused(f"PostgreSQL refuses {variable} (from {source}): {why}.")

    def _query(self, sql: str, login: DatabaseLogin) -> Completed:
        argv = (self.program("psql"), *PSQL_OPTIONS)
        return run(argv, env=login.environment(), stdin=sql, timeout=120)

    def login(self, name: str) -> DatabaseLogin:
        """How the owner of a database logs in; for any other name the administrator."""
        return DatabaseLogin(
            host=database_host(self.settings),
            port=self._port,
            user=_OWNERS.get(name, ADMIN),
            name=name,
            password=self._password(name),
        )

    @property
    def _port(self) -> int:
        return require_port(self.settings, "postgres_litellm")

    def program(self, name: str) -> str:
        """The path of a program of PostgreSQL."""
        return str(self.environment.postgres_bin / name)

    def _password(self, name: str) -> str:
        secrets = self.settings.secrets
        password = (
            secrets.litellm_postgres_password
            if name == "litellm"
            else secrets.phoenix_postgres_password
        )
        return password.reveal() if password else ""
