"""The table of causes: from the symptoms of a failing service to the finding behind them.

Owns the messages of failing programs, with their sources. The first matching row wins, so causes
that affect other services (disk, memory, ports) come first. Reads nothing by itself.

A row needs evidence of its cause, not of a failure: LiteLLM and Phoenix exit with the same codes, 1
and 3, for a database that does not answer, a setting, and an error in their own code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gatewayctl.settings.model import RuntimeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptoms:
    """The symptoms of a service. ``service`` is empty if only the text of a failure is known.

    ``ended``: how its process exited, ``exit code 3`` or ``signal SIGKILL``, or the runtime's
    message. ``probe``: its last answer. ``log``: the lines since this start.
    """

    service: str = ""
    ended: str = ""
    probe: str = ""
    log: str = ""
    runtime: RuntimeName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A row matches if all given patterns do. ``summary`` completes «litellm failed: …».

    ``spreads``: it is logged by one service and fails another one.
    """

    finding: str
    summary: str
    services: tuple[str, ...] = ()
    runtime: RuntimeName | None = None
    ended: re.Pattern[str] | None = None
    probe: re.Pattern[str] | None = None
    log: re.Pattern[str] | None = None
    spreads: bool = False


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE | re.MULTILINE)


_OUR_MODULES: Final = (
    "litellm|prisma|phoenix|fastapi|uvicorn|httpx|openai|pydantic|aiohttp|sqlalchemy|asyncpg|"
    "opentelemetry"
)

# PostgreSQL's FATAL and PANIC, Python's OSError 28, Docker's «write …: no space left». A full
# /dev/shm («could not resize shared memory segment») and too many watched files read the same.
DISK_FULL: Final = Cause(
    finding="disk_full",
    summary="the disk is full",
    log=_pattern(
        r"^(?!.*(shared memory segment|watch)).*(no space left on device|\bENOSPC\b)",
        "disk quota exceeded",
        "check free disk space",
    ),
    spreads=True,
)
CAUSES: Final = (
    DISK_FULL,
    # V8, CPython, PostgreSQL; the query engine of the embedded LiteLLM is a Node.js program.
    Cause(
        finding="out_of_memory",
        summary="it ran out of memory",
        log=_pattern(
            "javascript heap out of memory", "process out of memory", r"^\S* ?MemoryError\b",
            "cannot allocate memory", r"std::bad_alloc", r"(error|fatal): +out of memory",
        ),
        spreads=True,
    ),
    # Docker: State.OOMKilled, and its events.
    Cause(
        finding="out_of_memory",
        summary="the kernel killed it because its memory ran out",
        ended=_pattern("oom.?kill", "out of memory"),
    ),
    # supervisord: «terminated by SIGKILL»; Docker: exit code 137.
    Cause(
        finding="service_killed",
        summary="it was killed (SIGKILL)",
        ended=_pattern("SIGKILL", r"exit code 137\b"),
    ),
    # uvicorn «[Errno 98]», gRPC, PostgreSQL «could not bind», Docker «port is already allocated».
    Cause(
        finding="port_taken",
        summary="its port is used by another process",
        log=_pattern(
            "address already in use", r"errno 98\b", r"\bEADDRINUSE\b",
            "port is already allocated", "ports are not available",
        ),
        spreads=True,
    ),
    Cause(
        finding="port_taken",
        summary="another process answers on its port",
        probe=_pattern("used by another process"),
    ),
    # health.py and the embedded runtime.
    Cause(
        finding="settings_outdated",
        summary="it runs with outdated settings",
        probe=_pattern("^still runs at ", "it was changed after the start"),
    ),
    Cause(
        finding="image_missing",
        summary="its image is missing",
        log=_pattern(
            "pull access denied", "manifest unknown", "no such image", "manifest for .* not"
        ),
    ),
    # proxy/auth/master_key_boot_check.py, since LiteLLM #42019.
    Cause(
        finding="master_key_weak",
        summary="LiteLLM refuses its master key",
        services=("litellm",),
        log=_pattern("UnsafeMasterKeyError", "refused to start: the master key"),
    ),
    # Messages of Prisma (P1000, LiteLLM #38070), libpq and asyncpg. PostgreSQL's own log also has
    # them for attempts that succeeded later, so it is not searched.
    Cause(
        finding="database_password_refused",
        summary="PostgreSQL refuses its password: the database has another one",
        services=("litellm", "phoenix"),
        log=_pattern(r"\bP1000\b", "password authentication failed", "InvalidPasswordError"),
    ),
    Cause(
        finding="database_damaged",
        summary="PostgreSQL cannot use its data folder",
        services=("postgres",),
        log=_pattern(
            "is not a valid data directory", "database files are incompatible",
            "could not locate a valid checkpoint", "could not locate required checkpoint",
            r"could not open (file|directory) \"(global|base|pg_)", "invalid .*checkpoint record",
            # Seen with PostgreSQL 16, one file or folder missing at a time.
            "could not find the database system", "required WAL directory", "invalid directory:",
            "could not access the server configuration file", r"could not load \S*pg_hba\.conf",
        ),
    ),
    # proxy_cli.py, if prisma migrate deploy fails.
    Cause(
        finding="migration_failed",
        summary="a migration of its database failed",
        services=("litellm",),
        log=_pattern("database migration cannot proceed", r"\bP3009\b", r"\bP3018\b", r"\bP3005\b"),
    ),
    # alembic. Phoenix's own PhoenixMigrationError also wraps a database that does not answer.
    Cause(
        finding="phoenix_database_refused",
        summary="its database was written by a newer Phoenix",
        services=("phoenix",),
        log=_pattern("can't locate revision"),
    ),
    # A missing module is a part of the environment only if a package of ours has it: a callback or
    # an MCP server of LiteLLM's configuration can be missing too.
    Cause(
        finding="environment_broken",
        summary="a part of the embedded environment is missing",
        runtime="embedded",
        log=_pattern(
            rf"no module named '({_OUR_MODULES})\b",
            rf"cannot import name .* from '({_OUR_MODULES})\b",
            "cannot open shared object file", r"can't open file '",
            r"cannot (run|start) \S+: no such file", "can't find command",
            r"ENOENT.*gatewayctl/embedded/",
        ),
    ),
    Cause(
        finding="litellm_settings_refused",
        summary="LiteLLM refuses its configuration",
        services=("litellm",),
        log=_pattern(
            "config validation failed", r"yaml\.(scanner|parser)\.", "empty module name",
            r"validation errors? for \w*(Config|Params|Router)",
        ),
    ),
    # proxy_cli.py; proxy/db/db_url_settings.py; Prisma's P1001 and P1003; messages of psql.
    Cause(
        finding="database_setup_failed",
        summary="LiteLLM's database could not be set up",
        services=("litellm",),
        log=_pattern(
            "database setup failed", r"\bP1001\b", r"\bP1003\b", r"can't reach database server",
            "cannot read the applied migrations", "prisma CLI is neither on PATH",
            "(DATABASE_URL|DIRECT_URL) uses unsupported scheme", "too many connections",
            "permission denied for (schema|table|database|sequence|view|language|function)",
            "PostgreSQL refused a statement", "initdb failed",
        ),
    ),
    # launch.py, which reads .env at each start of an embedded service; no service has this code.
    Cause(
        finding="settings_invalid",
        summary="its settings cannot be read",
        runtime="embedded",
        ended=_pattern(r"exit code 78\b"),
    ),
    Cause(
        finding="gateway_database_missing",
        summary="LiteLLM runs without its database",
        services=("litellm",),
        probe=_pattern("database (not connected|disconnected|stalled)"),
    ),
    Cause(
        finding="phoenix_unreachable",
        summary="Phoenix does not answer",
        services=("phoenix",),
        probe=_pattern("does not listen yet", "no answer within", r"^HTTP \d+"),
    ),
)  # fmt: skip


def recognize_cause(symptoms: Symptoms, *, spreading: bool = False) -> Cause | None:
    """Return the cause of the symptoms; with ``spreading`` only one that fails other services."""
    candidates = (cause for cause in CAUSES if cause.spreads or not spreading)
    return next((cause for cause in candidates if _matches(cause, symptoms)), None)


def _matches(cause: Cause, seen: Symptoms) -> bool:
    # `postgres-litellm` is of the kind `postgres`.
    kind = seen.service.partition("-")[0]
    if kind and cause.services and kind not in cause.services:
        return False
    if cause.runtime is not None and seen.runtime != cause.runtime:
        return False
    signs = ((cause.ended, seen.ended), (cause.probe, seen.probe), (cause.log, seen.log))
    return all(sign is None or sign.search(text) for sign, text in signs)
