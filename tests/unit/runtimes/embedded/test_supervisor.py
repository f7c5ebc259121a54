from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.supervisor import (
    Process,
    Supervisor,
)
from tests.fakes.supervisord import FakeSupervisord, serve


@pytest.fixture
def supervisord(layout: Layout) -> Iterator[FakeSupervisord]:
    with serve(layout.socket, FakeSupervisord()) as running:
        yield running


@pytest.fixture
def supervisor(layout: Layout) -> Supervisor:
    return Supervisor(layout)


# Its control socket


def test_a_running_supervisord_has_a_pid(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisord.pid = 4711

    assert supervisor.pid() == 4711


def test_a_stopped_supervisord_has_no_pid_and_no_processes(
    supervisor: Supervisor,
) -> None:
    assert supervisor.pid() is None
    assert supervisor.processes() == ()
    supervisor.shut_down()  # no error


def test_a_leftover_socket_does_not_count_as_a_running_supervisord(
    supervisor: Supervisor, layout: Layout
) -> None:
    with serve(layout.socket, FakeSupervisord()):
        left = layout.socket.with_name("left")
        layout.socket.rename(left)
    left.rename(layout.socket)

    assert supervisor.pid() is None


def test_a_supervisord_that_is_shutting_down_does_not_count_as_running(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    for method in ("getPID", "getAllProcessInfo", "shutdown"):
        supervisord.faults[method] = "SHUTDOWN_STATE"

    assert supervisor.pid() is None
    assert supervisor.processes() == ()
    supervisor.shut_down()


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("RUNNING", "running"),
        ("STARTING", "starting"),
        ("STOPPED", "stopped"),
        ("STOPPING", "stopped"),
        ("BACKOFF", "failed"),
        ("EXITED", "failed"),
        ("FATAL", "failed"),
        ("UNKNOWN", "failed"),
        ("A NEW STATE", "failed"),
    ],
)
def test_states_of_supervisord_become_states_of_gatewayctl(
    name: str, state: ProcessState, supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisord.states = {"litellm": name}
    supervisord.pids = {"litellm": 4712}

    assert supervisor.processes() == (
        Process(service="litellm", state=state, pid=4712, started=1000.0),
    )


def test_a_stopped_process_has_no_pid(supervisor: Supervisor, supervisord: FakeSupervisord) -> None:
    supervisord.states = {"litellm": "STOPPED"}

    assert supervisor.processes()[0].pid is None


def test_starting_does_not_wait_and_stopping_does(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisor.start("litellm")
    supervisor.stop("litellm")
    supervisor.shut_down()

    assert [call for call in supervisord.calls if call[0] != "getAllProcessInfo"] == [
        ("startProcess", "litellm", False),
        ("stopProcess", "litellm", True),
        ("shutdown",),
    ]


def test_starting_a_running_service_or_stopping_a_stopped_one_is_no_error(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisord.faults = {
        "startProcess": "ALREADY_STARTED: litellm",
        "stopProcess": "NOT_RUNNING: litellm",
    }

    supervisor.start("litellm")
    supervisor.stop("litellm")

    assert {"startProcess", "stopProcess"} <= {call[0] for call in supervisord.calls}


def test_a_service_that_an_interrupted_command_is_stopping_is_stopped_before_it_is_started(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisord.states, supervisord.stopping_reports = {"litellm": "STOPPING"}, 2

    supervisor.stop("litellm")

    assert supervisord.states == {"litellm": "STOPPED"}
    supervisor.start("litellm")
    assert supervisord.states == {"litellm": "STARTING"}


def test_a_service_that_is_still_stopping_is_started_afterwards(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisord.states, supervisord.stopping_reports = {"litellm": "STOPPING"}, 3

    supervisor.start("litellm")

    assert supervisord.states == {"litellm": "STARTING"}


def test_a_service_that_never_stops_is_reported_and_not_started(
    layout: Layout, supervisord: FakeSupervisord
) -> None:
    supervisor = Supervisor(layout, stop_seconds=0)
    supervisord.states = {"litellm": "STOPPING", "phoenix": "RUNNING"}

    for change in (supervisor.start, supervisor.stop):
        with pytest.raises(ServiceFailed, match="litellm is still stopping after 0 s"):
            change("litellm")

    assert "startProcess" not in {call[0] for call in supervisord.calls}
    supervisor.stop("phoenix")
    assert supervisord.states == {"litellm": "STOPPING", "phoenix": "STOPPED"}


def test_a_refusal_to_start_or_stop_names_the_service(
    supervisor: Supervisor, supervisord: FakeSupervisord
) -> None:
    supervisord.faults = {"startProcess": "NO_FILE: litellm", "stopProcess": "FAILED: litellm"}

    with pytest.raises(ServiceFailed, match=r"litellm cannot be started: .*NO_FILE"):
        supervisor.start("litellm")
    with pytest.raises(RuntimeProblem, match=r"litellm cannot be stopped: .*FAILED"):
        supervisor.stop("litellm")


def test_starting_or_stopping_without_supervisord_names_the_service(supervisor: Supervisor) -> None:
    with pytest.raises(ServiceFailed, match="litellm cannot be started: supervisord has ended"):
        supervisor.start("litellm")
    with pytest.raises(RuntimeProblem, match="litellm cannot be stopped: supervisord has ended"):
        supervisor.stop("litellm")


def test_the_path_of_a_project_may_be_longer_than_that_of_a_socket(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path.joinpath(*["deeper"] * 20) / ".gatewayctl")
    layout.run.mkdir(parents=True)
    assert len(os.fsencode(layout.socket)) > 108

    with serve(layout.socket, FakeSupervisord(pid=4711)):
        assert Supervisor(layout).pid() == 4711
    assert Supervisor(layout).pid() is None


# The last exit of a service


LOG = """\
2026-11-23 14:00:00,000 INFO spawned: 'litellm' with pid 10
2026-11-23 14:00:05,000 WARN exited: litellm (exit status 1; not expected)
2026-11-23 14:00:06,000 WARN exited: phoenix (terminated by SIGKILL; not expected)
2026-11-23 14:00:07,000 WARN exited: litellm (exit status 3; not expected)
2026-11-23 14:00:08,000 INFO gave up: litellm entered FATAL state, too many start retries
"""


def test_the_last_exit_of_a_service_is_read_from_the_log(
    supervisor: Supervisor, layout: Layout
) -> None:
    layout.log("supervisord").write_text(LOG)

    assert supervisor.last_exit("litellm") == "exit code 3"
    assert supervisor.last_exit("phoenix") == "signal SIGKILL"
    assert supervisor.last_exit("postgres") == ""


def test_without_a_log_there_is_no_last_exit(supervisor: Supervisor) -> None:
    assert supervisor.last_exit("litellm") == ""


# Crash loops


Entry = tuple[float, str]
"""Minutes ago, and the text: the tests before this one can take minutes."""


def exited(minutes_ago: float, service: str = "litellm") -> Entry:
    return minutes_ago, f"exited: {service} (exit status 3; not expected)"


def as_log(entries: Iterable[Entry]) -> str:
    now = datetime.now().astimezone()
    times = ((now - timedelta(minutes=minutes), text) for minutes, text in entries)
    return "".join(f"{at:%Y-%m-%d %H:%M:%S},000 INFO {text}\n" for at, text in times)


SPAWNED = (0, "spawned: 'litellm' with pid 7")


@pytest.mark.parametrize(
    ("log", "loops"),
    [
        ((exited(2), exited(1), SPAWNED), True),
        ((exited(1), SPAWNED), False),
        ((exited(9), exited(1), SPAWNED), False),
        ((exited(2, "phoenix"), exited(1), SPAWNED), False),
        ((exited(2), exited(1), (1, "gave up: litellm entered FATAL state"), SPAWNED), False),
        ((exited(2), exited(1), (1, "stopped: litellm (exit status 0)"), SPAWNED), False),
        ((exited(2), exited(1), (1, "supervisord started with pid 5"), SPAWNED), False),
        ((), False),
    ],
    ids=["twice", "once", "long ago", "another", "gave up", "stopped", "new run", "no log"],
)
def test_a_service_is_in_a_crash_loop_if_it_exited_twice_by_itself_within_minutes(
    log: tuple[Entry, ...], loops: bool, supervisor: Supervisor, layout: Layout
) -> None:
    layout.log("supervisord").write_text(as_log(log))

    assert supervisor.crash_loop("litellm") == ("exit code 3" if loops else "")


@pytest.mark.parametrize(
    ("state", "stops"), [("BACKOFF", True), ("FATAL", True), ("STOPPED", False)]
)
def test_a_failed_service_is_started_at_once_and_its_earlier_exits_do_not_count(
    state: str, stops: bool, supervisor: Supervisor, supervisord: FakeSupervisord, layout: Layout
) -> None:
    supervisord.states["litellm"] = state
    layout.log("supervisord").write_text(as_log((exited(2), exited(1), SPAWNED)))

    supervisor.start("litellm")

    asked = [call for call in supervisord.calls if call[0] != "getAllProcessInfo"]
    stop = [("stopProcess", "litellm", True)] if stops else []
    assert asked == [*stop, ("startProcess", "litellm", False)]
    assert supervisor.crash_loop("litellm") == ""
