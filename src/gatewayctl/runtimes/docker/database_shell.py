"""PostgreSQL's client programs inside the containers of the databases.

Owns how they reach the server: over the socket of its container, which needs no password. Must
not know which statements are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, ClientProgram, DatabaseName, Session
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.external_database import ExternalShell, external_url
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.streams import open_psql, run_streamed
from gatewayctl.settings.model import Settings

SERVICES: Final[dict[DatabaseName, str]] = {
    "litellm": "postgres-litellm",
    "phoenix": "postgres-phoenix",
}
OWNERS: Final[dict[DatabaseName, str]] = {"litellm": "litellm_user", "phoenix": "phoenix_user"}
"""The image makes them superusers: the owner of a database is its administrator too."""
RECREATE_LITELLM: Final = (
    # The socket inside the container needs no password (the image's pg_hba.conf).
    *("psql", "-U", OWNERS["litellm"], "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-q"),
    *("-c", "DROP DATABASE IF EXISTS litellm WITH (FORCE)"),
    # Not template1: PostgreSQL refuses to copy it after an image brought another C library.
    *("-c", f"CREATE DATABASE litellm OWNER {OWNERS['litellm']} TEMPLATE template0"),
)
"""The command that empties LiteLLM's database, inside its container."""
# Parameters of a URL that name files.
FILES: Final = ("sslrootcert", "sslcert", "sslkey")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerShell:
    """Satisfies ``runtimes.database_shell.DatabaseShell``.

    ``exec_argv`` returns the command line that runs a command in the server's container; it raises
    RuntimeProblem if that is not running. ``is_healthy`` asks the engine.
    """

    database: DatabaseName
    exec_argv: Callable[[tuple[str, ...]], tuple[str, ...]]
    is_healthy: Callable[[], bool]
    start_server: Callable[[], None]

    @property
    def owner(self) -> str:
        return OWNERS[self.database]

    def is_running(self) -> bool:
        return self.is_healthy()

    def start(self) -> None:
        if not self.is_running():
            self.start_server()

    def session(self, database: str, *, admin: bool = False) -> AbstractContextManager[Session]:
        # The owner is the administrator: ``admin`` makes no difference here.
        return open_psql(self.exec_argv(("psql", *self._login(database), *PSQL_OPTIONS)))

    def run(
        self,
        program: ClientProgram,
        *options: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        argv = self.exec_argv((program, *self._login(database), "--no-password", *options))
        return run_streamed(argv, stdin=stdin, stdout=stdout)

    def _login(self, database: str) -> tuple[str, ...]:
        return (f"--username={self.owner}", f"--dbname={database}")


def open_external(docker: DockerCli, settings: Settings) -> ExternalShell | None:
    """LiteLLM's database if others run it, through programs in temporary containers.

    Raises ExternalDatabaseUnusable if its URL is not set.
    """
    url = external_url(settings)
    if url is None:
        return None
    # The files of certificates that the URL names are those of LiteLLM's container.
    here = {name: text for name, text in url.parameters.items() if name not in FILES}
    if here.get("sslmode", "").startswith("verify-"):
        here["sslmode"] = "require"
    url = replace(url, parameters=here)

    def program(name: str) -> tuple[str, ...]:
        return docker.run_argv(settings.images.postgres, name, sorted(url.environment()))

    return ExternalShell(url=url, program=program, base=docker.environment(), in_container=True)
