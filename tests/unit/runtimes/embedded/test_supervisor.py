from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.embedded import supervise
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.services import SERVICES, STOP_SIGNALS
from gatewayctl.runtimes.embedded.supervisor import (
    Process,
    Supervisor,
    render_config,
    socket_prefix,
)
from tests.fakes.supervisord import FakeSupervisord, serve

ROOT = Path(__file__).parents[4]


@pytest.fixture
def supervisord(layout: Layout) -> Iterator[FakeSupervisord]:
    with serve(layout.socket, FakeSupervisord()) as running:
        yield running


@pytest.fixture
def supervisor(layout: Layout) -> Supervisor:
    return Supervisor(layout)


# Its configuration


def parse_config(text: str) -> dict[str, dict[str, str]]:
    """supervisor 4.3 allows comments after a value and expands every value; log paths twice."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(text)
    expansions = {"ENV_GATEWAYCTL_SOCKET": "supervisor.sock"}
    sections = {
        section: {name: value % expansions for name, value in parser.items(section)}
        for section in parser.sections()
    }
    for section, values in sections.items():
        if section.startswith("program:"):
            values["stdout_logfile"] = values["stdout_logfile"] % expansions
    return sections


def read_back(project: Path) -> dict[str, dict[str, str]]:
    layout = Layout(state_dir=project / ".gatewayctl")
    return parse_config(render_config(layout, project, STOP_SIGNALS))


# Every character of a folder's name, without line breaks and unpaired surrogates.
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(
    lambda name: "/" not in name and name not in {".", ".."} and name.isprintable()
)


@given(NAMES)
@example("a%b")
@example("100% sure")
@example("my #1")
@example("a ;b")
@example("it's #1, or ;2")
@example("%(here)s")
def test_every_name_of_a_project_reaches_the_launcher_unchanged(name: str) -> None:
    project = Path("/home/operator") / name

    for service in SERVICES:
        argv = shlex.split(read_back(project)[f"program:{service}"]["command"])
        assert argv[0] == sys.executable
        assert argv[-2:] == [service, str(project)]


@given(NAMES)
@example("100% sure")
@example("my #1")
def test_logs_and_pid_file_are_in_the_project_whatever_its_name(name: str) -> None:
    layout = Layout(state_dir=Path("/home/operator") / name / ".gatewayctl")
    read = read_back(layout.state_dir.parent)

    paths = [read["supervisord"][key] for key in ("logfile", "pidfile")]
    paths += [read[f"program:{service}"]["stdout_logfile"] for service in SERVICES]
    absolute = [os.path.normpath(layout.run / path) for path in paths]

    logs = [str(layout.log(name)) for name in ("supervisord", *SERVICES)]
    assert absolute == [logs[0], str(layout.supervisor_pid), *logs[1:]]


def test_services_start_on_request_in_dependency_order_and_restart_after_a_crash(
    tmp_path: Path,
) -> None:
    read = read_back(tmp_path)
    programs = [read[f"program:{service}"] for service in SERVICES]

    assert [int(program["priority"]) for program in programs] == [0, 1, 2]
    assert {program["autostart"] for program in programs} == {"false"}
    assert {program["autorestart"] for program in programs} == {"true"}
    assert [program["stopsignal"] for program in programs] == ["INT", "TERM", "TERM"]


def test_only_the_owner_may_use_the_control_socket(tmp_path: Path) -> None:
    read = read_back(tmp_path)

    assert read["unix_http_server"] == {"file": "supervisor.sock", "chmod": "0600"}
    assert read["supervisord"]["umask"] == "077"
    assert "inet_http_server" not in read


def test_logs_are_rotated_and_hold_both_streams(tmp_path: Path) -> None:
    for name, program in read_back(tmp_path).items():
        if name.startswith("program:"):
            assert program["stdout_logfile_maxbytes"] == "10MB"
            assert program["redirect_stderr"] == "true"


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


# Its launch


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


def test_the_launcher_of_the_configuration_exists() -> None:
    argv = shlex.split(read_back(Path("/p"))["program:litellm"]["command"])

    done = subprocess.run(
        [*argv[:2], "-c", f"import importlib.util as u; u.find_spec({argv[3]!r}).origin"],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
