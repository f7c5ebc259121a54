"""The client programs of the embedded PostgreSQL, for backups and whatever else needs them.

Owns how they reach the server: over loopback, with the password in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, ClientProgram, DatabaseName, Session
from gatewayctl.runtimes.embedded.postgres.cluster import ADMIN, Cluster
from gatewayctl.runtimes.embedded.postgres.tls_tunnel import open_tunnel
from gatewayctl.runtimes.external_database import ExternalShell, external_url
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.streams import open_psql, run_streamed
from gatewayctl.settings.declared.external_services import DatabaseUrl
from gatewayctl.settings.model import Settings

_WITHOUT_TLS: Final = frozenset({"disable", "allow", "prefer"})
"""Values of sslmode with which LiteLLM's engine does not encrypt here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedShell:
    """Implements ``runtimes.database_shell.DatabaseShell``.

    ``runs_here`` is whether the server runs for this project: another project's, on the same port,
    may take the same passwords.
    """

    cluster: Cluster
    database: DatabaseName
    runs_here: Callable[[], bool]
    start_server: Callable[[], None]

    @property
    def owner(self) -> str:
        return self.cluster.owner(self.database)

    def is_running(self) -> bool:
        return self.runs_here() and self.cluster.accepts_login(self.database)

    def start(self) -> None:
        # A running server is left alone: starting it could replace supervisord and all services.
        if not self.is_running():
            self.start_server()

    def session(self, database: str, *, admin: bool = False) -> AbstractContextManager[Session]:
        return open_psql(
            (self.cluster.program("psql"), *PSQL_OPTIONS),
            env=self._environment(database, admin=admin),
        )

    def run(
        self,
        program: ClientProgram,
        *options: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        argv = (self.cluster.program(program), "--no-password", *options, f"--dbname={database}")
        env = self._environment(database, admin=False)
        return run_streamed(argv, env=env, stdin=stdin, stdout=stdout)

    def _environment(self, database: str, *, admin: bool) -> dict[str, str]:
        login = self.cluster.login(ADMIN if admin else self.database)
        base = {"LC_ALL": "C", "PATH": os.defpath, "HOME": "/"}
        return base | login.environment() | {"PGDATABASE": database}


def open_external(cluster: Cluster, settings: Settings) -> ExternalShell | None:
    """LiteLLM's database if others run it, through the programs of the embedded environment.

    Raises ExternalDatabaseUnusable if its URL is not set.
    """
    url = external_url(settings)
    if url is None:
        return None
    connect: Callable[[DatabaseUrl], AbstractContextManager[DatabaseUrl]] = open_tunnel
    if url.parameters.get("sslmode", "prefer") in _WITHOUT_TLS:
        # As LiteLLM will connect: its engine encrypts only if the URL asks for it.
        url = replace(url, parameters={**url.parameters, "sslmode": "disable"})
        connect = nullcontext
    base = {"PATH": os.defpath, "HOME": "/"}
    return ExternalShell(
        url=url, program=lambda name: (cluster.program(name),), base=base, connect=connect
    )


def migrate_external(cluster: Cluster, external: ExternalShell) -> None:
    """Update LiteLLM's tables there. Raises MigrationFailed and RuntimeProblem."""
    external.ensure_schema()
    with external.connect(external.url) as url:
        cluster.migrate(url)
