"""PostgreSQL's own client programs, whatever runs the server.

Owns the Protocol. Passwords are never on a command line; dumps are never held in memory. Must not
know which statements are sent (databases).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Literal, Protocol

from gatewayctl.runtimes.process import Completed

DatabaseName = Literal["litellm", "phoenix"]
DATABASES: Final[tuple[DatabaseName, ...]] = ("litellm", "phoenix")
ClientProgram = Literal["pg_dump", "pg_restore"]
PSQL_OPTIONS: Final = ("-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-")
"""For a session: bare rows, no start file, no password prompt, an error ends it."""
_PREFIX: Final = re.compile(r"^psql:(?! )[^\n]*?:\d+:\s*", re.MULTILINE)
# What kubectl adds.
_EXIT_CODE: Final = re.compile(r"^command terminated with exit code \d+\n?", re.MULTILINE)


def clean_psql_errors(errors: str) -> str:
    """PostgreSQL's error messages without the file and line that psql puts before each."""
    return _PREFIX.sub("", _EXIT_CODE.sub("", errors)).strip()


class Session(Protocol):
    """One psql that stays connected, so that transactions and settings persist."""

    def ask(self, sql: str) -> tuple[str, ...]:
        """Run statements and return their rows, columns separated by ``|``.

        Raises RuntimeProblem with PostgreSQL's message; that ends the session.
        """


class DatabaseShell(Protocol):
    """The client programs of one database's server. ``database`` is the name of the live one.

    A session or program connects as ``owner``, the role that owns the database; with ``admin`` as
    the superuser.
    """

    @property
    def database(self) -> str: ...

    @property
    def owner(self) -> str: ...

    def is_running(self) -> bool:
        """True if the server accepts connections and has the live database."""

    def start(self) -> None:
        """Start only the server if it does not run; create the live database if missing."""

    def session(self, database: str, *, admin: bool = False) -> AbstractContextManager[Session]:
        """Open a psql connected to a database of the server."""

    def run(
        self,
        program: ClientProgram,
        *options: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        """Run a program between files, connected to ``database``; yield the bytes so far.

        Closing the generator ends the program.
        """
