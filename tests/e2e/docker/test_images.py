"""The images behave as the official ones do, whether they are pulled or stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.model import Images
from tests.e2e.docker.containers import Completed, Container, a_volume, docker, ok, running, until

IMAGES = Images()
# Characters that break careless quoting in SQL, in a shell and in a URL.
PASSWORD = """it's "a" $PATH \\ p@ss/w:rd"""
DATABASE = {"POSTGRES_USER": "litellm_user", "POSTGRES_DB": "litellm"}
DATA = "/var/lib/postgresql/data"
READY = ("pg_isready", "-q", "-h", "127.0.0.1", "-U", "litellm_user", "-d", "litellm")


def ask(server: Container, question: str, *, password: str) -> str:
    """Query over the container's own address, which needs a password; return result or error."""
    done = server.exec(
        "psql", "-h", server.address, "-U", "litellm_user", "-d", "litellm", "-Atc", question,
        env={"PGPASSWORD": password},
    )  # fmt: skip
    return (done.stdout + done.stderr).strip()


def test_postgres_creates_the_database_and_requires_its_password() -> None:
    with running(IMAGES.postgres, env={**DATABASE, "POSTGRES_PASSWORD": PASSWORD}) as server:
        server.until_works(*READY)
        assert ask(server, "SHOW password_encryption", password=PASSWORD) == "scram-sha-256"
        assert ask(server, "SHOW server_version", password=PASSWORD).startswith("16.")
        assert "password authentication failed" in ask(server, "SELECT 1", password="wrong")
        assert server.user_of_main_process() == "999"
        assert PASSWORD not in server.log()


def test_postgres_accepts_options_and_has_the_tools_for_a_backup() -> None:
    environment = {**DATABASE, "POSTGRES_PASSWORD": PASSWORD}
    with running(IMAGES.postgres, "-c", "max_connections=33", env=environment) as server:
        server.until_works(*READY)
        assert ask(server, "SHOW max_connections", password=PASSWORD) == "33"
        for tool in ("pg_dump", "pg_restore"):
            assert " 16." in server.exec(tool, "--version").stdout
        ok("stop", "--time", "20", server.name)
        assert server.state()["ExitCode"] == 0
        assert "database system is shut down" in server.log()


def test_postgres_keeps_data_and_the_old_password_of_a_volume() -> None:
    with a_volume() as volume:
        place = (volume, DATA)
        old = {**DATABASE, "POSTGRES_PASSWORD": "old"}
        with running(IMAGES.postgres, env=old, volume=place) as server:
            server.until_works(*READY)
            ask(server, "CREATE TABLE kept AS SELECT 42 AS answer", password="old")
        with running(
            IMAGES.postgres, env={**old, "POSTGRES_PASSWORD": "new"}, volume=place
        ) as server:
            server.until_works(*READY)
            assert "password authentication failed" in ask(server, "SELECT 1", password="new")
            assert ask(server, "SELECT answer FROM kept", password="old") == "42"


def test_postgres_without_a_password_refuses_to_create_a_database() -> None:
    done = docker("run", "--rm", "--pull=never", IMAGES.postgres)
    assert done.returncode == 1
    assert "POSTGRES_PASSWORD" in done.stderr


def test_redis_requires_the_password_of_its_command_line() -> None:
    with running(IMAGES.redis, "redis-server", "--requirepass", "secret") as server:
        server.until_works("redis-cli", "ping")
        assert "NOAUTH" in server.exec("redis-cli", "-h", server.address, "ping").stdout
        answer = server.exec(
            "redis-cli", "-h", server.address, "ping", env={"REDISCLI_AUTH": "secret"}
        )
        assert answer.stdout.strip() == "PONG"
        assert server.user_of_main_process() != "0"


@pytest.mark.full
def test_phoenix_is_checked_with_its_own_python_and_has_no_shell() -> None:
    look = "import urllib.request as u; u.urlopen('http://127.0.0.1:6006/healthz', timeout=3)"
    with running(IMAGES.phoenix, env={"PHOENIX_TELEMETRY_ENABLED": "false"}) as server:
        server.until_works("python3", "-c", look, seconds=90)
        assert server.exec("sh", "-c", "true").returncode != 0


@pytest.mark.full
def test_litellm_is_the_version_of_its_tag_with_python_and_without_curl() -> None:
    done = ok("run", "--rm", "--pull=never", IMAGES.litellm, "--version")
    assert IMAGES.litellm.rpartition(":v")[2] in done
    look = "import shutil, sys; sys.exit(any(map(shutil.which, ('curl', 'wget'))))"
    ok("run", "--rm", "--pull=never", "--entrypoint", "python3", IMAGES.litellm, "-c", look)


def test_litellms_prisma_reports_an_unreachable_database() -> None:
    done = prisma_deploy("postgresql://litellm_user:wrong@database.invalid:5432/litellm")
    assert done.returncode == 1
    assert "P1001: Can't reach database server at `database.invalid:5432`" in done.stderr


@pytest.mark.full
def test_litellms_prisma_reports_a_wrong_password_and_migrates_with_the_right_one() -> None:
    with running(IMAGES.postgres, env={**DATABASE, "POSTGRES_PASSWORD": "right"}) as server:
        server.until_works(*READY)
        address = "postgresql://litellm_user:{}@" + f"{server.address}:5432/litellm"
        refused = prisma_deploy(address.format("wrong"))
        assert refused.returncode == 1
        assert "P1000: Authentication failed" in refused.stderr
        done = prisma_deploy(address.format("right"))
        assert "All migrations have been successfully applied." in done.stdout, done.stderr
        again = prisma_deploy(address.format("right"))
        assert "No pending migrations to apply." in again.stdout, again.stderr
        unfinished = "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL"
        assert ask(server, unfinished, password="right") == "0"


@pytest.mark.full
def test_litellm_exits_when_its_database_refuses_the_password() -> None:
    with running(IMAGES.postgres, env={**DATABASE, "POSTGRES_PASSWORD": "right"}) as server:
        server.until_works(*READY)
        environment = {
            "DATABASE_URL": f"postgresql://litellm_user:wrong@{server.address}:5432/litellm",
            "LITELLM_MASTER_KEY": "sk-e2e-0123456789abcdef0123456789",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        with running(IMAGES.litellm, "--port", "4000", env=environment) as gateway:
            until(lambda: not gateway.state()["Running"], seconds=120, what="LiteLLM ends")
            assert gateway.state()["ExitCode"] in (1, 2)
            assert "password authentication failed" in gateway.log()


def test_the_dockerfile_of_an_application_can_install_packages(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.11-slim\n"
        "RUN pip install --no-cache-dir --no-deps idna\n"
        'CMD ["python", "-c", "import idna; print(idna.decode(\'xn--hxajbheg2az3al\'))"]\n',
        encoding="utf-8",
    )
    name = "gatewayctl-e2e-application"
    try:
        done = docker(
            "build", "--quiet", "--tag", name, str(tmp_path), env={"DOCKER_BUILDKIT": "0"}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert ok("run", "--rm", "--pull=never", name) == "παράδειγμα"
    finally:
        docker("rmi", "--force", name)


def prisma_deploy(address: str) -> Completed:
    """Run `prisma migrate deploy` as LiteLLM does when it starts."""
    go = (
        "import os, subprocess, sys, litellm_proxy_extras as extras;"
        "sys.exit(subprocess.call(('prisma', 'migrate', 'deploy'),"
        " cwd=os.path.dirname(extras.__file__)))"
    )
    return docker(
        "run", "--rm", "--pull=never", f"--env=DATABASE_URL={address}",
        "--entrypoint", "python3", IMAGES.litellm, "-c", go,
    )  # fmt: skip
