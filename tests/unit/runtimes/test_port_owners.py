from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatewayctl.runtimes.port_owners import PortOwner, find_owner, port_taken
from gatewayctl.runtimes.ports import Listener
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import RuntimeName
from tests.fakes.docker import inspected

SLEEP = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def process_of(folder: Path) -> Iterator[Listener]:
    """A process that carries the mark of a project's services."""
    marked = {"GATEWAYCTL_STATE_DIR": str(folder / ".gatewayctl")}
    argv = [sys.executable, "-S", "-E", "-c", SLEEP]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=marked, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Listener(port=4000, pid=process.pid, name="python")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "other shop"
    (folder / ".gatewayctl").mkdir(parents=True)
    return folder


def test_a_process_of_another_project_is_named_by_its_folder_and_stopped_by_down(
    other: Path,
) -> None:
    write_runtime(other / ".gatewayctl", "embedded")

    with process_of(other) as listener:
        owner = find_owner(listener)

    assert owner == PortOwner(
        name=f"the gatewayctl project {other}",
        stop=f"gatewayctl -C '{other}' down",
        folder=other,
    )


@pytest.mark.parametrize(
    ("last", "words"), [("docker", "down"), ("embedded", "--runtime docker down")]
)
def test_a_container_of_another_project_is_named_by_its_folder_and_stopped_by_down(
    last: RuntimeName, words: str, other: Path
) -> None:
    write_runtime(other / ".gatewayctl", last)
    container = inspected("litellm", folder=str(other / "compose"), ports={4000: 4000})

    owner = find_owner(Listener(port=4000, pid=None), lambda _: [container])

    assert owner.name == f"the gatewayctl project {other}"
    assert owner.stop == f"gatewayctl -C '{other}' {words}"


def test_a_process_of_a_deleted_project_is_named_as_a_process(tmp_path: Path) -> None:
    with process_of(tmp_path / "deleted") as listener:
        owner = find_owner(listener, lambda _: [])

    assert owner == PortOwner(name=str(listener))


def test_the_hint_stops_projects_by_command_and_asks_to_stop_the_rest() -> None:
    wanted = {4000: ("litellm", "ports.litellm"), 6006: ("phoenix", "ports.phoenix")}
    project = PortOwner(name="the gatewayctl project /a", stop="gatewayctl -C /a down")
    process = PortOwner(name="nginx (pid 7)")

    def hint(*owners: PortOwner) -> str:
        return port_taken(dict(zip(wanted, owners, strict=False)), wanted).hint

    choose = "or choose another port: set ports.litellm"
    assert hint(process).startswith(f"Stop the other process, {choose}")
    assert hint(project).startswith(f"Run `gatewayctl -C /a down`, {choose}")
    assert hint(project, project).startswith("Run `gatewayctl -C /a down`, or choose")
    assert hint(project, process).startswith("Run `gatewayctl -C /a down` and stop the other")
