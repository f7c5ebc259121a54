"""Updates LiteLLM's database schema the way ``prisma migrate deploy`` would.

Owns the table ``_prisma_migrations`` in the embedded runtime. Must not know who runs PostgreSQL or
where LiteLLM is installed. All migrations run in one psql, each in its own transaction together
with its row in the table: whenever the process is killed, a migration is applied and recorded, or
neither. A native Prisma that reads the table later finds the rows it would have written itself.
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
from typing import Protocol

from gatewayctl.errors import MigrationFailed
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, clean_psql_errors
from gatewayctl.runtimes.process import Completed, run

# The advisory lock of prisma migrate: two deployments, of either kind, run one after the other.
_PRISMA_LOCK = 72707369
_LOCK_TIMEOUT = "60s"
_APPLY_TIMEOUT = 600.0
_QUERY_TIMEOUT = 30.0
_MARK = "gatewayctl-migration"

# As schema-engine 5.17 creates it.
_TABLE = """
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
SELECT to_regclass('_prisma_migrations') IS NOT NULL AS has_table \gset
\if :has_table
SELECT json_build_object(
    'applied', coalesce(json_agg(migration_name) FILTER (WHERE finished_at IS NOT NULL), '[]'),
    'failed', coalesce(json_agg(migration_name) FILTER (WHERE finished_at IS NULL), '[]')
) FROM "_prisma_migrations" WHERE rolled_back_at IS NULL;
\else
\echo {"applied": [], "failed": []}
\endif
"""

# Checked again here: another process may have applied it while this one waited for the lock.
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
# concurrently, and builds them itself only after running its migrations. Names and columns as in
# litellm_proxy_extras/request_log_indexes.py (0.4.108).
_REQUEST_LOG_INDEXES = (
    ("LiteLLM_SpendLogs", "LiteLLM_SpendLogs_api_key_startTime_idx", ("api_key", "startTime")),
    ("LiteLLM_SpendLogs", "LiteLLM_SpendLogs_litellm_call_id_idx", ("litellm_call_id",)),
)

# An index cannot be built concurrently inside a transaction, and one that is interrupted outside
# of a transaction stays invalid. No other client uses the database here, so the plain form is safe.
_CONCURRENTLY = re.compile(
    r"\b(CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+\w+)\s+CONCURRENTLY\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLogin:
    """How psql reaches the database. The password is not part of ``repr``."""

    host: str
    port: int
    user: str
    name: str
    password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The variables that libpq reads; nothing is left for the command line."""
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


class Login(Protocol):
    """Whatever knows the variables with which psql connects."""

    def environment(self) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Psql:
    """The psql that runs scripts in one database."""

    program: Path
    login: Login
    runner: Callable[..., Completed] = run

    def run(self, script: str, *, timeout: float) -> Completed:
        """Run a script; ``timeout`` in seconds."""
        # A file, not standard input: if this process died while writing, psql would take the end
        # of its input for the end of a statement and run half of it.
        with tempfile.TemporaryDirectory(prefix="gatewayctl-") as folder:
            path = Path(folder, "migrations.sql")
            path.write_text(script, encoding="utf-8", newline="")
            argv = [str(self.program), *PSQL_OPTIONS[:-1], str(path)]
            return self.runner(argv, env=self.login.environment(), timeout=timeout)


def pending_migrations(psql: Psql, folder: Path) -> tuple[Path, ...]:
    """List the migrations in ``folder`` that are not applied yet, in the order to apply them.

    Each is a folder with a ``migration.sql``; its name can contain spaces. Runs one query and reads
    no file. Raises MigrationFailed when the database does not answer, the
    folder has no migrations, or Prisma itself left a failed migration.
    """
    available = sorted(path.parent for path in folder.glob("*/migration.sql"))
    if not available:
        raise MigrationFailed(
            f"No migrations in {folder}.",
            hint="Delete the embedded environment in the cache folder, then run `gatewayctl up`.",
        )
    done = psql.run(_RECORDED, timeout=_QUERY_TIMEOUT)
    if done.returncode != 0:
        raise MigrationFailed(f"Cannot read the applied migrations: {_reason(done)}")
    applied, failed = _parse_recorded(done.stdout)
    if failed:
        raise MigrationFailed(
            f"Migration {failed[0]} was started by prisma migrate and never finished.",
            hint="Resolve it with prisma migrate resolve, or restore a backup from before it.",
        )
    return tuple(one for one in available if one.name not in applied)


def apply_migrations(psql: Psql, folder: Path) -> tuple[str, ...]:
    """Apply every pending migration and return their names; nothing pending changes nothing.

    Safe to repeat and to interrupt: the next call continues where this one ended. Raises
    MigrationFailed with the name of the migration that PostgreSQL refused, which is rolled back.
    """
    todo = pending_migrations(psql, folder)
    if not todo:
        return ()
    done = psql.run(build_script(todo), timeout=_APPLY_TIMEOUT)
    if done.returncode != 0:
        started = re.findall(rf"^{_MARK} (\d+)$", done.stdout, re.MULTILINE)
        where = (
            f"Migration {todo[int(started[-1])].name} failed" if started else "Migrations failed"
        )
        raise MigrationFailed(f"{where}: {_reason(done)}")
    return tuple(one.name for one in todo)


def build_script(migrations: Sequence[Path]) -> str:
    """Build the psql script that applies ``migrations``; reads their files."""
    head = (
        f"SET lock_timeout = '{_LOCK_TIMEOUT}';\n"
        f"SELECT pg_advisory_lock({_PRISMA_LOCK});\n"
        "RESET lock_timeout;\n"
        f"{_TABLE}"
    )
    steps = [_migration_sql(number, one) for number, one in enumerate(migrations)]
    indexes = [_index_sql(*one) for one in _REQUEST_LOG_INDEXES]
    return head + "".join(steps) + "".join(indexes)


def _parse_recorded(output: str) -> tuple[frozenset[str], tuple[str, ...]]:
    try:
        recorded = json.loads(output)
        return frozenset(recorded["applied"]), tuple(sorted(recorded["failed"]))
    except (ValueError, KeyError, TypeError) as error:
        raise MigrationFailed("The list of applied migrations is unreadable.") from error


def _migration_sql(number: int, migration: Path) -> str:
    content = (migration / "migration.sql").read_bytes()
    return _STEP.format(
        mark=f"{_MARK} {number}",
        name=_quote(migration.name),
        body=_CONCURRENTLY.sub(r"\1", content.decode()),
        id=uuid.uuid4(),
        checksum=hashlib.sha256(content).hexdigest(),
    )


def _index_sql(table: str, name: str, columns: tuple[str, ...]) -> str:
    return _INDEX.format(
        table=table,
        name=name,
        count=len(columns),
        names=", ".join(_quote(one) for one in columns),
        columns=", ".join(f'"{one}"' for one in columns),
    )


def _reason(done: Completed) -> str:
    return clean_psql_errors(done.stderr) or f"psql ended with {done.returncode}"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
