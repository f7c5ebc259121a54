from __future__ import annotations

import pytest

from gatewayctl.errors import DatabasePasswordRefused, ServiceFailed
from gatewayctl.runtimes.base import Progress, StartReport
from gatewayctl.runtimes.embedded.environment import ROOT, locate
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.embedded.services import SERVICES
from gatewayctl.runtimes.embedded.supervisor import Supervisor
from tests.fakes.driving import driven
from tests.fakes.environments import fake_install
from tests.fakes.projects import MASTER_KEY
from tests.unit.runtimes.embedded.faked_stack import FakeSupervisor, Stack


def test_a_start_from_nothing_begins_with_the_database_and_its_tables(stack: Stack) -> None:
    seen, report = driven(stack.runtime().start())

    calls = stack.supervisor.take_calls()
    assert calls == ["launch", "start postgres", "start litellm", "start phoenix"]
    assert stack.cluster.calls == ["prepare"]
    assert report == StartReport(started=SERVICES)
    assert seen[0].subject == "postgres"
    assert Progress(subject="postgres", state="ready") in seen


def test_a_second_start_changes_nothing(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()

    assert stack.up() == StartReport(unchanged=SERVICES)
    assert stack.supervisor.take_calls() == []


def test_only_services_whose_settings_changed_are_restarted(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    report = stack.up()

    assert report == StartReport(restarted=("phoenix",), unchanged=("postgres", "litellm"))
    assert stack.supervisor.take_calls() == ["stop phoenix", "start postgres", "start phoenix"]


def test_the_administrator_gets_a_changed_password_while_the_server_is_stopped(
    stack: Stack,
) -> None:
    stack.cluster.refuses = True

    stack.up()

    assert stack.supervisor.take_calls() == [
        *("launch", "start postgres", "stop postgres", "start postgres"),
        *("start litellm", "start phoenix"),
    ]
    assert stack.cluster.calls == ["prepare", "set_admin_password", "prepare"]


def test_a_password_that_a_running_phoenix_uses_is_not_changed(stack: Stack) -> None:
    stack.up()
    stack.cluster.refuses, stack.cluster.takes_logins = True, False

    with pytest.raises(DatabasePasswordRefused):
        stack.runtime().shell("litellm").start()

    assert "set_admin_password" not in stack.cluster.calls


def test_an_up_to_date_stack_whose_database_has_another_password_is_repaired(stack: Stack) -> None:
    stack.up()
    stack.cluster.calls.clear()
    stack.cluster.takes_logins = False

    assert stack.up() == StartReport(unchanged=SERVICES)
    assert stack.cluster.calls == ["prepare"]


def test_litellm_is_restarted_when_its_configuration_file_changed(stack: Stack) -> None:
    stack.up()
    config = stack.folder / "compose" / "litellm_config.yaml"
    config.parent.mkdir()
    config.write_text("model_list: []\n")

    assert stack.up().restarted == ("litellm",)
    assert stack.up().changed is False


def test_a_service_that_has_failed_is_started(stack: Stack) -> None:
    stack.up()
    assert stack.supervisor.states is not None
    stack.supervisor.states["litellm"] = "failed"

    assert stack.up() == StartReport(started=("litellm",), unchanged=("postgres", "phoenix"))


def test_services_are_stopped_before_those_they_depend_on(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()
    stack.gateway_yaml = "ports: {postgres_litellm: 15433}\n"

    report = stack.up()

    assert report.restarted == SERVICES
    assert stack.supervisor.take_calls()[:3] == ["stop phoenix", "stop litellm", "stop postgres"]


def test_a_changed_variable_of_the_process_environment_restarts_everything(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up()
    stack.supervisor.take_calls()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    stack.environ = {"HTTPS_PROXY": "http://proxy:3128"}

    report = stack.up()

    assert report.restarted == SERVICES
    assert "shut_down" in stack.supervisor.take_calls()
    assert stack.supervisor.environment["HTTPS_PROXY"] == "http://proxy:3128"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAYCTL_LOCK_TIMEOUT", "3"),
        ("GATEWAYCTL_PROJECT_NAME", "project"),
        ("LITELLM_PORT", "4000"),
        ("LITELLM_IMAGE", "ghcr.io/berriai/litellm:v1.0.0"),
        ("UI_PASSWORD", "password-of-the-ui"),
        ("LITELLM_API_KEY", "sk-virtual-0123456789abcdef"),
    ],
)
def test_a_variable_with_which_services_get_the_same_restarts_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    stack.up()
    with monkeypatch.context() as other_shell:
        other_shell.setenv(name, value)
        stack.environ = {name: value}

        there = stack.up()

    stack.environ = {}
    assert there == StartReport(unchanged=SERVICES)
    assert stack.up() == StartReport(unchanged=SERVICES)


def test_a_supervisord_that_would_start_other_values_later_is_replaced(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.environ = {"LITELLM_PORT": "14000"}
    with monkeypatch.context() as other_shell:
        other_shell.setenv("LITELLM_PORT", "14000")
        stack.up()
    stack.environ = {}
    stack.gateway_yaml = "ports: {litellm: 14000}\n"
    same = stack.up()
    stack.gateway_yaml = ""

    changed = stack.up()

    assert same == StartReport(unchanged=SERVICES)
    assert changed.restarted == SERVICES
    assert "LITELLM_PORT" not in stack.supervisor.environment


def test_when_supervisord_is_replaced_every_service_runs_again(stack: Stack) -> None:
    stack.up()
    stack.layout.supervisor_config.write_text("of another version of gatewayctl")
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    report = stack.up()

    assert report.restarted == SERVICES
    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
    assert stack.up().changed is False


def test_an_upgraded_gatewayctl_replaces_the_environment_with_the_next_start(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up()
    before = stack.supervisor.environment[ROOT]
    # The folder of another version has another name; here it is in another place.
    monkeypatch.setenv("XDG_CACHE_HOME", str(stack.folder / "other"))
    stack.supervisor.take_calls()

    report = stack.up()

    assert report.restarted == SERVICES
    assert stack.supervisor.take_calls()[-4:] == [
        *("launch", "start postgres", "start litellm", "start phoenix"),
    ]
    assert before != stack.supervisor.environment[ROOT] == str(locate().root)
    assert stack.up() == StartReport(unchanged=SERVICES)


def test_a_supervisord_that_does_not_know_its_environment_is_kept_until_the_next_change(
    stack: Stack,
) -> None:
    """It was started before the variable existed."""
    stack.up()
    known = stack.supervisor.environment
    stack.supervisor.environment = {name: known[name] for name in known if name != ROOT}
    assert stack.up() == StartReport(unchanged=SERVICES)
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    assert stack.up().restarted == SERVICES
    assert stack.supervisor.environment == known


def test_services_are_marked_with_their_state_folder(stack: Stack) -> None:
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


def test_unreadable_fingerprints_restart_everything(stack: Stack) -> None:
    stack.up()
    stack.layout.fingerprints.write_text("{half")

    assert stack.up().restarted == SERVICES


def test_the_failure_of_a_database_that_ended_has_the_end_of_its_log(stack: Stack) -> None:
    stack.cluster.dead = True
    log = stack.layout.log("postgres")
    log.write_text("FATAL:  an earlier failure\n")
    start = stack.runtime().start()
    stack.supervisor.exits["postgres"] = "exit code 1"
    next(start)
    original = FakeSupervisor.start

    def dies(self: FakeSupervisor, service: str) -> None:
        original(self, service)
        assert self.states is not None
        self.states[service] = "failed"
        with log.open("a") as file:
            file.write("FATAL:  could not create shared memory\n")

    stack.supervisor.start = dies.__get__(stack.supervisor)  # type: ignore[method-assign]

    with pytest.raises(ServiceFailed, match=r"postgres ended \(exit code 1\)") as failed:
        driven(start)

    assert "could not create shared memory" in failed.value.message
    assert "an earlier failure" not in failed.value.message


def test_a_missing_cluster_is_created_before_the_server_starts(stack: Stack) -> None:
    stack.layout.postgres_data.rmdir()

    seen, _ = driven(stack.runtime().start())

    assert stack.cluster.calls == ["create", "prepare"]
    assert Progress(subject="postgres", state="working", detail="new cluster") in seen


def test_refreshing_a_complete_environment_reports_that_it_is_locked(stack: Stack) -> None:
    fake_install(locate())

    refreshed, _ = driven(stack.runtime().prepare(refresh=True))
    quiet, _ = driven(stack.runtime().prepare())

    assert [event.state for event in refreshed] == ["unchanged"]
    assert quiet == []


def test_without_fakes_the_runtime_uses_a_real_supervisor(stack: Stack) -> None:
    assert isinstance(EmbeddedRuntime(stack.settings())._supervisor, Supervisor)
