from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gatewayctl.errors import NotHealthyInTime, ServiceFailed
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.answers import REFUSED, answers, litellm_ready, litellm_without_database
from tests.fakes.clock import FakeClock
from tests.fakes.driving import driven
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, up_and_running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path)


def waited(
    settings: Settings,
    runtime: FakeRuntime,
    *,
    litellm: list[httpx.Response | Exception] | None = None,
    clock: FakeClock | None = None,
    timeout: float | None = 60,
) -> tuple[list[Progress], tuple[ServiceReport, ...]]:
    clock = clock or FakeClock()
    with answers(litellm) as http:
        return driven(
            wait_ready(settings, runtime, http, timeout=timeout, clock=clock, sleep=clock.sleep)
        )


def test_a_stack_that_is_ready_is_not_waited_for(settings: Settings) -> None:
    clock = FakeClock()

    seen, services = waited(settings, up_and_running(), clock=clock)

    assert clock.naps == []
    assert [(event.subject, event.state) for event in seen] == [
        ("postgres", "ready"),
        ("litellm", "ready"),
        ("phoenix", "ready"),
    ]
    assert [service.health for service in services] == ["healthy"] * 3


def test_litellm_is_ready_only_with_a_connected_database(settings: Settings) -> None:
    clock = FakeClock()
    said: list[httpx.Response | Exception] = [
        REFUSED,
        httpx.Response(503, json={"status": "healthy", "db": "disconnected"}),
        litellm_without_database(),
        litellm_ready(),
    ]

    seen, _ = waited(settings, up_and_running(), litellm=said, clock=clock)

    states = [event.state for event in seen if event.subject == "litellm"]
    assert states == ["working", "working", "working", "ready"]
    assert len(clock.naps) == 3


def test_each_service_is_reported_ready_once_and_not_checked_again(settings: Settings) -> None:
    said: list[httpx.Response | Exception] = [REFUSED, REFUSED, litellm_ready()]

    seen, _ = waited(settings, up_and_running(), litellm=said)

    assert [event.subject for event in seen if event.state == "ready"] == [
        "postgres",
        "phoenix",
        "litellm",
    ]


def test_the_first_service_that_fails_is_named_with_the_end_of_its_log(
    settings: Settings,
) -> None:
    runtime = up_and_running(
        looks=[{}, {"phoenix": "failed", "litellm": "failed"}],
        details={"litellm": "exit code 3", "phoenix": "exit code 1"},
        words={"litellm": "first\nthe master key is weak", "phoenix": "cannot connect"},
    )

    with pytest.raises(ServiceFailed) as failed:
        waited(settings, runtime, litellm=[REFUSED])

    message = failed.value.message
    assert message.startswith("litellm failed (exit code 3).\n")
    assert message.endswith("Last lines of its log:\nfirst\nthe master key is weak")
    assert "phoenix" not in message


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        ("exit code 1", " (exit code 1)"),
        ("exit code 3", " (exit code 3)"),
        ("out of memory", " (out of memory): the kernel killed it because its memory ran out"),
        ("signal SIGTERM", " (signal SIGTERM)"),
        ("", ""),
    ],
)
def test_an_exit_is_explained_only_by_what_it_means(
    detail: str, why: str, settings: Settings
) -> None:
    runtime = up_and_running(details={"litellm": detail})
    runtime.processes["litellm"] = "failed"

    with pytest.raises(ServiceFailed) as failed:
        waited(settings, runtime)

    assert failed.value.message == f"litellm failed{why}."


def test_a_service_that_dies_after_it_was_ready_is_noticed_while_others_are_awaited(
    settings: Settings,
) -> None:
    runtime = up_and_running(
        looks=[{}, {"postgres": "failed"}], details={"postgres": "signal SIGSEGV"}
    )

    with pytest.raises(ServiceFailed, match=r"postgres failed \(signal SIGSEGV\)"):
        waited(settings, runtime, litellm=[REFUSED])


def test_a_service_that_crashed_and_restarted_must_become_ready_again(
    settings: Settings,
) -> None:
    runtime = up_and_running()
    clock = FakeClock()

    def crash() -> None:
        runtime.pids["postgres"] = 999
        runtime.takes_logins = len(clock.naps) > 1

    clock.then = crash
    said: list[httpx.Response | Exception] = [REFUSED, litellm_ready()]

    seen, services = waited(settings, runtime, litellm=said, clock=clock)

    about = [event.state for event in seen if event.subject == "postgres"]
    assert about == ["ready", "working", "ready"]
    assert services[0].pid == 999


def test_a_service_that_answers_while_still_starting_is_checked_once(
    settings: Settings,
) -> None:
    runtime = up_and_running()
    runtime.processes["phoenix"] = "starting"

    seen, _ = waited(settings, runtime, litellm=[REFUSED, REFUSED, litellm_ready()])

    assert [event.state for event in seen if event.subject == "phoenix"] == ["ready"]


def test_the_uptimes_in_the_end_are_those_of_the_end(settings: Settings) -> None:
    runtime = up_and_running(uptime=1.0)
    clock = FakeClock()
    clock.then = lambda: setattr(runtime, "uptime", 13.0)

    _, services = waited(settings, runtime, litellm=[REFUSED, litellm_ready()], clock=clock)

    assert [service.uptime for service in services] == [13.0, 13.0, 13.0]


def test_another_process_on_the_port_ends_the_wait_with_a_failure(settings: Settings) -> None:
    runtime = up_and_running(strangers={"litellm"})

    with pytest.raises(ServiceFailed, match="port 4000 is used by another process"):
        waited(settings, runtime)


def test_when_the_time_is_up_the_first_that_is_not_ready_is_named_and_nothing_is_stopped(
    settings: Settings,
) -> None:
    runtime = up_and_running(words={"litellm": "Waiting for application startup."})
    clock = FakeClock()

    with pytest.raises(NotHealthyInTime) as late:
        waited(settings, runtime, litellm=[litellm_without_database()], clock=clock, timeout=5)

    assert late.value.message.startswith(
        "litellm is not ready after 5 s (HTTP 200, database Not connected): "
        "LiteLLM runs without its database."
    )
    assert late.value.message.endswith("Waiting for application startup.")
    assert clock.now - 1000 == pytest.approx(5, abs=0.2)
    assert "stop" not in runtime.calls
    assert runtime.running == {"postgres", "litellm", "phoenix"}


def test_a_service_that_was_not_started_times_out_and_has_not_failed(settings: Settings) -> None:
    runtime = up_and_running()
    runtime.processes["phoenix"] = "stopped"

    with pytest.raises(NotHealthyInTime, match=r"phoenix is not ready after 1 s \(stopped\)\."):
        waited(settings, runtime, timeout=1)


def test_without_a_timeout_the_runtime_says_how_long_a_start_may_take(settings: Settings) -> None:
    runtime = up_and_running(start_seconds=3)
    runtime.processes["phoenix"] = "stopped"

    with pytest.raises(NotHealthyInTime, match="phoenix is not ready after 3 s"):
        waited(settings, runtime, timeout=None)
    # As the help of --timeout says.
    assert (EmbeddedRuntime.start_seconds, DockerRuntime.start_seconds) == (300, 600)


def test_even_without_time_everything_is_looked_at_once(settings: Settings) -> None:
    _, services = waited(settings, up_and_running(), timeout=0)

    assert len(services) == 3


def test_the_log_shown_of_a_failure_is_short(settings: Settings) -> None:
    runtime = up_and_running(words={"litellm": "\n".join(map(str, range(100)))})
    runtime.processes["litellm"] = "failed"

    with pytest.raises(ServiceFailed) as failed:
        waited(settings, runtime)

    assert failed.value.message.splitlines()[2:] == [str(n) for n in range(80, 100)]
