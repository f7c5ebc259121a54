"""Putting a loaded database into the place of the current one, with every other service stopped.

Owns the order of stop, swap and comparison. Must not know which databases are swapped, nor why.
"""

from __future__ import annotations

from collections.abc import Generator

from gatewayctl.errors import RuntimeProblem
from gatewayctl.generators import drain
from gatewayctl.operations.backup.verify import Rows
from gatewayctl.runtimes.base import Progress, Runtime
from gatewayctl.runtimes.database import Database, compare_rows


def stop_services(runtime: Runtime) -> Generator[Progress, None, None]:
    """Stop everything, the database servers too."""
    yield Progress(subject="services", state="working", detail="stopping")
    drain(runtime.stop())
    yield Progress(subject="services", state="stopped")


def swap_in(database: Database, rows: Rows, detail: str) -> Generator[Progress, None, None]:
    """Start the database's server, swap in its restored copy and compare every row count.

    ``detail`` describes the result. Raises RuntimeProblem.
    """
    subject = f"swap of {database.name}"
    yield Progress(subject=subject, state="working", detail="starting its server")
    database.shell.start()
    yield Progress(subject=subject, state="working", detail="renaming")
    database.swap_in()
    if differences := compare_rows(rows[database.name], database.rows()):
        raise RuntimeProblem(f"{database.name} after the swap: {differences}.")
    yield Progress(subject=subject, state="ready", detail=detail)
