from __future__ import annotations

import pytest

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.driving import driven
from tests.unit.runtimes.docker.faked_engine import runtime_of, up_and_running


def test_there_is_data_as_long_as_there_is_a_volume(settings: Settings) -> None:
    docker = FakeDocker()
    runtime = runtime_of(settings, docker)
    driven(runtime.start())

    assert runtime.has_data()
    driven(runtime.stop(remove_data=True))
    assert not runtime.has_data()


def test_the_database_is_emptied_while_litellm_does_not_run(settings: Settings) -> None:
    docker = up_and_running()

    driven(runtime_of(settings, docker).empty_litellm_database())

    assert docker.calls[:2] == ["stop id-litellm", "up postgres-litellm"]
    assert docker.calls[2].startswith("execute id-postgres-litellm psql -U litellm_user")
    assert "DROP DATABASE IF EXISTS litellm WITH (FORCE)" in docker.calls[2]
    assert "CREATE DATABASE litellm OWNER litellm_user TEMPLATE template0" in docker.calls[2]


def test_a_database_that_does_not_become_healthy_is_not_emptied(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["postgres-litellm"] = inspected("postgres-litellm", health="starting")

    with pytest.raises(ServiceFailed, match="postgres-litellm does not become healthy"):
        driven(runtime_of(settings, docker).empty_litellm_database())

    assert not any(call.startswith("execute") for call in docker.calls)


def test_client_programs_run_inside_the_database_of_that_name(settings: Settings) -> None:
    runtime = runtime_of(settings, up_and_running())
    shell = runtime.shell("phoenix")

    assert (shell.database, shell.owner) == ("phoenix", "phoenix_user")
    assert shell.is_running()
    assert not runtime_of(settings, FakeDocker()).shell("phoenix").is_running()


def test_a_database_that_does_not_run_is_started_for_a_shell(settings: Settings) -> None:
    docker = FakeDocker()
    shell = runtime_of(settings, docker).shell("litellm")

    with pytest.raises(RuntimeProblem, match="postgres-litellm is not running"):
        next(shell.run("pg_dump", database="litellm"))
    shell.start()

    assert docker.calls == ["up postgres-litellm"]
