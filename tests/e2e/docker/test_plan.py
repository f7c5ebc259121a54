"""A start does to containers what `plan` predicts, with one setting changed at a time.

A usual test of it is in test_story.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import new_stack
from tests.e2e.docker.test_story import SERVICES, containers
from tests.e2e.one_change import (
    ON_EVERY_RUNTIME,
    Change,
    assert_plan_comes_true,
    env,
    moved,
    port,
    predicted,
    publish,
    started,
    yaml,
)

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with new_stack(tmp_path_factory.mktemp("plan")) as made:
        made.ok("init")
        started(made)
        yield made


CHANGES: dict[str, tuple[Change, set[str]]] = {
    **ON_EVERY_RUNTIME,
    # Compose recreates what depends on a container that it recreates.
    "ports.phoenix": (port("phoenix"), {"phoenix", "litellm"}),
    "ports.phoenix_grpc": (port("phoenix_grpc"), {"phoenix", "litellm"}),
    "ports.postgres_litellm": (port("postgres_litellm"), {"postgres-litellm", "litellm"}),
    "ports.postgres_phoenix": (
        publish("postgres_phoenix"),
        {"postgres-phoenix", "phoenix", "litellm"},
    ),
    "bind": (yaml("bind: 127.0.0.2"), set(SERVICES)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_plan_predicts_changes(name: str, project: Project) -> None:
    change, expected = CHANGES[name]

    assert_plan_comes_true(project, change, expected, containers)


def test_variables_of_the_shell_that_change_no_service_recreate_nothing(project: Project) -> None:
    before = containers(project)
    # An empty variable counts as unset.
    shell = {**project.secrets(), "GATEWAYCTL_LOCK_TIMEOUT": "3", "UI_PASSWORD": ""}
    there = replace(project, extra_env=project.extra_env | shell)

    report = predicted(there)
    started(there)

    assert moved(report) == set()
    assert containers(project) == before


def test_a_changed_password_of_existing_data_is_no_risk(project: Project) -> None:
    before = (project.folder / ".env").read_text()
    env("LITELLM_POSTGRES_PASSWORD", "another0123456789abcdef")(project)

    report = predicted(project)

    (project.folder / ".env").write_text(before)
    assert report["data_at_risk"] == []
    assert moved(report) == {"litellm", "postgres-litellm"}
