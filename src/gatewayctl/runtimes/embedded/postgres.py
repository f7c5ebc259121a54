"""The embedded PostgreSQL's inside: cluster, roles, databases, and what was applied to them.

Owns what exists in the data folder. Must not know how the server process is started. Passwords
reach PostgreSQL as SCRAM verifiers, so that no statement holds one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.errors import DatabasePasswordRefused, RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, clean_psql_errors
from gatewayctl.runtimes.embedded import migrations
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.migrations import DatabaseLogin
from gatewayctl.runtimes.embedded.privileges import Unprivileged
from gatewayctl.runtimes.embedded.services import LITELLM_USER, PHOENIX_USER
from gatewayctl.runtimes.process import Completed, run
from gatewayctl.settings.model import Secret, Settings

ADMIN: Final = "postgres"
_OWNERS: Final = {"litellm": LITELLM_USER, "phoenix": PHOENIX_USER}
_REFUSED: Final = "password authentication failed"
_ITERATIONS: Final = 4096


def initialise(
    environment: Environment, layout: Layout, who: Unprivileged, password: Secret
) -> bool:
    """Create the cluster if there is none; True when it was made. Raises ServiceFailed.

    It is made beside its place and then moved there: a killed initdb leaves nothing that could be
    taken for a cluster, and what is in the place is never deleted here.
    """
    if layout.postgres_data.exists():
        return False
    partial = layout.postgres_data.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    who.give(layout.postgres_home)
    argv = (
        *who.prefix, str(environment.postgres_bin / "initdb"),
        "-D", str(partial), "-U", ADMIN, "-E", "UTF8", "--locale=C",
        "--auth=scram-sha-256", "--pwfile=/dev/stdin", "--no-instructions",
    )  # fmt: skip
    env = {"LC_ALL": "C", "PATH": os.defpath, "HOME": "/"}
    done = run(argv, env=env, cwd=layout.postgres_home, stdin=password.reveal() + "\n", timeout=120)
    if done.returncode != 0:
        raise ServiceFailed(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    partial.rename(layout.postgres_data)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running server, reached over loopback with the passwords of .env."""

    environment: Environment
    settings: Settings

    def wait(self, *, seconds: float, alive: Callable[[], None] = lambda: None) -> None:
        """Wait until the server takes connections; ``alive`` may raise to end the wait."""
        until = time.monotonic() + seconds
        argv = (
            str(self.environment.postgres_bin / "pg_isready"), "-q",
            "-h", self.settings.connect_host, "-p", str(self.settings.ports.postgres_litellm),
        )  # fmt: skip
        while run(argv, env={"LC_ALL": "C"}, timeout=10).returncode != 0:
            alive()
            if time.monotonic() > until:
                raise ServiceFailed(f"PostgreSQL takes no connections after {seconds:g} s.")
            time.sleep(0.05)

    def ready(self) -> bool:
        """True when LiteLLM's role can log in with the password of .env."""
        return self.answers("litellm")

    def answers(self, name: str) -> bool:
        """True when the owner of a database can log in to it with the password of .env."""
        return self._query("select 1", self.login(name)).returncode == 0

    def owner(self, name: str) -> str:
        """The role a database belongs to."""
        return _OWNERS[name]

    def prepare(self) -> None:
        """Make roles, databases and LiteLLM's tables what they should be; repeatable.

        Raises DatabasePasswordRefused when the data was made with other passwords.
        """
        there = self._admin("select datname from pg_database").split()
        for name in _OWNERS:
            # A password that changed in .env is set anew: we are the administrator here.
            if name not in there or self._query("select 1", self.login(name)).returncode != 0:
                self._make(name)
        migrations.apply_migrations(self._psql, self.login("litellm"), self.environment.migrations)

    def empty(self, name: str) -> None:
        """Drop one database with all that is in it and make it anew, without tables."""
        self._admin(f'drop database if exists "{name}" with (force)')
        self._make(name)

    def _make(self, name: str) -> None:
        """The role with its password, then the database it owns."""
        owner, verifier = _OWNERS[name], _scram_verifier(self._password(name).reveal())
        known = self._admin(
            f"select 1 from pg_roles where rolname = '{owner}' union all "  # noqa: S608 - ours
            f"select 2 from pg_database where datname = '{name}'"
        ).split()
        verb = "alter" if "1" in known else "create"
        self._admin(f"{verb} role {owner} login password '{verifier}'")
        if "2" not in known:
            self._admin(f'create database "{name}" owner {owner}')
            self._admin(f'revoke connect on database "{name}" from public')

    def _admin(self, sql: str) -> str:
        database = self.login("postgres")
        done = self._query(sql, database)
        if _REFUSED in done.stderr:
            raise DatabasePasswordRefused(
                "PostgreSQL refuses POSTGRES_PASSWORD "
                f"(from {self.settings.source_of('POSTGRES_PASSWORD')}): "
                "its data was made with another one."
            )
        if done.returncode != 0:
            raise RuntimeProblem(
                f"PostgreSQL refused a statement: {clean_psql_errors(done.stderr)}"
            )
        return done.stdout

    def _query(self, sql: str, database: DatabaseLogin) -> Completed:
        argv = (str(self._psql), *PSQL_OPTIONS)
        return run(argv, env=database.environment(), stdin=sql, timeout=120)

    def login(self, name: str) -> DatabaseLogin:
        """How a database's owner logs in; to any other one the administrator."""
        return DatabaseLogin(
            host=self.settings.connect_host,
            port=self.settings.ports.postgres_litellm,
            user=_OWNERS.get(name, ADMIN),
            name=name,
            password=self._password(name).reveal(),
        )

    def _password(self, name: str) -> Secret:
        secrets = self.settings.secrets
        chosen = (
            secrets.litellm_postgres_password
            if name == "litellm"
            else secrets.phoenix_postgres_password
        )
        return chosen or Secret("")

    @property
    def _psql(self) -> Path:
        return self.environment.postgres_bin / "psql"


def _scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores for a password (RFC 5803, scram-sha-256), made on this side."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    b64 = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{b64[0]}${b64[1]}:{b64[2]}"
