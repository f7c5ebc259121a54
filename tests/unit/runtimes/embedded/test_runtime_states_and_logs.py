from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatewayctl.errors import UnknownService
from gatewayctl.runtimes.embedded import packages
from gatewayctl.runtimes.embedded.environment import ROOT, locate
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.embedded.services import SERVICES
from gatewayctl.runtimes.embedded.supervisor import Supervisor
from tests.fakes.driving import driven
from tests.unit.runtimes.embedded.faked_stack import Stack


def test_a_stopped_stack_has_a_state_for_each_service(stack: Stack) -> None:
    states = stack.runtime().states()

    assert [state.service for state in states] == list(SERVICES)
    assert {state.state for state in states} == {"stopped"}
    assert {state.uptime for state in states} == {None}
    assert [state.address for state in states] == [
        "127.0.0.1:5433",
        "http://127.0.0.1:4000",
        "http://127.0.0.1:6006",
    ]


def test_the_address_of_the_database_is_on_loopback_if_the_gateway_is_on_the_lan(
    stack: Stack,
) -> None:
    stack.gateway_yaml = "bind: 192.0.2.7\n"

    addresses = [state.address for state in stack.runtime().states()]

    assert addresses[:2] == ["127.0.0.1:5433", "http://192.0.2.7:4000"]


def test_a_failed_service_has_its_last_exit_and_no_uptime(stack: Stack) -> None:
    stack.up()
    assert stack.supervisor.states is not None
    stack.supervisor.states["litellm"] = "failed"
    stack.supervisor.exits = {"litellm": "exit code 3", "phoenix": "exit code 9"}

    _, litellm, phoenix = stack.runtime().states()

    assert (litellm.state, litellm.detail, litellm.uptime) == ("failed", "exit code 3", None)
    assert (phoenix.state, phoenix.detail) == ("running", "")
    assert phoenix.uptime is not None
    assert phoenix.uptime > 0


def test_the_database_is_checked_by_a_login_and_the_others_over_http(stack: Stack) -> None:
    stack.cluster.takes_logins = False
    runtime = stack.runtime()

    assert runtime.is_healthy("postgres") is False
    assert runtime.is_healthy("litellm") is None


def test_a_port_of_another_process_is_not_owned(stack: Stack, taken: int) -> None:
    stack.up()

    assert not stack.runtime().owns_port("litellm", taken)
    assert not stack.runtime().owns_port("unknown", taken)


def test_versions_come_from_the_environment(stack: Stack) -> None:
    environment = locate()
    environment.root.mkdir(parents=True)
    environment.complete_mark.write_text(json.dumps({"versions": {"litellm": "1.106.2"}}))

    assert [state.version for state in stack.runtime().states()] == [None, "1.106.2", None]


def test_logs_are_read_for_all_or_for_the_given_services(stack: Stack) -> None:
    stack.layout.log("litellm").write_text("2026-11-23T14:00:01.000Z one\n")
    stack.layout.log("phoenix").write_text("2026-11-23T14:00:02.000Z two\n")
    runtime = stack.runtime()

    every = runtime.logs([], tail=None, since=None, follow=False)
    named = runtime.logs(["phoenix"], tail=None, since=None, follow=False)

    assert [line.service for line in every] == ["litellm", "phoenix"]
    assert [line.text for line in named] == ["two"]
    assert runtime.last_lines("litellm") == "2026-11-23T14:00:01.000Z one"


def test_an_unknown_service_is_refused_at_once(stack: Stack) -> None:
    with pytest.raises(UnknownService, match="This project has no service 'redis'") as refused:
        stack.runtime().logs(["redis"], tail=None, since=None, follow=False)
    with pytest.raises(UnknownService):
        driven(stack.runtime().restart(["redis"]))

    assert "postgres, litellm, phoenix" in refused.value.hint


def test_a_service_in_a_crash_loop_has_failed_while_it_starts_again(stack: Stack) -> None:
    stack.up()
    stack.supervisor.states = {"litellm": "starting", "phoenix": "starting"}
    stack.supervisor.loops["litellm"] = "exit code 3"

    states = {state.service: state for state in stack.runtime().states()}

    assert (states["litellm"].state, states["litellm"].detail) == ("failed", "exit code 3")
    assert states["phoenix"].state == "starting"


def test_until_up_has_installed_a_newer_version_the_programs_are_those_that_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`status` and `backup` work after gatewayctl was upgraded: the new psql is not there yet."""
    started_by = tmp_path / "older"
    monkeypatch.setattr(Supervisor, "read_environment", lambda _: {ROOT: str(started_by)})
    monkeypatch.setattr(packages, "ensure", lambda *_: iter(()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))

    runtime = EmbeddedRuntime(stack.settings())
    before = runtime._cluster.environment.root
    list(runtime.prepare())

    assert before == started_by
    assert runtime._cluster.environment == locate()
