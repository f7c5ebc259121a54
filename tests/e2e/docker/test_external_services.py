"""The Docker runtime with LiteLLM's database, a Phoenix and a collector that others run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from gatewayctl.settings.model import Images
from tests.e2e.conftest import free_ports
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import docker, ok, until
from tests.e2e.other_phoenix import API_KEY, OtherPhoenix
from tests.fakes.collector import collecting

PASSWORD = "pass-word-of-the-team"


@contextmanager
def published(image: str, inside: int, **env: str) -> Iterator[tuple[str, int]]:
    """A container whose port other containers reach over the machine: its name and that port."""
    (port,) = free_ports(1)
    name = f"gatewayctl-e2e-{secrets.token_hex(4)}"
    given = [f"--env={key}={value}" for key, value in env.items()]
    ok(
        "run",
        "--detach",
        "--pull=never",
        "--name",
        name,
        f"--publish={port}:{inside}",
        *given,
        image,
    )
    try:
        yield name, port
    finally:
        docker("rm", "--force", "--volumes", name)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.full
def test_only_litellm_runs_and_its_data_and_traces_are_with_others(
    new_project: MakeProject,
) -> None:
    project, images = new_project(), Images()
    with (
        published(images.postgres, 5432, POSTGRES_PASSWORD=PASSWORD) as (server, port),
        published(
            images.phoenix,
            6006,
            PHOENIX_ENABLE_AUTH="true",
            PHOENIX_SECRET="abcdefghijklmnopqrstuvwxyz0123456789A",
            PHOENIX_ADMIN_SECRET=API_KEY,
        ) as (_, phoenix_port),
        collecting("0.0.0.0") as collector,  # noqa: S104 - containers reach it
    ):
        ready = ("exec", server, "pg_isready", "-h", "127.0.0.1")
        until(lambda: docker(*ready).returncode == 0, seconds=90, what="PostgreSQL")
        ok(
            "exec",
            server,
            "psql",
            "-U",
            "postgres",
            "-c",
            "create schema shop; create table shop.orders as select 7 as id",
        )
        phoenix = OtherPhoenix(url=f"http://127.0.0.1:{phoenix_port}")
        until(lambda: answers(f"{phoenix.url}/healthz"), seconds=240, what="Phoenix")
        url = f"postgresql://postgres:{PASSWORD}@host.docker.internal:{port}/postgres"
        (project.folder / ".env").write_text(f"DB_URL={url}\nKEY={API_KEY}\n", encoding="utf-8")
        stores = {
            "collector": collector.url,
            "team": {"endpoint": phoenix.url, "kind": "phoenix", "api_key_env": "KEY"},
        }
        with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write(f"services: {{postgres: DB_URL}}\ntracing: {json.dumps(stores)}\n")

        project.ok("up", "--timeout", "280")
        call = project.data("chat", "Hello", "--component", "passthrough", "--verify")
        status = project.data("status")
        backup = project.data("backup")
        reset = project.data("reset", "--yes", "--no-backup", "--keep-keys")

        assert call["verified"] is True
        assert {"gatewayctl chat", "chat demo"} <= set(collector.spans[call["trace_id"]])
        assert [each["service"] for each in status["services"]] == ["litellm"]
        assert all(each["usable"] for each in status["external"])
        assert backup["contents"]["virtual_keys"] == 2
        assert reset["keys_kept"] == 2
        count = ("psql", "-U", "postgres", "-qAtc", "select count(*) from shop.orders")
        assert ok("exec", server, *count) == "1"
        rendered = (project.folder / "compose/docker-compose.yml").read_text(encoding="utf-8")
        assert not [secret for secret in (PASSWORD, API_KEY) if secret in rendered]

        (project.folder / ".env").write_text(
            (project.folder / ".env")
            .read_text(encoding="utf-8")
            .replace("host.docker.internal", "127.0.0.1"),
            encoding="utf-8",
        )
        refused = project.run("up", "--json")
        assert refused.returncode == 4
        error = json.loads(refused.stdout)["error"]
        assert error["code"] == "external_database_unusable"
        assert "host.docker.internal" in error["hint"]
