from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from gatewayctl.errors import PortTaken, RuntimeProblem, ServiceFailed, UnknownService
from gatewayctl.runtimes.base import Progress, StartReport
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.embedded.services import SERVICES
from gatewayctl.runtimes.embedded.supervisor import Process, Supervisor
from gatewayctl.settings.model import Settings
from tests.fakes.driving import driven, report_of
from tests.fakes.projects import MASTER_KEY, project

# No process has this number: the kernel counts to 2^22.
NO_PID = 2**30
ENV = f"""\
LITELLM_MASTER_KEY={MASTER_KEY}
LITELLM_SALT_KEY=sk-salt-0123456789
LITELLM_POSTGRES_PASSWORD=password-of-litellm
POSTGRES_PASSWORD=password-of-phoenix
UI_PASSWORD=password-of-the-ui
"""


@dataclass
class FakeSupervisor:
    """supervisord as a dictionary. ``told`` is everything it was told, in order."""

    states: dict[str, str] | None = None
    told: list[str] = field(default_factory=list)
    exits: dict[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    own_pid: int = NO_PID

    def pid(self) -> int | None:
        return None if self.states is None else self.own_pid

    def begin(self, python: Path, environment: Mapping[str, str], timeout: float = 20) -> None:
        self.told.append("begin")
        self.environment = environment
        self.states = dict.fromkeys(SERVICES, "stopped")

    def processes(self) -> tuple[Process, ...]:
        return tuple(
            Process(service=name, state=state, pid=NO_PID + 1, started=1000.0, word="")  # type: ignore[arg-type]
            for name, state in (self.states or {}).items()
        )

    def last_exit(self, service: str) -> str:
        return self.exits.get(service, "")

    def start(self, service: str) -> None:
        self.told.append(f"start {service}")
        assert self.states is not None
        self.states[service] = "running"

    def stop(self, service: str) -> None:
        self.told.append(f"stop {service}")
        assert self.states is not None
        self.states[service] = "stopped"

    def end(self) -> None:
        self.told.append("end")
        self.states = None

    def since(self) -> list[str]:
        """What it was told since the last look."""
        told, self.told = self.told, []
        return told


@dataclass
class FakeCluster:
    """A PostgreSQL that is ready at once."""

    told: list[str] = field(default_factory=list)
    dead: bool = False
    takes_logins: bool = True

    def wait(self, *, seconds: float, alive: Callable[[], None]) -> None:
        if self.dead:
            alive()

    def prepare(self) -> None:
        self.told.append("prepare")

    def empty(self, name: str) -> None:
        self.told.append(f"empty {name}")

    def ready(self) -> bool:
        return self.takes_logins


@dataclass(kw_only=True)
class Stack:
    """One project with its fakes; ``runtime()`` is a new run of gatewayctl on it."""

    folder: Path
    supervisor: FakeSupervisor = field(default_factory=FakeSupervisor)
    cluster: FakeCluster = field(default_factory=FakeCluster)
    gateway_yaml: str = ""

    def settings(self) -> Settings:
        return project(self.folder, self.gateway_yaml, env=ENV)

    def runtime(self) -> EmbeddedRuntime:
        made = EmbeddedRuntime(self.settings())
        made._supervisor = self.supervisor  # type: ignore[assignment]
        made._cluster = self.cluster  # type: ignore[assignment]
        return made

    @property
    def layout(self) -> Layout:
        return Layout(state_dir=self.folder / ".gatewayctl")

    def up(self) -> StartReport:
        return report_of(self.runtime().start())


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Stack(folder=tmp_path / "project")
    made.settings()
    made.layout.make()
    # The cluster was made before: making one is a test of its own.
    made.layout.postgres_data.mkdir()
    return made


# Start


def test_a_start_from_nothing_begins_with_the_database_and_its_tables(stack: Stack) -> None:
    seen, report = driven(stack.runtime().start())

    told = stack.supervisor.since()
    assert told == ["begin", "start postgres", "start litellm", "start phoenix"]
    assert stack.cluster.told == ["prepare"]
    assert report == StartReport(started=SERVICES)
    assert seen[0].subject == "postgres"
    assert Progress(subject="postgres", state="ready") in seen


def test_a_second_start_changes_nothing(stack: Stack) -> None:
    stack.up()
    stack.supervisor.since()

    assert stack.up() == StartReport(unchanged=SERVICES)
    assert stack.supervisor.since() == []


def test_only_what_runs_with_other_settings_is_restarted(stack: Stack) -> None:
    stack.up()
    stack.supervisor.since()
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    report = stack.up()

    assert report == StartReport(restarted=("phoenix",), unchanged=("postgres", "litellm"))
    assert stack.supervisor.since() == ["stop phoenix", "start postgres", "start phoenix"]


def test_litellm_is_restarted_when_its_configuration_was_rendered_anew(stack: Stack) -> None:
    stack.up()
    config = stack.folder / "compose" / "litellm_config.yaml"
    config.parent.mkdir()
    config.write_text("model_list: []\n")

    assert stack.up().restarted == ("litellm",)
    assert stack.up().changed is False


def test_a_service_that_does_not_run_is_started(stack: Stack) -> None:
    stack.up()
    assert stack.supervisor.states is not None
    stack.supervisor.states["litellm"] = "failed"

    assert stack.up() == StartReport(started=("litellm",), unchanged=("postgres", "phoenix"))


def test_a_service_is_stopped_before_the_one_it_needs(stack: Stack) -> None:
    stack.up()
    stack.supervisor.since()
    stack.gateway_yaml = "ports: {postgres_litellm: 15433}\n"

    report = stack.up()

    assert report.restarted == SERVICES
    assert stack.supervisor.since()[:3] == ["stop phoenix", "stop litellm", "stop postgres"]


def test_a_variable_of_the_process_environment_that_changed_restarts_everything(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up()
    stack.supervisor.since()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")

    report = stack.up()

    assert report.restarted == SERVICES
    assert "end" in stack.supervisor.since()
    assert stack.supervisor.environment["HTTPS_PROXY"] == "http://proxy:3128"


def test_when_the_supervisor_is_replaced_no_service_is_left_behind(stack: Stack) -> None:
    stack.up()
    stack.layout.supervisor_config.write_text("of another version of gatewayctl")
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    report = stack.up()

    assert report.restarted == SERVICES
    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
    assert stack.up().changed is False


def test_the_services_can_be_known_as_ours(stack: Stack) -> None:
    stack.up()

    environment = stack.supervisor.environment
    assert environment["GATEWAYCTL_STATE_DIR"] == str(stack.layout.state_dir)


def test_nothing_secret_is_written_to_the_state_folder(stack: Stack) -> None:
    stack.up()

    written = [path for path in stack.layout.state_dir.rglob("*") if path.is_file()]
    assert stack.layout.fingerprints in written
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert "password" not in text
        assert MASTER_KEY not in text


def test_fingerprints_that_cannot_be_read_restart_everything(stack: Stack) -> None:
    stack.up()
    stack.layout.fingerprints.write_text("{half")

    assert stack.up().restarted == SERVICES


def test_a_database_that_ended_is_told_with_its_last_lines(stack: Stack) -> None:
    stack.cluster.dead = True
    stack.layout.log("postgres").write_text("FATAL:  could not create shared memory\n")
    start = stack.runtime().start()
    stack.supervisor.exits["postgres"] = "exit code 1"
    next(start)
    original = FakeSupervisor.start

    def dies(self: FakeSupervisor, service: str) -> None:
        original(self, service)
        assert self.states is not None
        self.states[service] = "failed"

    stack.supervisor.start = dies.__get__(stack.supervisor)  # type: ignore[method-assign]

    with pytest.raises(ServiceFailed, match=r"postgres ended \(exit code 1\)") as failed:
        driven(start)

    assert "could not create shared memory" in failed.value.message


def test_a_new_cluster_is_made_before_the_server_starts(stack: Stack) -> None:
    stack.layout.postgres_data.rmdir()
    initdb = locate().postgres_bin / "initdb"
    initdb.parent.mkdir(parents=True)
    initdb.write_text('#!/bin/sh\ncat > /dev/null\nmkdir "$2"\n')
    initdb.chmod(0o755)

    seen, _ = driven(stack.runtime().start())

    assert stack.layout.postgres_data.is_dir()
    assert Progress(subject="postgres", state="working", detail="new cluster") in seen


# Preflight


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def ports(**chosen: int) -> str:
    """gateway.yaml with these ports, and free ones for the rest."""
    names = ("litellm", "phoenix", "phoenix_grpc", "postgres_litellm")
    with ExitStack() as probes:
        free = [
            probes.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in names
        ]
    found = dict(zip(names, free, strict=True)) | chosen
    return f"ports: {json.dumps(found)}\n"


def test_a_port_that_somebody_holds_is_told_with_who_it_is_and_what_to_set(
    stack: Stack, taken: int
) -> None:
    stack.gateway_yaml = ports(litellm=taken)

    with pytest.raises(PortTaken) as refused:
        stack.runtime().preflight()

    assert f"Port {taken}, which litellm needs, is held by" in refused.value.message
    assert f"(pid {os.getpid()})" in refused.value.message
    assert "ports.litellm" in refused.value.hint


def test_every_taken_port_is_told_at_once(stack: Stack, taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        second = int(other.getsockname()[1])
        stack.gateway_yaml = ports(phoenix=taken, postgres_litellm=second)
        with pytest.raises(PortTaken) as refused:
            stack.runtime().preflight()

    assert len(refused.value.message.splitlines()) == 2
    assert "ports.phoenix" in refused.value.hint
    assert "ports.postgres_litellm" in refused.value.hint


def test_a_port_that_our_own_service_holds_is_free_for_it(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(litellm=taken)
    stack.up()
    stack.supervisor.own_pid = os.getpid()

    stack.runtime().preflight()


LISTEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_port_that_a_left_over_service_of_ours_holds_is_free_for_it(stack: Stack) -> None:
    marked = {"GATEWAYCTL_STATE_DIR": str(stack.layout.state_dir)}
    argv = [sys.executable, "-S", "-E", "-c", LISTEN]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=marked, stdin=pipe, stdout=pipe) as left:
        assert left.stdout is not None
        stack.gateway_yaml = ports(litellm=int(left.stdout.readline()))

        stack.runtime().preflight()


def test_the_port_of_the_second_database_is_not_used_here(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(postgres_phoenix=taken)

    stack.runtime().preflight()


# Restart


def test_one_service_is_restarted_and_the_others_go_on(stack: Stack) -> None:
    stack.up()
    stack.supervisor.since()

    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.since() == ["stop litellm", "start postgres", "start litellm"]


def test_without_names_everything_is_restarted_in_the_order_of_dependency(stack: Stack) -> None:
    stack.up()
    stack.supervisor.since()

    driven(stack.runtime().restart([]))

    assert stack.supervisor.since() == [
        *("stop phoenix", "stop litellm", "stop postgres"),
        *("start postgres", "start litellm", "start phoenix"),
    ]


def test_restarting_one_service_does_not_hide_that_another_runs_with_other_settings(
    stack: Stack,
) -> None:
    stack.up()
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    driven(stack.runtime().restart(["litellm"]))

    assert stack.up().restarted == ("phoenix",)


def test_restarting_one_service_under_a_new_supervisor_leaves_none_behind(stack: Stack) -> None:
    stack.up()
    stack.layout.supervisor_config.write_text("of another version of gatewayctl")

    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
    assert stack.up().changed is False


def test_a_stack_that_does_not_run_is_started_by_a_restart(stack: Stack) -> None:
    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")


# Stop


def test_stopping_tells_what_ran(stack: Stack) -> None:
    stack.up()

    seen, stopped = driven(stack.runtime().stop())

    assert stopped == SERVICES
    assert [event.subject for event in seen if event.state == "stopped"] == list(SERVICES)
    assert stack.supervisor.told[-1] == "end"


def test_stopping_what_does_not_run_stops_nothing(stack: Stack) -> None:
    assert driven(stack.runtime().stop()) == ([], ())


def test_what_a_killed_supervisor_left_behind_is_ended(stack: Stack) -> None:
    marked = {"GATEWAYCTL_STATE_DIR": str(stack.layout.state_dir)}
    with subprocess.Popen(["/bin/sleep", "60"], env=marked) as left:
        stopped = report_of(stack.runtime().stop())

    assert stopped == ("left-over processes",)
    assert not psutil.pid_exists(left.pid)


def test_data_stays_when_the_stack_is_stopped(stack: Stack) -> None:
    stack.up()
    (stack.layout.postgres_home / "data").mkdir(exist_ok=True)

    driven(stack.runtime().stop())

    assert (stack.layout.postgres_home / "data").is_dir()


def test_data_is_removed_where_that_is_wanted_and_logs_stay(stack: Stack) -> None:
    stack.up()
    stack.layout.log("litellm").write_text("kept")

    driven(stack.runtime().stop(remove_data=True))

    assert sorted(path.name for path in stack.layout.state_dir.iterdir()) == ["logs"]
    driven(stack.runtime().stop(remove_data=True))


def test_data_that_cannot_be_removed_is_not_said_to_be_gone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)

    with pytest.raises(RuntimeProblem, match=r"Cannot remove .*postgres: Permission denied"):
        driven(stack.runtime().stop(remove_data=True))


# States, logs, names


def test_a_stack_that_does_not_run_is_told_service_by_service(stack: Stack) -> None:
    states = stack.runtime().states()

    assert [state.service for state in states] == list(SERVICES)
    assert {state.state for state in states} == {"stopped"}
    assert {state.uptime for state in states} == {None}
    assert [state.address for state in states] == [
        "127.0.0.1:5433",
        "http://127.0.0.1:4000",
        "http://127.0.0.1:6006",
    ]


def test_a_service_that_failed_says_how_it_ended_and_has_no_uptime(stack: Stack) -> None:
    stack.up()
    assert stack.supervisor.states is not None
    stack.supervisor.states["litellm"] = "failed"
    stack.supervisor.exits = {"litellm": "exit code 3", "phoenix": "exit code 9"}

    _, litellm, phoenix = stack.runtime().states()

    assert (litellm.state, litellm.detail, litellm.uptime) == ("failed", "exit code 3", None)
    assert (phoenix.state, phoenix.detail) == ("running", "")
    assert phoenix.uptime is not None
    assert phoenix.uptime > 0


def test_the_database_is_asked_for_a_login_and_the_others_over_http(stack: Stack) -> None:
    stack.cluster.takes_logins = False
    runtime = stack.runtime()

    assert runtime.healthy("postgres") is False
    assert runtime.healthy("litellm") is None


def test_a_listener_of_somebody_else_is_not_owned(stack: Stack, taken: int) -> None:
    stack.up()

    assert not stack.runtime().owns("litellm", taken)
    assert not stack.runtime().owns("unknown", taken)


def test_versions_come_from_the_environment(stack: Stack) -> None:
    environment = locate()
    environment.root.mkdir(parents=True)
    environment.complete_mark.write_text(json.dumps({"versions": {"litellm": "1.106.2"}}))

    assert [state.version for state in stack.runtime().states()] == [None, "1.106.2", None]


def test_logs_of_all_or_of_the_named_services(stack: Stack) -> None:
    stack.layout.log("litellm").write_text("2026-11-23T14:00:01.000Z one\n")
    stack.layout.log("phoenix").write_text("2026-11-23T14:00:02.000Z two\n")
    runtime = stack.runtime()

    every = runtime.logs([], tail=None, since=None, follow=False)
    named = runtime.logs(["phoenix"], tail=None, since=None, follow=False)

    assert [line.service for line in every] == ["litellm", "phoenix"]
    assert [line.text for line in named] == ["two"]
    assert runtime.last_lines("litellm") == "2026-11-23T14:00:01.000Z one"


def test_a_service_that_does_not_exist_is_refused_at_once(stack: Stack) -> None:
    with pytest.raises(UnknownService, match="There is no service 'redis' here") as refused:
        stack.runtime().logs(["redis"], tail=None, since=None, follow=False)
    with pytest.raises(UnknownService):
        driven(stack.runtime().restart(["redis"]))

    assert "postgres, litellm, phoenix" in refused.value.hint


def test_emptying_the_database_of_litellm_leaves_phoenix_alone(stack: Stack) -> None:
    stack.up()
    stack.supervisor.since()
    stack.cluster.told.clear()

    driven(stack.runtime().empty_litellm_database())

    assert stack.supervisor.since() == ["stop litellm", "start postgres"]
    assert stack.cluster.told == ["prepare", "empty litellm"]
    assert stack.up() == StartReport(started=("litellm",), unchanged=("postgres", "phoenix"))


def test_the_database_of_a_stopped_stack_can_be_emptied(stack: Stack) -> None:
    driven(stack.runtime().empty_litellm_database())

    assert stack.supervisor.since() == ["begin", "start postgres"]


def test_nothing_newer_than_what_is_locked_can_be_fetched(stack: Stack) -> None:
    locate().root.mkdir(parents=True)
    locate().complete_mark.write_text("{}")

    refreshed, _ = driven(stack.runtime().prepare(refresh=True))
    quiet, _ = driven(stack.runtime().prepare())

    assert [event.state for event in refreshed] == ["unchanged"]
    assert quiet == []


def test_the_real_supervisor_is_used_where_no_test_hands_in_another(stack: Stack) -> None:
    assert isinstance(EmbeddedRuntime(stack.settings())._supervisor, Supervisor)
