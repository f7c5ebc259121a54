"""Failures planted in a real stack of containers: each is named, and nothing is torn down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gatewayctl.operations.findings.table import FINDINGS
from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import ok


def failed(project: Project, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the error of a command that has to fail."""
    done = project.run(*words, "--json")
    error: dict[str, Any] = json.loads(done.stdout)["error"]
    assert error["finding"] in FINDINGS
    assert f"#{error['finding']}" in error["hint"] or error["hint"]
    return done.returncode, error


def container(project: Project, service: str) -> str:
    name = json.loads(project.run("status", "--json").stdout)["data"]["project"]
    return f"{name}-{service}-1"


def psql(project: Project, sql: str) -> None:
    where = container(project, "postgres-litellm")
    ok("exec", where, "psql", "-U", "litellm_user", "-d", "litellm", "-c", sql)


def test_an_image_that_is_not_there_is_named(new_project: MakeProject) -> None:
    project = new_project()
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write("images: {litellm: 'registry.invalid/litellm:v0.0.1'}\n")

    exit_code, error = failed(project, "up")

    assert (exit_code, error["finding"]) == (4, "image_missing")
    assert "registry.invalid/litellm:v0.0.1" in error["message"]


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


def test_a_clean_stack_then_a_broken_ledger_then_too_little_memory(
    new_project: MakeProject,
) -> None:
    project = new_project()
    project.ok("up", "--timeout", "280")
    litellm = container(project, "litellm")

    data = project.data("doctor")
    assert {found["id"] for found in data["findings"]} <= {"provider_key_missing"}
    assert {check["state"] for check in data["checks"]} == {"ran"}

    psql(
        project,
        "insert into _prisma_migrations (id, checksum, migration_name, started_at,"
        " applied_steps_count) values ('planted', 'x', '20250326162113_planted', now(), 0)",
    )
    exit_code, error = failed(project, "restart", "litellm", "--timeout", "120")
    psql(project, "delete from _prisma_migrations where id = 'planted'")
    assert (exit_code, error["finding"], error["service"]) == (4, "migration_failed", "litellm")

    ok("stop", litellm)
    ok("update", "--memory", "120m", "--memory-swap", "120m", litellm)
    exit_code, error = failed(project, "restart", "litellm", "--timeout", "120")

    assert (exit_code, error["finding"], error["service"]) == (4, "out_of_memory", "litellm")
    assert "postgres-litellm" in ok("ps", "--format", "{{.Names}}")
