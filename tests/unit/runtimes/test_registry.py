from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.docker.engine import Answer, Endpoint
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.registry import Question, resolve_runtime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import RuntimeName
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime


def saying(answer: Answer) -> Question:
    def ask(where: Endpoint) -> Answer:
        return answer

    return ask


def never(where: Endpoint) -> Answer:
    raise AssertionError("no engine is asked")


def test_a_project_that_leaves_the_choice_gets_docker_where_an_engine_answers(
    tmp_path: Path,
) -> None:
    found = resolve_runtime(project(tmp_path), ask=saying("answers"))

    assert (found.name, found.why) == ("docker", "a Docker engine answers")
    assert isinstance(found.runtime, DockerRuntime)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("silent", "no Docker engine answers"),
        ("refused", "Docker's engine refuses this user"),
        ("elsewhere", "is not on this machine"),
    ],
)
def test_without_an_engine_it_gets_embedded_and_is_told_why(
    answer: Answer, why: str, tmp_path: Path
) -> None:
    found = resolve_runtime(project(tmp_path), ask=saying(answer))

    assert found.name == "embedded"
    assert why in found.why
    assert isinstance(found.runtime, EmbeddedRuntime)


@pytest.mark.parametrize("name", ["embedded", "docker"])
def test_a_stack_stays_with_the_runtime_it_was_made_with(name: RuntimeName, tmp_path: Path) -> None:
    settings = project(tmp_path)
    write_runtime(settings.state_dir, name)

    found = resolve_runtime(settings, ask=never)

    assert (found.name, found.why) == (name, "this project's stack was made with it")


def test_a_runtime_that_was_asked_for_names_who_asked_and_is_not_replaced(tmp_path: Path) -> None:
    settings = project(tmp_path, "runtime: docker\n")
    write_runtime(settings.state_dir, "embedded")

    found = resolve_runtime(settings, ask=never)

    assert (found.name, found.why) == ("docker", "asked for by gateway.yaml line 1 column 10")


@pytest.mark.parametrize("kind", ["embedded", "docker", "fake"])
def test_every_runtime_has_what_the_protocol_promises(kind: str, tmp_path: Path) -> None:
    settings = project(tmp_path)
    kinds: dict[str, Runtime] = {
        "embedded": EmbeddedRuntime(settings),
        "docker": DockerRuntime(settings),
        "fake": FakeRuntime(),
    }
    promised = {name for name in {**vars(Runtime), **Runtime.__annotations__} if name[0] != "_"}

    assert {name for name in promised if not hasattr(kinds[kind], name)} == set()
