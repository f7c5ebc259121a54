"""Reading a dump back beside the living database, and comparing every count.

Owns what makes a backup proven. Must not know files of backups, or what happens next.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from gatewayctl.errors import GatewayctlError, RestoreUnproven
from gatewayctl.operations.backup.disk_space import require_free_space
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.databases import Database, DatabaseVariant, compare_rows, databases

Rows = Mapping[str, Mapping[str, int]]
_SUBJECT: Final[Mapping[str, str]] = {"scratch": "proof of", "restored": "copy of"}


def verify_loadable(runtime: Runtime, rows: Rows, folder: Path) -> Generator[Progress, None, None]:
    """Load both dumps of ``folder`` into scratch databases, compare, drop them.

    Raises RestoreUnproven and RuntimeProblem; the scratch databases are gone then too.
    """
    both = databases(runtime)
    with drop_on_failure(both, "scratch"):
        for database in both:
            yield from load_and_compare(database, rows, folder, "scratch")
            database.drop("scratch")


@contextmanager
def drop_on_failure(both: Iterable[Database], variant: DatabaseVariant) -> Iterator[None]:
    """Where the block fails, its copies are dropped: half made they only take room."""
    try:
        yield
    except BaseException:
        # What failed first is what people must read.
        with suppress(GatewayctlError):
            for database in both:
                database.drop(variant)
        raise


def load_and_compare(
    database: Database, rows: Rows, folder: Path, variant: DatabaseVariant
) -> Generator[Progress, None, None]:
    """Load a dump into a copy beside the living database and compare every count.

    Raises RestoreUnproven, naming the tables that differ, and DiskFull before the server's disk
    is.
    """
    subject = f"{_SUBJECT[variant]} {database.name}"
    dump = folder / f"{database.name}.dump"
    size = max(dump.stat().st_size, 1)
    yield Progress(subject=subject, state="working", detail="loading")
    disk = f"The disk of the database {database.name}"
    with database.free_space() as free:
        # A dump is compressed: its database takes more, and how much shows as it grows.
        require_free_space(free(), disk, wanted=size)
        with closing(database.load(dump, variant)) as bytes_read:
            for count in bytes_read:
                require_free_space(free(), disk)
                part = min(count / size, 1.0)
                yield Progress(subject=subject, state="working", detail="loading", fraction=part)
    wanted = rows[database.name]
    if differs := compare_rows(wanted, database.rows(variant)):
        raise RestoreUnproven(f"{database.name} was not read back as it was backed up: {differs}.")
    detail = f"{sum(wanted.values())} rows in {len(wanted)} tables, as backed up"
    yield Progress(subject=subject, state="ready", detail=detail)
