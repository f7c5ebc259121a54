"""The embedded PostgreSQL's client programs, for backups and what needs them.

Owns how they reach the server: over loopback, with the password in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, ClientProgram, DatabaseName, Session
from gatewayctl.runtimes.embedded.postgres import Cluster
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.streams import open_psql, run_streamed


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedShell:
    """Satisfies ``runtimes.database.DatabaseShell``; ``begin`` starts the server."""

    cluster: Cluster
    database: DatabaseName
    begin: Callable[[], None]

    @property
    def owner(self) -> str:
        return self.cluster.owner(self.database)

    def is_running(self) -> bool:
        return self.cluster.answers(self.database)

    def start(self) -> None:
        # Only then: the supervisor might be replaced, and all services with it.
        if not self.is_running():
            self.begin()

    def session(self, database: str, *, admin: bool = False) -> AbstractContextManager[Session]:
        return open_psql(
            (self._program("psql"), *PSQL_OPTIONS), env=self._environment(database, admin=admin)
        )

    def run(
        self,
        program: ClientProgram,
        *words: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        argv = (self._program(program), "--no-password", *words, f"--dbname={database}")
        env = self._environment(database, admin=False)
        return run_streamed(argv, env=env, stdin=stdin, stdout=stdout)

    def _program(self, name: str) -> str:
        return str(self.cluster.environment.postgres_bin / name)

    def _environment(self, database: str, *, admin: bool) -> dict[str, str]:
        as_whom = self.cluster.login("postgres" if admin else self.database)
        own = {"LC_ALL": "C", "PATH": os.defpath, "HOME": "/"}
        return own | as_whom.environment() | {"PGDATABASE": database}
