"""Migrations on a real PostgreSQL: all 200 of LiteLLM, and small ones that fail or are killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import MigrationFailed
from gatewayctl.runtimes.embedded.postgres import migrations
from gatewayctl.runtimes.embedded.postgres.migrations import Psql
from tests.e2e.scratch_postgres import PASSWORD, ScratchPostgres, scratch_postgres

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(
    embedded_environment: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScratchPostgres]:
    folder = tmp_path_factory.mktemp("postgres")
    with scratch_postgres(embedded_environment.postgres_bin, folder) as running:
        yield running


@pytest.fixture
def database(server: ScratchPostgres, request: pytest.FixtureRequest) -> str:
    name = f"db_{abs(hash(request.node.name))}"
    server.sql(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def psql(server: ScratchPostgres, database: str) -> Psql:
    return _psql(server, database)


def _psql(server: ScratchPostgres, database: str, password: str = PASSWORD) -> Psql:
    login = migrations.DatabaseLogin(
        host="127.0.0.1", port=server.port, user="postgres", name=database, password=password
    )
    return Psql(program=server.binaries / "psql", login=login)


def _write(folder: Path, **scripts: str) -> Path:
    for name, text in scripts.items():
        path = folder / name / "migration.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _litellm_migrations(python: Path) -> Path:
    found = subprocess.run(
        [str(python), "-c", "import litellm_proxy_extras as e; print(*e.__path__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(found.stdout.strip()) / "migrations"


def test_every_migration_of_litellm_applies_once_and_is_recorded_as_prisma_would(
    embedded_environment: Any,
    server: ScratchPostgres,
    database: str,
    psql: Psql,
) -> None:
    folder = _litellm_migrations(embedded_environment.python("litellm"))
    applied = migrations.apply_migrations(psql, folder)
    assert len(applied) > 200
    assert migrations.apply_migrations(psql, folder) == ()
    rows = server.sql(
        "SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL "
        'AND applied_steps_count = 1 AND length(id) = 36 ORDER BY migration_name COLLATE "C"',
        database,
    )
    recorded = dict(line.split("|") for line in rows.splitlines())
    assert recorded == {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*/migration.sql")
    }
    broken = server.sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid", database)
    assert broken == "0"
    indexes = server.sql("SELECT indexname FROM pg_indexes", database).splitlines()
    assert "LiteLLM_SpendLogs_api_key_startTime_idx" in indexes
    assert "LiteLLM_LensRun_completed_executions_idx" in indexes


def test_a_failing_migration_is_named_rolled_back_and_retried(
    server: ScratchPostgres, database: str, psql: Psql, tmp_path: Path
) -> None:
    folder = _write(
        tmp_path,
        **{
            "1_first": "CREATE TABLE one (id int)",
            "2_bad one's": "CREATE TABLE two (id int); SELECT nonsense;",
            "3_last": "CREATE TABLE three (id int); -- no newline at the end",
        },
    )
    with pytest.raises(MigrationFailed, match=r"2_bad one's failed: .*nonsense") as failure:
        migrations.apply_migrations(psql, folder)
    assert PASSWORD not in str(failure.value)
    tables = "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables"
    in_public = f"{tables} WHERE schemaname = 'public'"
    assert server.sql(in_public, database) == "_prisma_migrations,one"

    _write(folder, **{"2_bad one's": "CREATE TABLE two (id int);"})
    assert migrations.apply_migrations(psql, folder) == ("2_bad one's", "3_last")
    assert server.sql(in_public, database) == "_prisma_migrations,one,three,two"


def test_concurrent_indexes_are_built_inside_the_transaction(
    server: ScratchPostgres, database: str, psql: Psql, tmp_path: Path
) -> None:
    script = (
        "-- CREATE INDEX CONCURRENTLY cannot run in a transaction\n"
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id);"
    )
    folder = _write(tmp_path, a="CREATE TABLE one (id int);", b=script)
    assert migrations.apply_migrations(psql, folder) == ("a", "b")
    checksum = hashlib.sha256(script.encode()).hexdigest()
    where = "FROM _prisma_migrations WHERE migration_name = 'b'"
    assert server.sql(f"SELECT checksum {where}", database) == checksum


def test_a_kill_during_a_migration_loses_nothing(
    server: ScratchPostgres, database: str, psql: Psql, tmp_path: Path
) -> None:
    slow = "CREATE TABLE slow (id int); SELECT pg_sleep(90); CREATE TABLE after (id int);"
    folder = _write(tmp_path, a="CREATE TABLE one (id int);", b=slow)
    program = (
        "import sys; from pathlib import Path; "
        "from gatewayctl.runtimes.embedded.postgres import migrations as m; "
        "d = m.DatabaseLogin(host='127.0.0.1', port=int(sys.argv[1]), user='postgres', "
        "name=sys.argv[2], password=sys.stdin.read()); "
        "m.apply_migrations(m.Psql(program=Path(sys.argv[3]), login=d), Path(sys.argv[4]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(server.port), database, str(psql.program), str(folder)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(PASSWORD)
        process.stdin.close()
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        deadline = time.monotonic() + 60
        while server.sql(sleeping) != "1":
            assert time.monotonic() < deadline, "the slow migration never started"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event='PgSleep'")

    assert [one.name for one in migrations.pending_migrations(psql, folder)] == ["b"]
    _write(folder, b=slow.replace("90", "0"))
    assert migrations.apply_migrations(psql, folder) == ("b",)


def test_two_concurrent_runs_apply_everything_once(
    server: ScratchPostgres, database: str, psql: Psql, tmp_path: Path
) -> None:
    folder = _write(tmp_path, a="CREATE TABLE one (id int); SELECT pg_sleep(0.5);", b="SELECT 1;")
    # Both run a script that was built before either started.
    script = migrations.build_script(migrations.pending_migrations(psql, folder))
    path = tmp_path / "both.sql"
    path.write_text(script)
    argv = [str(psql.program), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path)]
    both = [
        subprocess.Popen(argv, env=server.environment(database), stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait(30) for process in both] == [0, 0]
    assert server.sql("SELECT count(*) FROM _prisma_migrations", database) == "2"


def test_an_unfinished_migration_of_prisma_stops_everything(
    server: ScratchPostgres, database: str, psql: Psql, tmp_path: Path
) -> None:
    folder = _write(tmp_path, a="SELECT 1;")
    migrations.apply_migrations(psql, folder)
    server.sql("UPDATE _prisma_migrations SET finished_at = NULL", database)
    with pytest.raises(MigrationFailed, match="started by prisma migrate and never finished"):
        migrations.pending_migrations(psql, folder)
    server.sql("UPDATE _prisma_migrations SET rolled_back_at = now()", database)
    assert migrations.apply_migrations(psql, folder) == ("a",)


def test_a_wrong_password_is_reported_without_the_password(
    server: ScratchPostgres, tmp_path: Path
) -> None:
    folder = _write(tmp_path, a="SELECT 1;")
    wrong = _psql(server, "postgres", password="geheim")
    with pytest.raises(MigrationFailed, match="password authentication failed") as failure:
        migrations.pending_migrations(wrong, folder)
    assert "geheim" not in str(failure.value)


def test_the_migrations_belong_to_the_schema_of_this_litellm(embedded_environment: Any) -> None:
    # The lock may override the package of the migrations: locks/overrides.in.
    packages = embedded_environment.site_packages("litellm")
    theirs = (packages / "litellm_proxy_extras" / "schema.prisma").read_bytes()

    assert theirs == (packages / "litellm" / "proxy" / "schema.prisma").read_bytes()
