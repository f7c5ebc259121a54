"""Databases whose text was sorted by another version of the C library than the present one.

PostgreSQL records the version of the collations at creation. After an image brought another C
library, indexes on text may be in the wrong order, and PostgreSQL copies no such database. Must
not know how PostgreSQL is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatewayctl.runtimes.database_shell import DatabaseShell

_MAINTENANCE: Final = "postgres"
# Before 15 PostgreSQL records no version. template0 has none: it accepts no connections.
_FIND: Final = r"""
select current_setting('server_version_num')::int >= 150000 as records_version \gset
\if :records_version
select datname, datcollversion, pg_database_collation_actual_version(oid) from pg_database
where datallowconn and datcollversion <> pg_database_collation_actual_version(oid)
order by datname;
\endif
"""
# The indexes first: the version says that they are in order.
_REBUILD: Final = r"""
select current_database() as name \gset
reindex database :"name";
alter database :"name" refresh collation version;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedCollation:
    """A database of the server: the version that sorted its text, and the one it has now."""

    database: str
    recorded: str
    actual: str


def find_outdated_collations(shell: DatabaseShell) -> tuple[OutdatedCollation, ...]:
    """All databases of a running server whose collation version is not the present one."""
    with shell.session(_MAINTENANCE, admin=True) as session:
        rows = [row.rsplit("|", 2) for row in session.ask(_FIND)]
    return tuple(
        OutdatedCollation(database=name, recorded=recorded, actual=actual)
        for name, recorded, actual in rows
    )


def rebuild_indexes(shell: DatabaseShell, database: str) -> None:
    """Rebuild every index of a database, then record the present collation version.

    Writes to a table wait while its indexes are rebuilt. Repeatable. Raises RuntimeProblem, for
    example if a unique index has duplicates.
    """
    with shell.session(database, admin=True) as session:
        session.ask(_REBUILD)
