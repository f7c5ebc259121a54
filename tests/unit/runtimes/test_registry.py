from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.docker.engine import Answer, Endpoint
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.registry import Probe, resolve_runtime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import RuntimeName
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime


def saying(answer: Answer) -> Probe:
    def ask(where: Endpoint) -> Answer:
        return answer

    return ask


def never(where: Endpoint) -> Answer:
    raise AssertionError("no engine is asked")


def test_auto_chooses_docker_if_an_engine_answers(
    tmp_path: Path,
) -> None:
    found = resolve_runtime(project(tmp_path), probe=saying("answers"))

    assert (found.name, found.why) == ("docker", "a Docker engine answers")
    assert isinstance(found.runtime, DockerRuntime)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("silent", "no Docker engine answers"),
        ("refused", "the Docker engine refuses this user"),
        ("elsewhere", "is not on this machine"),
    ],
)
def test_auto_chooses_embedded_without_an_engine_and_says_why(
    answer: Answer, why: str, tmp_path: Path
) -> None:
    found = resolve_runtime(project(tmp_path), probe=saying(answer))

    assert found.name == "embedded"
    assert why in found.why
    assert isinstance(found.runtime, EmbeddedRuntime)


@pytest.mark.parametrize("answer", ["silent", "refused", "elsewhere"])
@pytest.mark.parametrize("portable", [False, True])
def test_a_runtime_that_cannot_work_is_never_chosen(
    answer: Answer, portable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "sparc")

    found = resolve_runtime(project(tmp_path), portable=portable, probe=saying(answer))

    assert found.name == "docker"
    assert "the embedded runtime cannot run here: The embedded runtime has no" in found.why
    assert "sparc" in found.why


@pytest.mark.parametrize("name", ["embedded", "docker"])
def test_a_stack_keeps_the_runtime_it_was_created_with(name: RuntimeName, tmp_path: Path) -> None:
    settings = project(tmp_path)
    write_runtime(settings.state_dir, name)

    found = resolve_runtime(settings, probe=never)

    assert (found.name, found.why) == (name, "this project's stack was created with it")


def test_a_portable_choice_asks_no_engine_and_has_its_reason(tmp_path: Path) -> None:
    found = resolve_runtime(project(tmp_path), portable=True, probe=never)

    assert found.name == "embedded"
    assert found.why == "it works on any machine; --runtime selects another"


def test_a_portable_choice_goes_before_the_settings_but_not_before_the_stack(
    tmp_path: Path,
) -> None:
    settings = project(tmp_path, "runtime: docker\n")
    before = resolve_runtime(settings, portable=True, probe=never)
    write_runtime(settings.state_dir, "docker")
    after = resolve_runtime(settings, portable=True, probe=never)

    assert (before.name, after.name) == ("embedded", "docker")
    assert after.why == "this project's stack was created with it"


def test_a_selected_runtime_has_its_source_and_is_not_replaced(tmp_path: Path) -> None:
    settings = project(tmp_path, "runtime: docker\n")
    write_runtime(settings.state_dir, "embedded")

    found = resolve_runtime(settings, probe=never)

    assert (found.name, found.why) == ("docker", "selected by gateway.yaml line 1 column 10")


@pytest.mark.parametrize("kind", ["embedded", "docker", "fake"])
def test_every_runtime_satisfies_the_protocol(kind: str, tmp_path: Path) -> None:
    settings = project(tmp_path)
    kinds: dict[str, Runtime] = {
        "embedded": EmbeddedRuntime(settings),
        "docker": DockerRuntime(settings),
        "fake": FakeRuntime(),
    }
    promised = {name for name in {**vars(Runtime), **Runtime.__annotations__} if name[0] != "_"}

    assert {name for name in promised if not hasattr(kinds[kind], name)} == set()
