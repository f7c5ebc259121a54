"""Databases outlive the image that created them: another default folder, another C library.

Usually only the servers run here: nothing of LiteLLM or Phoenix is the subject.
"""

from __future__ import annotations

import json

import pytest

from gatewayctl.generators import drain
from gatewayctl.runtimes.registry import resolve_runtime
from gatewayctl.settings.load import load_settings
from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import container_of, docker, inspected, ok
from tests.e2e.images.newer_postgres import NEWER
from tests.e2e.test_backup import is_accepted

SERVERS = ("postgres-litellm", "postgres-phoenix")
# What is left when the tag moves to a Debian with a newer C library.
OLDER_C_LIBRARY = "UPDATE pg_database SET datcollversion = '2.28' WHERE datname <> 'template0'"


def start_servers(project: Project, *names: str) -> None:
    """Render, and start these servers only."""
    project.ok("init")
    project.ok("render")
    done = docker(
        "compose", "--file", str(project.folder / "compose/docker-compose.yml"),
        "--env-file", str(project.folder / ".env"), "up", "--wait", *names,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def psql(project: Project, sql: str, *, database: str = "litellm") -> str:
    """Run SQL in LiteLLM's server as a superuser."""
    where = container_of(project.name, "postgres-litellm")
    return ok("exec", where, "psql", "-qAtU", "litellm_user", "-d", database, "-c", sql)


@pytest.mark.parametrize(
    "profile", ["development", pytest.param("production", marks=pytest.mark.full)]
)
def test_postgres_18_keeps_its_data_in_the_volume_and_nothing_elsewhere(
    new_project: MakeProject, profile: str
) -> None:
    project = new_project()
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write(f"images: {{postgres: '{NEWER.name}'}}\nprofile: {profile}\n")
    start_servers(project, "postgres-litellm")
    assert psql(project, "SHOW server_version").startswith("18.")
    psql(project, "CREATE TABLE kept AS SELECT 42 AS answer")
    mounts = inspected(container_of(project.name, "postgres-litellm"))["Mounts"]
    volumes = [mount["Name"] for mount in mounts if mount["Type"] == "volume"]

    project.ok("down")
    start_servers(project, "postgres-litellm")

    assert volumes == [f"{project.name}_litellm_postgres_data"]
    assert psql(project, "SELECT answer FROM kept") == "42"


def test_a_database_of_an_older_c_library_is_replaced_and_its_indexes_are_rebuilt(
    new_project: MakeProject,
) -> None:
    project = new_project()
    start_servers(project, *SERVERS)
    psql(project, "CREATE TABLE words (word text UNIQUE); INSERT INTO words VALUES ('a')")
    psql(project, OLDER_C_LIBRARY)

    found = [each for each in diagnosed(project) if each["id"] == "collation_version_mismatch"]
    assert len(found) == 3
    assert "created with collation version 2.28, now 2." in found[0]["evidence"]

    before = psql(project, "SELECT pg_relation_filenode('words_word_key')")
    fixed = json.loads(project.run("doctor", "--fix", "--json").stdout)["data"]["fixes"]
    assert {"finding": "collation_version_mismatch", "done": True} in [
        {name: fix[name] for name in ("finding", "done")} for fix in fixed
    ]
    assert psql(project, "SELECT pg_relation_filenode('words_word_key')") != before
    assert "collation_version_mismatch" not in {each["id"] for each in diagnosed(project)}

    psql(project, OLDER_C_LIBRARY)
    drain(resolve_runtime(load_settings(project.folder)).runtime.empty_litellm_database())
    assert psql(project, "SELECT to_regclass('words') IS NULL") == "t"


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_backup_moves_to_another_major_version_which_then_gets_another_c_library(
    new_project: MakeProject,
) -> None:
    project = new_project()
    project.ok("up")
    file = project.data("backup")["file"]
    key = project.secrets()["LITELLM_API_KEY"]
    project.ok("down", "--volumes", "--yes")
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write(f"images: {{postgres: '{NEWER.name}'}}\n")

    project.ok("restore", file, "--yes")
    assert psql(project, "SHOW server_version").startswith("18.")
    assert is_accepted(project, key)

    psql(project, OLDER_C_LIBRARY)
    project.ok("reset", "--yes")
    assert not is_accepted(project, key)
    project.ok("chat", "--model", "demo", "--verify", "After the reset")


def diagnosed(project: Project) -> list[dict[str, str]]:
    """The findings of doctor, which finds that the other services are stopped, too."""
    document = json.loads(project.run("doctor", "--json").stdout)
    assert [c for c in document["data"]["checks"] if c["state"] == "failed"] == []
    found: list[dict[str, str]] = document["data"]["findings"]
    return found
