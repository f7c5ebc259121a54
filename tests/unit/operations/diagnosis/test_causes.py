"""Each log text was written by a real program."""

from __future__ import annotations

import pytest

from gatewayctl.operations.diagnosis.causes import CAUSES, Symptoms, recognize_cause

LITELLM_WEAK = """\
    raise UnsafeMasterKeyError(
litellm.proxy.auth.master_key_boot_check.UnsafeMasterKeyError: LiteLLM proxy refused to start: \
the master key is a publicly known default. The fix is printed once the server exits.

ERROR:    Application startup failed. Exiting.
"""
V8 = """\
[31246:0x28624000]  778 ms: Mark-Compact (reduce) 6.8 (8.9) -> 6.8 (8.9) MB memory pressure
FATAL ERROR: Committing semi space failed. Allocation failed - JavaScript heap out of memory
httpx.ConnectError: All connection attempts failed
ERROR:    Application startup failed. Exiting.
"""
INITDB = (
    'initdb failed: FATAL:  could not extend file "base/1/2691": wrote only 4096 of 8192 bytes\n'
    "HINT:  Check free disk space."
)
WAL = (
    '2026-11-23 17:23:11.505 UTC [4729] FATAL:  could not write to file "pg_wal/xlogtemp.4729": '
    "No space left on device"
)
PRISMA_P1000 = (
    "Error: P1000: Authentication failed against database server, the provided database "
    "credentials for `litellm_user` are not valid."
)
SCHEME = "LiteLLM Proxy: DIRECT_URL uses unsupported scheme 'mysql'. LiteLLM's database features"
SALT = "Error decrypting value for key: api_key, Did your master_key/salt key change recently?"
ALEMBIC = """\
alembic.util.exc.CommandError: Can't locate revision identified by 'ffffffffffff'
phoenix.exceptions.PhoenixMigrationError: Phoenix failed to migrate the database
"""
PHOENIX_WITHOUT_DATABASE = """\
ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 5433)
phoenix.exceptions.PhoenixMigrationError: Phoenix failed to migrate the database
"""
BEHIND_A_PROXY = """\
httpcore.ConnectError: All connection attempts failed
httpx.ConnectError: All connection attempts failed
ERROR:    Application startup failed. Exiting.
"""
SOCKS = (
    "ImportError: Using SOCKS proxy, but the 'socksio' package is not installed. Make sure to "
    "install httpx using `pip install httpx[socks]`."
)
SHARED_MEMORY = (
    'ERROR:  could not resize shared memory segment "/PostgreSQL.123" to 8388608 bytes: '
    "No space left on device"
)
WATCHES = "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'"
CALLBACK = "ModuleNotFoundError: No module named 'prometheus_client'"
MCP_SERVER = "FileNotFoundError: spawn npx ENOENT"
UNKNOWN_PROVIDER = "litellm.BadRequestError: LLM Provider NOT provided. You passed model=x"
UVICORN = "ERROR: [Errno 98] error while attempting to bind on address ('127.0.0.1', 6006)"
DOCKER_PORT = "Bind for 127.0.0.1:4000 failed: port is already allocated"
MIGRATION = "LiteLLM Proxy: Database migration cannot proceed. Migration 2025_x failed"
PULL = "Error response from daemon: pull access denied for no/such, repository does not exist"
VERSION = "FATAL:  database files are incompatible with server"
CONTROL = """\
postgres: could not find the database system
Expected to find it in the directory "/p/.gatewayctl/postgres/data",
but could not open file "/p/.gatewayctl/postgres/data/global/pg_control": No such file or directory
"""
CONFIGURATION = (
    'postgres: could not access the server configuration file "/p/data/postgresql.conf": '
    "No such file or directory"
)
EMBEDDED = (
    "Cannot run /root/.cache/gatewayctl/embedded/1/base/bin/initdb: No such file or directory."
)


def find(service: str = "", **seen: str) -> str | None:
    cause = recognize_cause(Symptoms(service=service, runtime="embedded", **seen))
    return cause.finding if cause else None


@pytest.mark.parametrize(
    ("service", "log", "finding"),
    [
        ("litellm", LITELLM_WEAK, "master_key_weak"),
        ("litellm", V8, "out_of_memory"),
        ("postgres", WAL, "disk_full"),
        ("", INITDB, "disk_full"),
        ("litellm", PRISMA_P1000, "database_password_refused"),
        ("litellm", SCHEME, "database_setup_failed"),
        ("litellm", "Database setup failed after multiple retries.", "database_setup_failed"),
        ("litellm", MIGRATION, "migration_failed"),
        ("phoenix", ALEMBIC, "phoenix_database_refused"),
        ("phoenix", UVICORN, "port_taken"),
        ("", DOCKER_PORT, "port_taken"),
        ("", PULL, "image_missing"),
        ("postgres-litellm", VERSION, "database_damaged"),
        ("", CONTROL, "database_damaged"),
        ("postgres", 'FATAL:  required WAL directory "pg_wal" does not exist', "database_damaged"),
        ("postgres", 'FATAL:  could not open directory "pg_tblspc": No', "database_damaged"),
        ("postgres", "PANIC:  requested to created invalid directory: base", "database_damaged"),
        ("postgres", CONFIGURATION, "database_damaged"),
        ("postgres", "FATAL:  could not load /p/data/pg_hba.conf", "database_damaged"),
        ("", EMBEDDED, "environment_broken"),
        ("litellm", "ModuleNotFoundError: No module named 'fastapi'", "environment_broken"),
        ("litellm", "config validation failed: model_list.0", "litellm_settings_refused"),
        ("litellm", "MemoryError", "out_of_memory"),
        ("litellm", "INFO:     Waiting for application startup.", None),
        ("litellm", BEHIND_A_PROXY, None),
        ("litellm", SOCKS, None),
        ("litellm", CALLBACK, None),
        ("litellm", MCP_SERVER, None),
        # LiteLLM continues without the model, and without the value that it cannot decrypt.
        ("litellm", UNKNOWN_PROVIDER, None),
        ("litellm", SALT, None),
        ("phoenix", PHOENIX_WITHOUT_DATABASE, None),
        ("postgres", SHARED_MEMORY, None),
        ("litellm", WATCHES, None),
    ],
)
def test_the_log_reveals_the_cause(service: str, log: str, finding: str | None) -> None:
    assert find(service, log=log) == finding


@pytest.mark.parametrize(
    ("service", "ended", "finding"),
    [
        ("litellm", "exit code 1", None),
        ("litellm", "exit code 2", None),
        ("litellm", "exit code 3", None),
        ("phoenix", "signal SIGKILL", "service_killed"),
        ("litellm", "exit code 137", "service_killed"),
        ("litellm", "out of memory", "out_of_memory"),
        ("litellm", "exit code 78", "settings_invalid"),
        ("phoenix", "exit code 1", None),
        ("litellm", "exit code 13", None),
    ],
)
def test_an_exit_alone_says_no_more_than_it_means(
    service: str, ended: str, finding: str | None
) -> None:
    assert find(service, ended=ended) == finding


@pytest.mark.parametrize(
    ("service", "probe", "finding"),
    [
        ("phoenix", "no answer within 3 s", "phoenix_unreachable"),
        ("phoenix", "does not listen yet", "phoenix_unreachable"),
        ("litellm", "HTTP 200, database Not connected", "gateway_database_missing"),
        ("litellm", "port 4000 is used by another process", "port_taken"),
        ("litellm", "does not listen yet", None),
    ],
)
def test_the_last_answer_of_a_running_service_reveals_the_cause(
    service: str, probe: str, finding: str | None
) -> None:
    assert find(service, probe=probe) == finding


def test_the_log_takes_precedence_over_the_exit_code() -> None:
    assert find("litellm", ended="exit code 1", log=PRISMA_P1000) == "database_password_refused"
    assert find("litellm", ended="exit code 3", log=LITELLM_WEAK) == "master_key_weak"


def test_a_refused_login_in_the_log_of_postgresql_itself_is_not_a_cause() -> None:
    assert find("postgres", log='FATAL:  password authentication failed for user "x"') is None


def test_a_missing_module_of_an_image_is_not_a_broken_environment() -> None:
    seen = Symptoms(service="litellm", log="No module named 'x'", runtime="docker")

    assert recognize_cause(seen) is None


def test_running_services_are_searched_only_for_causes_that_affect_others() -> None:
    seen = Symptoms(service="litellm", log=PRISMA_P1000, runtime="embedded")

    assert recognize_cause(seen, spreading=True) is None
    assert all(cause.log for cause in CAUSES if cause.spreads)
