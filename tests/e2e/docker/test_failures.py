"""Failures planted in a real stack of containers: each is named, and nothing is torn down."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import container_of, ok
from tests.e2e.failure import failed


def psql(project: Project, sql: str) -> None:
    where = container_of(project.name, "postgres-litellm")
    ok("exec", where, "psql", "-U", "litellm_user", "-d", "litellm", "-c", sql)


def test_an_image_that_is_not_there_is_named(new_project: MakeProject) -> None:
    project = new_project()
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write("images: {litellm: 'registry.invalid/litellm:v0.0.1'}\n")

    found = failed(project, "up")

    assert found.where[:2] == (4, "image_missing")
    assert "registry.invalid/litellm:v0.0.1" in found.error["message"]


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock"])
def test_without_an_engine_doctor_says_so_and_looks_at_the_rest(
    new_project: MakeProject, host: str
) -> None:
    project = new_project()
    project.ok("init")
    project.extra_env["DOCKER_HOST"] = host

    done = project.run("doctor", "--json")
    del project.extra_env["DOCKER_HOST"]

    data = json.loads(done.stdout)["data"]
    assert done.returncode == 7
    assert "runtime_unavailable" in [found["id"] for found in data["findings"]]
    assert {"settings", "disk"} <= {c["name"] for c in data["checks"] if c["state"] == "ran"}


@pytest.mark.full
def test_a_clean_stack_then_a_broken_ledger_then_too_little_memory(
    new_project: MakeProject,
) -> None:
    project = new_project()
    project.ok("up", "--timeout", "280")

    data = project.data("doctor")
    assert {found["id"] for found in data["findings"]} <= {"provider_key_missing"}
    assert {check["state"] for check in data["checks"]} == {"ran"}

    psql(
        project,
        "insert into _prisma_migrations (id, checksum, migration_name, started_at,"
        " applied_steps_count) values ('planted', 'x', '20250326162113_planted', now(), 0)",
    )
    found = failed(project, "restart", "litellm", "--timeout", "120")
    psql(project, "delete from _prisma_migrations where id = 'planted'")
    assert found.where == (4, "migration_failed", "litellm")

    litellm = container_of(project.name, "litellm")
    ok("stop", litellm)
    ok("update", "--memory", "120m", "--memory-swap", "120m", litellm)
    found = failed(project, "restart", "litellm", "--timeout", "120")

    assert found.where == (4, "out_of_memory", "litellm")
    assert "postgres-litellm" in ok("ps", "--format", "{{.Names}}")
