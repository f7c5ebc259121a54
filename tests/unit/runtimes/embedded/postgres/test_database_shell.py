from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.postgres.cluster import Cluster
from gatewayctl.runtimes.embedded.postgres.database_shell import EmbeddedShell
from tests.fakes.driving import report_of
from tests.fakes.projects import project

ENV = "LITELLM_POSTGRES_PASSWORD=password-of-litellm\nPOSTGRES_PASSWORD=password-of-phoenix\n"
# Logs its arguments and environment, and answers like a psql without statements.
PROGRAM = """\
#!/bin/sh
{{ echo "$(basename "$0") $*"; env; }} >> {log}
[ -f {log}.down ] && exit 2
case "$(basename "$0")" in
  psql) while read -r line; do case "$line" in '\\echo '*) echo "${{line#* }}" ;; esac; done ;;
  pg_dump) echo dumped ;;
esac
exit 0
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def starts() -> list[str]:
    return []


@pytest.fixture
def shell(tmp_path: Path, log: Path, starts: list[str]) -> EmbeddedShell:
    environment = Environment(root=tmp_path / "environment")
    environment.postgres_bin.mkdir(parents=True)
    for name in ("psql", "pg_dump", "pg_restore"):
        path = environment.postgres_bin / name
        path.write_text(PROGRAM.format(log=log))
        path.chmod(0o755)
    cluster = Cluster(environment=environment, settings=project(tmp_path / "shop", env=ENV))
    return EmbeddedShell(
        cluster=cluster,
        database="litellm",
        runs_here=lambda: True,
        start_server=lambda: starts.append("started"),
    )


def calls(log: Path) -> list[str]:
    programs = ("psql ", "pg_dump ", "pg_restore ")
    return [line for line in log.read_text().splitlines() if line.startswith(programs)]


def test_passwords_are_in_the_environment_and_never_on_a_command_line(
    shell: EmbeddedShell, log: Path, tmp_path: Path
) -> None:
    with shell.session("litellm") as session:
        assert session.ask("select 1;") == ()
    with shell.session("postgres", admin=True) as session:
        session.ask("select 1;")
    report_of(shell.run("pg_dump", "--format=custom", database="x", stdout=tmp_path / "d"))
    report_of(shell.run("pg_restore", database="x", stdin=tmp_path / "d"))

    text = log.read_text()
    assert "PGPASSWORD=password-of-litellm" in text
    assert "PGPASSWORD=password-of-phoenix" in text
    assert len(calls(log)) == 4
    assert not any("password-of" in line for line in calls(log))


def test_sessions_log_in_as_owner_or_as_administrator(shell: EmbeddedShell, log: Path) -> None:
    for admin, user in ((False, "litellm_user"), (True, "postgres")):
        log.unlink(missing_ok=True)
        with shell.session("some_copy", admin=admin) as session:
            session.ask("select 1;")

        assert f"PGUSER={user}\n" in log.read_text()
        assert "PGDATABASE=some_copy\n" in log.read_text()
    assert shell.owner == "litellm_user"


def test_a_dump_is_written_to_the_file(shell: EmbeddedShell, log: Path, tmp_path: Path) -> None:
    done = report_of(shell.run("pg_dump", "--x", database="copy", stdout=tmp_path / "dump"))

    assert done.returncode == 0
    assert (tmp_path / "dump").read_text() == "dumped\n"
    assert calls(log) == ["pg_dump --no-password --x --dbname=copy"]


def test_a_running_server_is_not_started_again(shell: EmbeddedShell, starts: list[str]) -> None:
    shell.start()

    assert starts == []


def test_a_stopped_server_is_started(shell: EmbeddedShell, starts: list[str], log: Path) -> None:
    log.with_name("log.down").touch()

    assert not shell.is_running()
    shell.start()

    assert starts == ["started"]
