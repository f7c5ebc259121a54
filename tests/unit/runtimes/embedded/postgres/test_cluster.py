from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewayctl.errors import DatabasePasswordRefused, RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres.cluster import Cluster
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser
from tests.fakes.projects import project

LITELLM_PASSWORD = "password-of-litellm"
ADMIN_PASSWORD = "password-of-phoenix"
ENV = f"LITELLM_POSTGRES_PASSWORD={LITELLM_PASSWORD}\nPOSTGRES_PASSWORD={ADMIN_PASSWORD}\n"
REFUSED = 'psql: error: FATAL:  password authentication failed for user "postgres"'

# Logs the SQL from its standard input or its file.
PSQL = """\
#!/bin/sh
here={here}
for last; do :; done
[ "$last" = - ] && last=/dev/stdin
read_sql=$(cat "$last")
printf '%s@%s %s: %s\\n' "$PGUSER" "$PGDATABASE" "$PGPASSWORD" "$read_sql" >> $here/log
printf '%s\\n' "$*" >> $here/arguments
[ -f "$here/refuses $PGUSER" ] && {{ cat "$here/refuses $PGUSER" >&2; exit 2; }}
case "$read_sql" in
  *"from pg_database where"*) cat $here/known ;;
  *"from pg_database"*) cat $here/databases ;;
  *to_regclass*) echo '{{"applied": ["20250101_first"], "failed": []}}' ;;
  *explode*) echo 'ERROR:  it explodes' >&2; exit 3 ;;
esac
"""


@dataclass
class FakeServer:
    """A PostgreSQL made of shell scripts; its log has every statement."""

    folder: Path
    environment: Environment

    def program(self, name: str, text: str) -> None:
        path = self.environment.postgres_bin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def has(self, *databases: str) -> None:
        (self.folder / "databases").write_text("\n".join(("postgres", *databases)))

    def knows(self, *rows: str) -> None:
        (self.folder / "known").write_text("\n".join(rows))

    def refuses(self, user: str, message: str = REFUSED) -> None:
        (self.folder / f"refuses {user}").write_text(message)

    @property
    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def server(tmp_path: Path) -> FakeServer:
    folder = tmp_path / "server"
    folder.mkdir()
    server = FakeServer(folder=folder, environment=Environment(root=tmp_path / "environment"))
    server.program("psql", PSQL.format(here=folder))
    server.program("pg_isready", "#!/bin/sh\nexit 0\n")
    server.has("litellm", "phoenix")
    server.knows()
    (server.environment.migrations / "20250101_first").mkdir(parents=True)
    (server.environment.migrations / "20250101_first" / "migration.sql").write_text("select 1;")
    return server


@pytest.fixture
def cluster(server: FakeServer, tmp_path: Path) -> Cluster:
    return Cluster(environment=server.environment, settings=project(tmp_path / "p", env=ENV))


INITDB = """\
#!/bin/sh
here={here}
cat > $here/stdin
printf '%s\\n' "$*" >> $here/arguments
env > $here/environment
mkdir "$2"
touch "$2/PG_VERSION"
"""


def test_a_cluster_is_created_once(cluster: Cluster, server: FakeServer, layout: Layout) -> None:
    server.program("initdb", INITDB.format(here=server.folder))

    assert cluster.create(layout, PostgresUser())
    assert not cluster.create(layout, PostgresUser())

    assert (layout.postgres_data / "PG_VERSION").exists()
    assert len((server.folder / "arguments").read_text().splitlines()) == 1


def test_the_password_is_passed_to_initdb_on_standard_input_only(
    cluster: Cluster, server: FakeServer, layout: Layout
) -> None:
    server.program("initdb", INITDB.format(here=server.folder))

    cluster.create(layout, PostgresUser())

    assert (server.folder / "stdin").read_text() == f"{ADMIN_PASSWORD}\n"
    assert ADMIN_PASSWORD not in (server.folder / "arguments").read_text()
    assert ADMIN_PASSWORD not in (server.folder / "environment").read_text()
    assert "--auth=scram-sha-256" in (server.folder / "arguments").read_text()


def test_a_partly_created_cluster_is_created_again(
    cluster: Cluster, server: FakeServer, layout: Layout
) -> None:
    server.program("initdb", INITDB.format(here=server.folder))
    partial = layout.postgres_data.with_suffix(".partial")
    partial.mkdir()
    (partial / "half").write_text("created")

    assert cluster.create(layout, PostgresUser())

    assert not (layout.postgres_data / "half").exists()
    assert not partial.exists()


def test_existing_data_is_never_deleted(
    cluster: Cluster, server: FakeServer, layout: Layout
) -> None:
    layout.postgres_data.mkdir()
    (layout.postgres_data / "precious").write_text("restored manually")

    assert not cluster.create(layout, PostgresUser())

    assert (layout.postgres_data / "precious").exists()


def test_a_failed_initdb_is_reported_and_can_be_repeated(
    cluster: Cluster, server: FakeServer, layout: Layout
) -> None:
    server.program("initdb", "#!/bin/sh\necho 'initdb: error: no space left' >&2\nexit 1\n")
    with pytest.raises(ServiceFailed, match="initdb failed: initdb: error: no space left"):
        cluster.create(layout, PostgresUser())

    server.program("initdb", INITDB.format(here=server.folder))
    assert cluster.create(layout, PostgresUser())


def test_initdb_runs_as_the_unprivileged_user(
    cluster: Cluster, server: FakeServer, layout: Layout
) -> None:
    server.program("initdb", INITDB.format(here=server.folder))
    user = PostgresUser(prefix=("/usr/bin/env", "WHO=nobody"), uid=os.getuid(), gid=os.getgid())

    cluster.create(layout, user)

    assert "WHO=nobody" in (server.folder / "environment").read_text()


# Roles and databases


def test_a_server_that_accepts_the_password_accepts_logins(
    cluster: Cluster, server: FakeServer
) -> None:
    assert cluster.accepts_login("litellm")
    assert server.log == f"litellm_user@litellm {LITELLM_PASSWORD}: select 1\n"


def test_a_server_that_refuses_the_password_does_not_accept_logins(
    cluster: Cluster, server: FakeServer
) -> None:
    server.refuses("litellm_user")

    assert not cluster.accepts_login("litellm")


def test_waiting_ends_when_the_server_takes_connections(cluster: Cluster) -> None:
    polls: list[bool] = []

    cluster.wait(seconds=0, check_alive=lambda: polls.append(True))

    assert polls == []


def test_waiting_fails_when_the_time_is_up(cluster: Cluster, server: FakeServer) -> None:
    server.program("pg_isready", "#!/bin/sh\nexit 2\n")

    with pytest.raises(ServiceFailed, match="takes no connections after 0 s"):
        cluster.wait(seconds=0)


def test_waiting_fails_when_the_server_has_ended(cluster: Cluster, server: FakeServer) -> None:
    server.program("pg_isready", "#!/bin/sh\nexit 2\n")

    def dead() -> None:
        raise ServiceFailed("postgres ended (exit code 1)")

    with pytest.raises(ServiceFailed, match="postgres ended"):
        cluster.wait(seconds=60, check_alive=dead)


def test_waiting_polls_until_the_server_is_ready(cluster: Cluster, server: FakeServer) -> None:
    server.program("pg_isready", f"#!/bin/sh\n[ -f {server.folder}/up ]\n")

    cluster.wait(seconds=60, check_alive=(server.folder / "up").touch)

    assert (server.folder / "up").exists()


def test_the_server_is_reached_on_loopback_if_the_gateway_is_on_the_lan(
    server: FakeServer, tmp_path: Path
) -> None:
    """pg_hba.conf refuses a client of another address, whatever its password."""
    settings = project(tmp_path / "p", "bind: 192.0.2.7\n", env=ENV)
    cluster = Cluster(environment=server.environment, settings=settings)
    server.program("pg_isready", f'#!/bin/sh\necho "$*" > {server.folder}/asked\n')

    cluster.wait(seconds=0)

    assert "-h 127.0.0.1 " in (server.folder / "asked").read_text()
    assert {cluster.login(name).host for name in ("litellm", "phoenix", "postgres")} == {
        "127.0.0.1"
    }


def statements(server: FakeServer) -> list[str]:
    return [
        line.partition(": ")[2].partition(" password '")[0]
        for line in server.log.splitlines()
        if line.startswith("postgres@postgres")
        and line.partition(": ")[2].startswith(("create", "alter", "drop", "revoke"))
    ]


def test_an_empty_cluster_gets_two_roles_and_two_databases(
    cluster: Cluster, server: FakeServer
) -> None:
    server.has()

    cluster.prepare()

    assert statements(server) == [
        "create role litellm_user login",
        'create database "litellm" owner litellm_user template template0',
        'revoke connect on database "litellm" from public',
        "create role phoenix_user login",
        'create database "phoenix" owner phoenix_user template template0',
        'revoke connect on database "phoenix" from public',
    ]


def test_preparing_a_prepared_cluster_changes_nothing(cluster: Cluster, server: FakeServer) -> None:
    cluster.prepare()

    assert statements(server) == []


def test_a_password_that_changed_in_env_file_is_updated(
    cluster: Cluster, server: FakeServer
) -> None:
    server.refuses("phoenix_user", "FATAL:  password authentication failed")
    server.knows("1", "2")

    cluster.prepare()

    assert statements(server) == ["alter role phoenix_user login"]


def test_a_role_without_its_database_gets_one(cluster: Cluster, server: FakeServer) -> None:
    server.has("phoenix")
    server.knows("1")

    cluster.prepare()

    assert statements(server)[:2] == [
        "alter role litellm_user login",
        'create database "litellm" owner litellm_user template template0',
    ]


def test_recreating_a_database_drops_and_creates_it(cluster: Cluster, server: FakeServer) -> None:
    server.knows("1")

    cluster.recreate("litellm")

    assert statements(server) == [
        'drop database if exists "litellm" with (force)',
        "alter role litellm_user login",
        'create database "litellm" owner litellm_user template template0',
        'revoke connect on database "litellm" from public',
    ]


def test_no_statement_and_no_command_line_contains_a_password(
    cluster: Cluster, server: FakeServer
) -> None:
    server.has()
    cluster.prepare()
    cluster.recreate("litellm")

    statements = [line.partition(": ")[2] for line in server.log.splitlines()]
    arguments = (server.folder / "arguments").read_text()
    for password in (LITELLM_PASSWORD, ADMIN_PASSWORD):
        assert not any(password in line for line in statements)
        assert password not in arguments


def test_a_refused_administrator_password_is_reported_with_its_source(
    cluster: Cluster, server: FakeServer
) -> None:
    server.refuses("postgres")

    with pytest.raises(DatabasePasswordRefused) as refused:
        cluster.prepare()

    assert "POSTGRES_PASSWORD (from .env line 2)" in refused.value.message
    assert refused.value.hint == "Run `gatewayctl up`."
    assert ADMIN_PASSWORD not in refused.value.message


def test_other_errors_of_the_server_are_reported_verbatim(
    cluster: Cluster, server: FakeServer
) -> None:
    server.refuses("postgres", "FATAL:  the database system is starting up")

    with pytest.raises(RuntimeProblem, match="the database system is starting up"):
        cluster.prepare()
