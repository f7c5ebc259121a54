"""Brings LiteLLM's database schema up to date, the way ``prisma migrate deploy`` would.

Owns the table ``_prisma_migrations`` as far as the embedded runtime is concerned. Must not know
who runs PostgreSQL or where LiteLLM is installed. Migrations run through psql in one process,
each in its own transaction together with its row in the table: whatever kills the process, a
migration is either there and recorded, or neither. A native Prisma that looks at the table
later finds what it would have written itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatewayctl.errors import MigrationFailed
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, clean_psql_errors
from gatewayctl.runtimes.process import Completed, run

# The advisory lock prisma migrate itself takes: two deployers, of either kind, wait in line.
_PRISMA_LOCK = 72707369
_LOCK_TIMEOUT = "60s"
_APPLY_TIMEOUT = 600.0
_QUERY_TIMEOUT = 30.0
_MARK = "gatewayctl-migration"

# As schema-engine 5.17 creates it.
_LEDGER = """
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" TIMESTAMPTZ,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
);
"""

_RECORDED = r"""
SELECT to_regclass('_prisma_migrations') IS NOT NULL AS ledger \gset
\if :ledger
SELECT json_build_object(
    'applied', coalesce(json_agg(migration_name) FILTER (WHERE finished_at IS NOT NULL), '[]'),
    'failed', coalesce(json_agg(migration_name) FILTER (WHERE finished_at IS NULL), '[]')
) FROM "_prisma_migrations" WHERE rolled_back_at IS NULL;
\else
\echo {"applied": [], "failed": []}
\endif
"""

# Asked once more at its turn: somebody else may have applied it while this one waited for the lock.
_STEP = r"""
SELECT NOT EXISTS (
    SELECT 1 FROM "_prisma_migrations"
    WHERE migration_name = {name} AND finished_at IS NOT NULL AND rolled_back_at IS NULL
) AS todo \gset
\if :todo
\echo {mark}
BEGIN;
{body}
;
INSERT INTO "_prisma_migrations"
    (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
VALUES ('{id}', '{checksum}', {name}, now(), clock_timestamp(), 1);
COMMIT;
\endif
"""

# Guarded by its columns: another version of LiteLLM may not have them.
_INDEX = r"""
SELECT count(*) = {count} AS indexable FROM pg_attribute
WHERE attrelid = to_regclass('"{table}"') AND NOT attisdropped AND attname IN ({names}) \gset
\if :indexable
CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" ({columns});
\endif
"""

# LiteLLM leaves these out of its migrations, because on a busy table they must be built
# concurrently; it builds them itself only when it ran the migrations itself. Names and columns
# as in litellm_proxy_extras/request_log_indexes.py (0.4.108).
_REQUEST_LOG_INDEXES = (
    ("LiteLLM_SpendLogs", "LiteLLM_SpendLogs_api_key_startTime_idx", ("api_key", "startTime")),
    ("LiteLLM_SpendLogs", "LiteLLM_SpendLogs_litellm_call_id_idx", ("litellm_call_id",)),
)

# An index cannot be built concurrently inside a transaction, and interrupted outside of one it
# stays behind invalid. Nobody else uses the database here, so the plain form serves better.
_CONCURRENTLY = re.compile(
    r"\b(CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+\w+)\s+CONCURRENTLY\b", re.IGNORECASE
)

Runner = Callable[..., Completed]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLogin:
    """How psql reaches the database. The password is not shown by ``repr``."""

    host: str
    port: int
    user: str
    name: str
    password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """What libpq reads: everything by environment, nothing as a word of the command."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.name,
            "PGPASSWORD": self.password,
            "PGCONNECT_TIMEOUT": "10",
            "PGCLIENTENCODING": "UTF8",
            "PGAPPNAME": "gatewayctl-migrations",
            "PGOPTIONS": "-c client_min_messages=warning",
            "LC_ALL": "C",  # psql's own messages in English
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One folder with a ``migration.sql``; folder names can contain spaces."""

    name: str
    path: Path


def pending_migrations(
    psql: Path, database: DatabaseLogin, folder: Path, *, runner: Runner = run
) -> tuple[Migration, ...]:
    """The migrations in ``folder`` not applied yet, in the order to apply them.

    One query, no file is read. Raises MigrationFailed when the database does not answer, the
    folder has no migrations, or Prisma itself left a failed migration behind.
    """
    available = _available(folder)
    done = _psql(psql, database, _RECORDED, timeout=_QUERY_TIMEOUT, runner=runner)
    if done.returncode != 0:
        raise MigrationFailed(f"Cannot read the applied migrations: {_reason(done)}")
    applied, failed = _recorded(done.stdout)
    if failed:
        raise MigrationFailed(
            f"Migration {failed[0]} was begun by prisma migrate and never finished.",
            hint="Resolve it with prisma migrate resolve, or restore a backup from before it.",
        )
    return tuple(one for one in available if one.name not in applied)


def apply_migrations(
    psql: Path, database: DatabaseLogin, folder: Path, *, runner: Runner = run
) -> tuple[str, ...]:
    """Apply every pending migration and return their names; nothing pending changes nothing.

    Safe to repeat and safe to interrupt: the next call goes on where this one ended. Raises
    MigrationFailed naming the migration PostgreSQL refused, which was rolled back.
    """
    todo = pending_migrations(psql, database, folder, runner=runner)
    if not todo:
        return ()
    done = _psql(psql, database, script(todo), timeout=_APPLY_TIMEOUT, runner=runner)
    if done.returncode != 0:
        at = _last_mark(done.stdout)
        where = f"Migration {todo[at].name} failed" if at is not None else "Migrations failed"
        raise MigrationFailed(f"{where}: {_reason(done)}")
    return tuple(one.name for one in todo)


def script(migrations: Sequence[Migration]) -> str:
    """The whole psql script that applies ``migrations``. Reads their files."""
    head = (
        f"SET lock_timeout = '{_LOCK_TIMEOUT}';\n"
        f"SELECT pg_advisory_lock({_PRISMA_LOCK});\n"
        "RESET lock_timeout;\n"
        f"{_LEDGER}"
    )
    steps = [_step(number, one) for number, one in enumerate(migrations)]
    indexes = [_index(*one) for one in _REQUEST_LOG_INDEXES]
    return head + "".join(steps) + "".join(indexes)


def _available(folder: Path) -> tuple[Migration, ...]:
    found = tuple(
        Migration(name=path.parent.name, path=path)
        for path in sorted(folder.glob("*/migration.sql"), key=lambda one: one.parent.name)
    )
    if not found:
        raise MigrationFailed(
            f"No migrations in {folder}.",
            hint="Delete the embedded environment in the cache folder, then run `gatewayctl up`.",
        )
    return found


def _recorded(output: str) -> tuple[frozenset[str], tuple[str, ...]]:
    try:
        ledger = json.loads(output)
        return frozenset(ledger["applied"]), tuple(sorted(ledger["failed"]))
    except (ValueError, KeyError, TypeError) as error:
        raise MigrationFailed("The list of applied migrations is unreadable.") from error


def _step(number: int, migration: Migration) -> str:
    content = migration.path.read_bytes()
    return _STEP.format(
        mark=f"{_MARK} {number}",
        name=_literal(migration.name),
        body=_CONCURRENTLY.sub(r"\1", content.decode()),
        id=uuid.uuid4(),
        checksum=hashlib.sha256(content).hexdigest(),
    )


def _index(table: str, name: str, columns: tuple[str, ...]) -> str:
    return _INDEX.format(
        table=table,
        name=name,
        count=len(columns),
        names=", ".join(_literal(one) for one in columns),
        columns=", ".join(f'"{one}"' for one in columns),
    )


def _psql(
    psql: Path, database: DatabaseLogin, text: str, *, timeout: float, runner: Runner
) -> Completed:
    # A file, not standard input: should this process die half way through writing, psql would
    # take the end of input for the end of a statement and run what it has.
    with tempfile.TemporaryDirectory(prefix="gatewayctl-") as folder:
        path = Path(folder, "migrations.sql")
        path.write_text(text, encoding="utf-8", newline="")
        argv = [str(psql), *PSQL_OPTIONS[:-1], str(path)]
        return runner(argv, env=database.environment(), timeout=timeout)


def _last_mark(output: str) -> int | None:
    marks = re.findall(rf"^{_MARK} (\d+)$", output, re.MULTILINE)
    return int(marks[-1]) if marks else None


def _reason(done: Completed) -> str:
    return clean_psql_errors(done.stderr) or f"psql ended with {done.returncode}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
