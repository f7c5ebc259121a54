"""Loading dumps into databases beside the current ones, and comparing every row count.

Owns what makes a backup verified. Must not know files of backups, or what happens next.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from gatewayctl.errors import GatewayctlError, RestoreUnproven
from gatewayctl.operations.backup.disk_space import require_free_space
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.database import Database, DatabaseVariant, compare_rows
from gatewayctl.runtimes.databases import own_databases

Rows = Mapping[str, Mapping[str, int]]
"""Row counts by database and table."""
_SUBJECT: Final[Mapping[str, str]] = {"scratch": "test load of", "restored": "load of"}


def verify_loadable(runtime: Runtime, rows: Rows, folder: Path) -> Generator[Progress, None, None]:
    """Load the dumps of ``folder`` into scratch databases, compare them, drop them.

    Not those of a server that others run: no database is created there.

    Raises RestoreUnproven and RuntimeProblem, after the scratch databases are dropped.
    """
    both = own_databases(runtime)
    with drop_on_failure(both, "scratch"):
        for database in both:
            yield from load_and_compare(database, rows, folder, "scratch")
            database.drop("scratch")


@contextmanager
def drop_on_failure(both: Iterable[Database], variant: DatabaseVariant) -> Iterator[None]:
    """Where the block fails, drop the databases that it began to load: they only take space."""
    try:
        yield
    except BaseException:
        # The first failure is the one to report.
        with suppress(GatewayctlError):
            for database in both:
                database.drop(variant)
        raise


def load_and_compare(
    database: Database, rows: Rows, folder: Path, variant: DatabaseVariant
) -> Generator[Progress, None, None]:
    """Load a dump into a database beside the current one and compare every row count.

    Raises RestoreUnproven, listing the tables that differ, and DiskFull while the server still has
    free disk space.
    """
    subject = f"{_SUBJECT[variant]} {database.name}"
    dump = folder / f"{database.name}.dump"
    size = max(dump.stat().st_size, 1)
    yield Progress(subject=subject, state="working", detail="loading")
    disk = f"The disk of the database {database.name}"
    with database.free_space() as free:
        # A dump is compressed, so the database needs more: how much shows only as it grows.
        require_free_space(free(), disk, wanted=size)
        with closing(database.load(dump, variant)) as bytes_read:
            for count in bytes_read:
                require_free_space(free(), disk)
                part = min(count / size, 1.0)
                yield Progress(subject=subject, state="working", detail="loading", fraction=part)
    expected = rows[database.name]
    if differences := compare_rows(expected, database.rows(variant)):
        raise RestoreUnproven(f"{database.name} differs from its backup: {differences}.")
    detail = f"{sum(expected.values())} rows in {len(expected)} tables, as backed up"
    yield Progress(subject=subject, state="ready", detail=detail)
