"""reset and restore on the embedded runtime, killed at every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import own_stack
from tests.e2e.kills.every_step import PATIENT, Survivor, find_failures
from tests.e2e.litellm_database import LiteLLMDatabase

NAMES = "select datname from pg_database where not datistemplate and datname <> 'postgres'"


@pytest.fixture(scope="module")
def survivor(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Survivor]:
    with own_stack(tmp_path_factory.mktemp("kills")) as project:
        database = LiteLLMDatabase(project=project, environment=embedded_environment)
        project.ok("up", *PATIENT)
        made = Survivor(project=project, databases=lambda: set(database.query(NAMES).splitlines()))
        made.prepare()
        yield made


@pytest.mark.timeout(3600)
def test_a_killed_reset_is_finished_by_the_next(survivor: Survivor) -> None:
    found = survivor.steps_of("reset", "--yes", *PATIENT)

    assert find_failures(found, survivor.verify_reset) == {}


@pytest.mark.timeout(3600)
def test_a_killed_restore_is_finished_by_the_next(survivor: Survivor) -> None:
    found = survivor.steps_of("restore", survivor.file, "--yes", *PATIENT)

    assert find_failures(found, survivor.verify_restore) == {}
