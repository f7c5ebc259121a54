"""PostgreSQL's client programs inside the containers of the databases.

Owns how they reach the server: over the socket of its container, which asks for no password. Must
not know what is asked of a database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.runtimes.database_shell import PSQL_WORDS, ClientProgram, DatabaseName, Session
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.streams import open_psql, run_streamed

SERVICES: Final[dict[DatabaseName, str]] = {
    "litellm": "postgres-litellm",
    "phoenix": "postgres-phoenix",
}
OWNERS: Final[dict[DatabaseName, str]] = {"litellm": "litellm_user", "phoenix": "phoenix_user"}
"""The image makes them superusers: whoever owns a database is its administrator too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerShell:
    """Satisfies ``runtimes.database.DatabaseShell``.

    ``inside`` gives the command line that runs words in the server's container; it raises
    RuntimeProblem where there is none. ``is_healthy`` asks the engine, ``begin`` starts the server.
    """

    database: DatabaseName
    inside: Callable[[tuple[str, ...]], tuple[str, ...]]
    is_healthy: Callable[[], bool]
    begin: Callable[[], None]

    @property
    def owner(self) -> str:
        return OWNERS[self.database]

    def is_running(self) -> bool:
        return self.is_healthy()

    def start(self) -> None:
        if not self.is_running():
            self.begin()

    def session(self, database: str, *, admin: bool = False) -> AbstractContextManager[Session]:
        # The owner is the administrator: ``admin`` makes no difference here.
        return open_psql(self.inside(("psql", *self._login(database), *PSQL_WORDS)))

    def run(
        self,
        program: ClientProgram,
        *words: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        argv = self.inside((program, *self._login(database), "--no-password", *words))
        return run_streamed(argv, stdin=stdin, stdout=stdout)

    def _login(self, database: str) -> tuple[str, ...]:
        return (f"--username={self.owner}", f"--dbname={database}")
