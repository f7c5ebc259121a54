"""The launch of supervisord."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.embedded import supervise
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.supervisor import (
    Supervisor,
    socket_prefix,
)
from tests.fakes.supervisord import FakeSupervisord, serve

ROOT = Path(__file__).parents[4]


@pytest.fixture
def supervisor(layout: Layout) -> Supervisor:
    return Supervisor(layout)


def fake_python(script: str, folder: Path) -> Path:
    """An executable in place of Python that runs a shell script."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return python


# supervisord outlives the process that started it.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.parametrize("depth", [0, 20])
def test_launching_waits_until_supervisord_answers(depth: int, tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path.joinpath(*["deeper"] * depth) / ".gatewayctl")
    layout.make()
    supervisor = Supervisor(layout)
    layout.socket.write_text("left behind by a supervisord that was killed")
    fake = fake_python(f"exec {sys.executable} -m tests.fakes.supervisord", tmp_path)

    supervisor.launch(fake, {"PYTHONPATH": str(ROOT)})

    pid = supervisor.pid()
    assert pid is not None
    process = psutil.Process(pid)
    supervisor.shut_down()
    assert process.wait(10) in {0, None}
    supervisor.remove_socket()


def test_the_socket_of_a_deep_project_is_in_a_private_folder_that_is_removed(
    tmp_path: Path,
) -> None:
    layout = Layout(state_dir=tmp_path.joinpath(*["deeper"] * 20) / ".gatewayctl")
    layout.make()
    supervisor = Supervisor(layout)
    script = 'echo "$GATEWAYCTL_SOCKET"; ls -ld "$(dirname "$GATEWAYCTL_SOCKET")"'
    with pytest.raises(RuntimeProblem):
        supervisor.launch(fake_python(script, tmp_path), {})

    path, mode = layout.log("supervisord").read_text().splitlines()
    assert len(path) < 80
    assert mode.startswith("drwx------")
    assert not Path(path).parent.exists()
    assert not layout.socket.is_symlink()


def test_the_copied_link_to_the_socket_of_another_project_is_not_followed(tmp_path: Path) -> None:
    original, copy = (Layout(state_dir=tmp_path / name) for name in ("original", "copy"))
    original.make()
    copy.make()
    path = tmp_path / f"{socket_prefix(original.run)}x" / "supervisor.sock"
    with serve(path, FakeSupervisord(pid=4711)):
        for layout in (original, copy):
            layout.socket.symlink_to(path)

        assert Supervisor(original).pid() == 4711
        assert Supervisor(copy).pid() is None
        Supervisor(copy).remove_socket()
        assert path.exists()


def test_a_supervisord_that_exits_at_once_is_a_failure_with_its_log(
    supervisor: Supervisor, layout: Layout, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeProblem, match="supervisord did not start") as failed:
        supervisor.launch(fake_python("echo no such module >&2; exit 1", tmp_path), {})

    assert str(layout.log("supervisord")) in failed.value.hint
    assert layout.log("supervisord").read_text() == "no such module\n"


def test_a_supervisord_that_never_answers_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    before = psutil.Process().children()

    with pytest.raises(RuntimeProblem, match="supervisord did not start"):
        supervisor.launch(fake_python("exec /bin/sleep 60", tmp_path), {}, timeout=0.05)

    assert psutil.Process().children() == before


def test_supervisord_gets_the_path_of_its_configuration(
    supervisor: Supervisor, layout: Layout, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeProblem):
        supervisor.launch(fake_python('echo "$@"; pwd', tmp_path), {})

    assert layout.log("supervisord").read_text().splitlines() == [
        f"-P {supervise.__file__} -c {layout.supervisor_config}",
        str(layout.run),
    ]
