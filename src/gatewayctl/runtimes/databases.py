"""The databases of a stack: LiteLLM's, and Phoenix's if the project runs one.

Owns which there are. Must not know what is done with them (database, external_database).
"""

from __future__ import annotations

from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.database import Database
from gatewayctl.runtimes.database_shell import DatabaseName, DatabaseShell
from gatewayctl.runtimes.external_database import ExternalDatabase, ExternalShell


def databases(runtime: Runtime, *, unchanging: bool = False) -> tuple[Database, ...]:
    """LiteLLM's database and, if the project runs a Phoenix, Phoenix's, in that order.

    ``unchanging``: to be looked at, so that nothing is created to reach them.
    """
    shells = ((name, runtime.shell(name)) for name in runtime.databases)
    return tuple(_open(name, shell, unchanging=unchanging) for name, shell in shells)


def own_databases(runtime: Runtime) -> tuple[Database, ...]:
    """The databases on servers of the project."""
    return tuple(database for database in databases(runtime) if not database.is_external)


def _open(name: DatabaseName, shell: DatabaseShell, *, unchanging: bool) -> Database:
    if isinstance(shell, ExternalShell):
        return ExternalDatabase(name=name, shell=shell.unchanging() if unchanging else shell)
    return Database(name=name, shell=shell)
