"""The scripts that migrations give to psql. tests/e2e/test_migrations.py runs real ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import MigrationFailed
from gatewayctl.runtimes.embedded.postgres import migrations
from gatewayctl.runtimes.process import Completed

LOGIN = migrations.DatabaseLogin(
    host="127.0.0.1", port=5432, user="litellm", name="litellm", password="geheim"
)


class FakeRunner:
    """Returns the given results for ``psql``; records commands, environments and scripts."""

    def __init__(self, *results: Completed) -> None:
        self.psql = migrations.Psql(program=Path("/pg/psql"), login=LOGIN, runner=self)
        self.results = list(results)
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.scripts: list[str] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
        self.commands.append(list(argv))
        self.environments.append(options["env"])
        self.scripts.append(Path(argv[-1]).read_text())
        return self.results.pop(0)


def _recorded(applied: Sequence[str] = (), failed: Sequence[str] = ()) -> Completed:
    text = json.dumps({"applied": list(applied), "failed": list(failed)})
    return Completed(returncode=0, stdout=text + "\n", stderr="")


def _folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).mkdir()
        (path / name / "migration.sql").write_text(f"SELECT '{name}';")
    return path


def test_migrations_without_a_record_are_pending_in_name_order(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "2_b", "1_a", "3_Add organization")
    (folder / "migration_lock.toml").write_text("")
    fake = FakeRunner(_recorded(applied=["1_a"]))
    names = [one.name for one in migrations.pending_migrations(fake.psql, folder)]
    assert names == ["2_b", "3_Add organization"]


def test_nothing_pending_costs_one_query(tmp_path: Path) -> None:
    fake = FakeRunner(_recorded(applied=["1_a"]))
    assert migrations.apply_migrations(fake.psql, _folder(tmp_path, "1_a")) == ()
    assert len(fake.commands) == 1


def test_everything_pending_goes_through_one_psql(tmp_path: Path) -> None:
    fake = FakeRunner(_recorded(), Completed(returncode=0, stdout="", stderr=""))
    folder = _folder(tmp_path, "1_a", "2_b")
    assert migrations.apply_migrations(fake.psql, folder) == ("1_a", "2_b")
    assert len(fake.commands) == 2
    script = fake.scripts[1]
    assert script.count("BEGIN;") == script.count("COMMIT;") == 2
    assert hashlib.sha256(b"SELECT '2_b';").hexdigest() in script
    assert script.index("SELECT '1_a';") < script.index("SELECT '2_b';")


def test_the_password_is_in_the_environment_only(tmp_path: Path) -> None:
    fake = FakeRunner(_recorded(), Completed(returncode=0, stdout="", stderr=""))
    migrations.apply_migrations(fake.psql, _folder(tmp_path, "1_a"))
    assert all(one["PGPASSWORD"] == "geheim" for one in fake.environments)
    assert "geheim" not in str(fake.commands) + str(fake.scripts) + repr(LOGIN)


def test_a_failure_has_the_name_of_the_migration_and_the_error_of_postgresql(
    tmp_path: Path,
) -> None:
    refused = Completed(
        returncode=3,
        stdout="gatewayctl-migration 0\ngatewayctl-migration 1\n",
        stderr="psql:/tmp/x/migrations.sql:12: ERROR:  relation does not exist\n",
    )
    fake = FakeRunner(_recorded(), refused)
    folder = _folder(tmp_path, "1_a", "2_b", "3_c")
    with pytest.raises(MigrationFailed) as failure:
        migrations.apply_migrations(fake.psql, folder)
    assert str(failure.value) == "Migration 2_b failed: ERROR:  relation does not exist"


def test_names_are_quoted(tmp_path: Path) -> None:
    script = migrations.build_script([_folder(tmp_path, "o'clock") / "o'clock"])
    assert "'o''clock'" in script


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("create unique index concurrently a ON t (x);", "create unique index a ON t (x);"),
        ('DROP INDEX CONCURRENTLY IF EXISTS "a";', 'DROP INDEX IF EXISTS "a";'),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v;", "REFRESH MATERIALIZED VIEW CONCURRENTLY v;"),
    ],
)
def test_indexes_are_not_built_concurrently(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "migration.sql"
    path.write_text(before)
    script = migrations.build_script([tmp_path])
    assert f"\n{after}\n" in script
    assert hashlib.sha256(before.encode()).hexdigest() in script


def test_a_migration_that_prisma_left_unfinished_stops_everything(tmp_path: Path) -> None:
    fake = FakeRunner(_recorded(failed=["1_a"]))
    with pytest.raises(MigrationFailed, match="Migration 1_a was started"):
        migrations.apply_migrations(fake.psql, _folder(tmp_path, "1_a"))
    assert len(fake.commands) == 1


@pytest.mark.parametrize("output", ["", "nonsense", "[]", "{}"])
def test_an_unreadable_answer_is_a_failure(tmp_path: Path, output: str) -> None:
    fake = FakeRunner(Completed(returncode=0, stdout=output, stderr=""))
    with pytest.raises(MigrationFailed):
        migrations.pending_migrations(fake.psql, _folder(tmp_path, "1_a"))


def test_a_folder_without_migrations_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MigrationFailed, match="No migrations"):
        migrations.pending_migrations(FakeRunner().psql, tmp_path)


def test_an_unreachable_server_is_a_failure(tmp_path: Path) -> None:
    fake = FakeRunner(Completed(returncode=2, stdout="", stderr="could not connect\n"))
    with pytest.raises(MigrationFailed, match="could not connect"):
        migrations.pending_migrations(fake.psql, _folder(tmp_path, "1_a"))
