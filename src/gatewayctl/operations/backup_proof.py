"""Reading a dump back beside the living database, and comparing every count.

Owns what makes a backup proven. Must not know files of backups, or what happens next.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from gatewayctl.errors import RestoreUnproven
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import Copy, Database, databases, same_rows

Rows = Mapping[str, Mapping[str, int]]
_SUBJECT: Final[Mapping[str, str]] = {"proof": "proof of", "restored": "copy of"}


def proven_to_load(runtime: Runtime, rows: Rows, folder: Path) -> Generator[Progress, None, None]:
    """Load both dumps of ``folder`` into scratch databases, compare, drop them.

    Raises RestoreUnproven and RuntimeProblem; the scratch databases are gone then too.
    """
    for database in databases(runtime):
        try:
            yield from loaded(database, rows, folder, "proof")
        finally:
            database.drop("proof")


def loaded(
    database: Database, rows: Rows, folder: Path, copy: Copy
) -> Generator[Progress, None, None]:
    """Load a dump into a copy beside the living database and compare every count.

    Raises RestoreUnproven, naming the tables that differ.
    """
    subject = f"{_SUBJECT[copy]} {database.name}"
    dump = folder / f"{database.name}.dump"
    size = max(dump.stat().st_size, 1)
    yield Progress(subject=subject, state="working", detail="loading")
    with closing(database.load(dump, copy)) as bytes_read:
        for count in bytes_read:
            part = min(count / size, 1.0)
            yield Progress(subject=subject, state="working", detail="loading", fraction=part)
    wanted = rows[database.name]
    if differs := same_rows(wanted, database.rows(copy)):
        raise RestoreUnproven(f"{database.name} was not read back as it was backed up: {differs}.")
    detail = f"{sum(wanted.values())} rows in {len(wanted)} tables, as backed up"
    yield Progress(subject=subject, state="ready", detail=detail)
