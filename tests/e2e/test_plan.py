"""What `plan` says beforehand is what a start really does: one setting changed at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.one_change import (
    ON_EVERY_RUNTIME,
    Change,
    assert_plan_comes_true,
    env,
    moved,
    pids,
    port,
    predicted,
    started,
    yaml,
)


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    assert embedded_environment.complete
    with own_stack(tmp_path_factory.mktemp("plan")) as made:
        made.ok("init")
        started(made)
        yield made


CHANGES: dict[str, tuple[Change, set[str]]] = {
    # Before the collector gets an address of its own: until then it is at Phoenix's port.
    "ports.phoenix": (port("phoenix"), {"litellm", "phoenix"}),
    **ON_EVERY_RUNTIME,
    "LITELLM_MASTER_KEY": (env("LITELLM_MASTER_KEY", "sk-" + "5" * 40), {"litellm"}),
    "profile": (yaml("profile: production"), {"litellm"}),
    "ports.phoenix_grpc": (port("phoenix_grpc"), {"phoenix"}),
    "ports.postgres_litellm": (port("postgres_litellm"), {"litellm", "phoenix", "postgres"}),
}


# One of each kind: a service's settings, a section that restarts nothing, a port, the database.
QUICK = {"ports.phoenix", "models", "keys", "components", "ports.litellm", "ports.postgres_litellm"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in CHANGES],
)
def test_what_plan_says_is_what_changes_and_nothing_more(name: str, project: Project) -> None:
    change, expected = CHANGES[name]

    assert_plan_comes_true(project, change, expected, pids)


def test_variables_of_the_shell_that_change_no_service_restart_nothing(project: Project) -> None:
    before = pids(project)
    shell = {**project.secrets(), "GATEWAYCTL_LOCK_TIMEOUT": "3"}
    there = replace(project, extra_env=project.extra_env | shell)

    report = predicted(there)
    started(there)

    assert moved(report) == set()
    assert pids(project) == before
    assert moved(predicted(project)) == set()


def test_a_service_that_ended_is_started_and_the_others_stay(project: Project) -> None:
    project.ok("down")

    report = predicted(project)

    assert {each["service"]: each["action"] for each in report["services"]} == dict.fromkeys(
        ("postgres", "litellm", "phoenix"), "start"
    )
    assert report["downtime"] == []
