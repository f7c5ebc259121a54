from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable, RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.runtime_marker import (
    clear_runtime,
    is_kubernetes,
    known_runtime,
    read_runtime,
    record_runtime,
    write_runtime,
)
from gatewayctl.settings.model import RuntimeName
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, docker_stack


def test_a_project_without_a_stack_has_no_runtime(tmp_path: Path) -> None:
    assert read_runtime(tmp_path / ".gatewayctl") is None


def test_a_recorded_runtime_is_known_until_it_is_cleared(tmp_path: Path) -> None:
    state = tmp_path / ".gatewayctl"

    write_runtime(state, "docker")
    first = read_runtime(state)
    write_runtime(state, "embedded")
    second = read_runtime(state)
    clear_runtime(state)
    clear_runtime(state)

    assert (first, second, read_runtime(state)) == ("docker", "embedded", None)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_data_without_a_record_is_of_the_embedded_runtime(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)

    assert read_runtime(tmp_path) == "embedded"

    write_runtime(tmp_path, "docker")

    assert read_runtime(tmp_path) == "docker"


@pytest.mark.parametrize("content", [b"", b"podman\n", b"\xff\xfe"])
def test_an_invalid_record_counts_as_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "runtime").write_bytes(content)

    assert read_runtime(tmp_path) is None


def test_a_record_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(FileUnwritable, match="state"):
        write_runtime(tmp_path / "state", "docker")


def record_failing_start(state: Path, runtime: FakeRuntime) -> None:
    with suppress(ServiceFailed), record_runtime(state, runtime):
        assert read_runtime(state) == runtime.name
        raise ServiceFailed("initdb failed")


@pytest.mark.parametrize("before", [None, "docker", "embedded"])
def test_a_runtime_that_never_started_is_not_recorded(
    before: RuntimeName | None, tmp_path: Path
) -> None:
    state = tmp_path / ".gatewayctl"
    if before is not None:
        write_runtime(state, before)
    runtime = FakeRuntime(name="embedded", data=False)

    record_failing_start(state, runtime)

    assert read_runtime(state) == before
    assert runtime.calls == ([] if before == "embedded" else ["states", "stop"])


def test_a_runtime_that_has_data_stays_recorded(tmp_path: Path) -> None:
    record_failing_start(tmp_path, FakeRuntime(name="docker", data=True))

    assert read_runtime(tmp_path) == "docker"


@pytest.mark.parametrize("state", ["running", "starting", "failed"])
def test_a_stack_without_data_of_its_own_keeps_running_to_look_at(
    state: ProcessState, tmp_path: Path
) -> None:
    runtime = docker_stack(state="stopped", data=False)
    runtime.processes["litellm"] = state

    record_failing_start(tmp_path, runtime)

    assert read_runtime(tmp_path) == "docker"
    assert "stop" not in runtime.calls
    assert runtime.processes["litellm"] == state


def test_a_runtime_whose_data_is_unknown_stays_recorded(tmp_path: Path) -> None:
    runtime = FakeRuntime(name="docker", raising={"has_data": RuntimeProblem("No engine.")})

    record_failing_start(tmp_path, runtime)

    assert read_runtime(tmp_path) == "docker"


def test_a_runtime_that_started_is_recorded(tmp_path: Path) -> None:
    with record_runtime(tmp_path, FakeRuntime(name="docker", data=False)):
        pass

    assert read_runtime(tmp_path) == "docker"


def test_auto_means_the_runtime_that_the_stack_was_started_with(tmp_path: Path) -> None:
    settings = project(tmp_path, "runtime: auto\n")

    assert known_runtime(settings) is None
    write_runtime(settings.state_dir, "kubernetes")
    assert is_kubernetes(settings)
    assert known_runtime(project(tmp_path, "runtime: docker\n")) == "docker"
