"""How PostgreSQL's own client programs are reached, whatever runs the server.

Owns the Protocol. Passwords never stand on a command line; whole dumps are never in memory. Must
not know what is asked of a database (databases).
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
PSQL_WORDS: Final = ("-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-")
"""psql as a session wants it: bare rows, no start file, no question, an error ends it."""
_PREFIX: Final = re.compile(r"^psql:(?! )[^\n]*?:\d+:\s*", re.MULTILINE)


def clean_psql_errors(errors: str) -> str:
    """What PostgreSQL complained of, less the file and line psql puts before it."""
    return _PREFIX.sub("", errors).strip()


class Session(Protocol):
    """One psql that stays connected: what it began, such as a transaction, holds."""

    def ask(self, sql: str) -> tuple[str, ...]:
        """Run statements and hand back their rows, columns parted by ``|``.

        Raises RuntimeProblem with PostgreSQL's words; the session is over then.
        """


class DatabaseShell(Protocol):
    """The client programs of one database's server. ``database`` is the living one's name.

    A session or program acts as ``owner``, the role that owns the database; with ``admin`` as
    the superuser.
    """

    @property
    def database(self) -> str: ...

    @property
    def owner(self) -> str: ...

    def is_running(self) -> bool:
        """True when the server takes connections and has the living database."""

    def start(self) -> None:
        """Start the server alone if it does not run, and make the living database if missing."""

    def session(self, database: str, *, admin: bool = False) -> AbstractContextManager[Session]:
        """A psql connected to a database of the server."""

    def run(
        self,
        program: ClientProgram,
        *words: str,
        database: str,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> Generator[int, None, Completed]:
        """Run a program between files, yielding now and then how many bytes have passed.

        ``database`` is handed over as the one to connect to. Closing the generator ends the
        program.
        """
