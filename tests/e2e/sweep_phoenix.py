"""Phoenix's own retention sweep, once and now instead of at the next full hour.

Run by the Python of Phoenix's environment, with Phoenix's variables. Prints its seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

from phoenix.config import get_env_database_connection_str  # type: ignore[import-not-found]
from phoenix.db.engines import create_engine  # type: ignore[import-not-found]
from phoenix.server.app import _db  # type: ignore[import-not-found]
from phoenix.server.dml_event_handler import DmlEventHandler  # type: ignore[import-not-found]
from phoenix.server.retention import TraceDataSweeper  # type: ignore[import-not-found]
from phoenix.server.types import (  # type: ignore[import-not-found]
    DbSessionFactory,
    LastUpdatedAt,
)


class _Sweeper(TraceDataSweeper):  # type: ignore[misc]
    """Does not wait the first time, and ends the second time."""

    waited = False

    async def _sleep_until_next_hour(self) -> None:
        if self.waited:
            raise asyncio.CancelledError
        self.waited = True


async def sweep() -> float:
    engine = create_engine(get_env_database_connection_str(), migrate=False)
    db = DbSessionFactory(db=_db(engine), dialect=engine.dialect.name)
    sweeper = _Sweeper(db, DmlEventHandler(db=db, last_updated_at=LastUpdatedAt()))
    sweeper._running = True
    began = time.perf_counter()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeper._run()
    await engine.dispose()
    return time.perf_counter() - began


sys.stdout.write(f"{asyncio.run(sweep())}\n")
