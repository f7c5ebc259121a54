from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.embedded.services import SERVICES
from tests.fakes.driving import driven, report_of
from tests.unit.runtimes.embedded.faked_stack import Stack


def test_stopping_returns_the_services_that_ran(stack: Stack) -> None:
    stack.up()

    seen, stopped = driven(stack.runtime().stop())

    assert stopped == SERVICES
    assert [event.subject for event in seen if event.state == "stopped"] == list(SERVICES)
    assert stack.supervisor.calls[-1] == "shut_down"


def test_stopping_a_stopped_stack_does_nothing(stack: Stack) -> None:
    assert driven(stack.runtime().stop()) == ([], ())


def test_orphans_of_a_killed_supervisord_are_ended(stack: Stack) -> None:
    marked = {"GATEWAYCTL_STATE_DIR": str(stack.layout.state_dir)}
    with subprocess.Popen(["/bin/sleep", "60"], env=marked) as left:
        stopped = report_of(stack.runtime().stop())

    assert stopped == ("orphan_processes",)
    assert not psutil.pid_exists(left.pid)


def test_data_stays_when_the_stack_is_stopped(stack: Stack) -> None:
    stack.up()
    (stack.layout.postgres_home / "data").mkdir(exist_ok=True)

    driven(stack.runtime().stop())

    assert (stack.layout.postgres_home / "data").is_dir()


def test_data_is_removed_on_request_and_logs_stay(stack: Stack) -> None:
    stack.up()
    stack.layout.log("litellm").write_text("kept")

    driven(stack.runtime().stop(remove_data=True))

    assert sorted(path.name for path in stack.layout.state_dir.iterdir()) == ["logs"]
    driven(stack.runtime().stop(remove_data=True))


def test_data_behind_a_link_are_removed_and_the_link_stays_for_new_ones(stack: Stack) -> None:
    disk = stack.folder / "disk"
    disk.mkdir()
    (disk / "PG_VERSION").write_text("16")
    stack.layout.postgres_data.rmdir()
    stack.layout.postgres_data.symlink_to(disk)
    assert stack.runtime().has_data()

    driven(stack.runtime().stop(remove_data=True))

    assert list(disk.iterdir()) == []
    assert stack.layout.postgres_data.readlink() == disk
    assert not stack.runtime().has_data()


def test_data_that_cannot_be_removed_is_a_failure(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)

    with pytest.raises(RuntimeProblem, match=r"Cannot remove .*postgres: Permission denied"):
        driven(stack.runtime().stop(remove_data=True))
