from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from gatewayctl.errors import (
    DatabasePasswordRefused,
    GatewayctlError,
    MasterKeyWeak,
    MigrationFailed,
    NotHealthyInTime,
    RuntimeProblem,
    ServiceFailed,
)
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.settings.model import Settings
from tests.fakes.answers import REFUSED, answers
from tests.fakes.clock import FakeClock
from tests.fakes.driving import driven
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime, up_and_running

HERE = Path()
SECRET = "sk-a-secret-of-the-project-0123456789"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=f"LITELLM_MASTER_KEY={SECRET}\n")


def failure(
    settings: Settings,
    runtime: FakeRuntime,
    *,
    phoenix: list[httpx.Response | Exception] | None = None,
) -> GatewayctlError:
    clock = FakeClock()
    with answers([REFUSED], phoenix) as http, pytest.raises(RuntimeProblem) as raised:
        driven(wait_ready(settings, runtime, http, timeout=5, clock=clock, sleep=clock.sleep))
    return raised.value


def test_a_failure_has_the_service_the_finding_and_one_command(settings: Settings) -> None:
    runtime = up_and_running(
        details={"litellm": "exit code 1"}, words={"litellm": "Database setup failed."}
    )
    runtime.processes["litellm"] = "failed"

    error = failure(settings, runtime)

    assert (error.finding, error.service) == ("database_setup_failed", "litellm")
    assert error.hint == (
        "See `gatewayctl logs litellm`. More: docs/troubleshooting.md#database_setup_failed"
    )
    assert error.message.splitlines() == [
        "litellm failed (exit code 1): LiteLLM's database could not be set up.",
        "Last lines of its log:",
        "Database setup failed.",
    ]


def test_services_that_are_not_ready_yet_are_reported_as_waiting(settings: Settings) -> None:
    runtime = up_and_running()
    runtime.processes["litellm"] = "failed"

    error = failure(settings, runtime, phoenix=[REFUSED])

    assert "Still waiting: phoenix." in error.message


def test_a_full_disk_logged_by_postgresql_explains_why_phoenix_exited(
    settings: Settings,
) -> None:
    runtime = up_and_running(
        details={"phoenix": "exit code 1"},
        words={
            "postgres": "FATAL:  could not write to file: No space left on device",
            "phoenix": "the server closed the connection",
        },
    )
    runtime.processes["phoenix"] = "failed"

    error = failure(settings, runtime)

    assert (error.finding, error.service) == ("disk_full", "postgres")
    assert "phoenix exited because of it (exit code 1)." in error.message
    assert "No space left" in error.message


def test_a_service_that_works_explains_only_what_the_failing_one_does_not(
    settings: Settings,
) -> None:
    # Its port was taken at the first try, a minute ago.
    words = {"postgres": "FATAL: could not bind: Address already in use"}
    runtime = up_and_running(words={**words, "litellm": "UnsafeMasterKeyError"})
    runtime.processes["litellm"] = "failed"

    assert failure(settings, runtime).finding == "master_key_weak"
    runtime.words = words
    assert failure(settings, runtime).finding == "port_taken"


def test_a_refused_password_keeps_its_own_code_and_shows_the_variable(settings: Settings) -> None:
    runtime = up_and_running(words={"litellm": "Error: P1000: Authentication failed"})
    runtime.processes["litellm"] = "failed"

    error = failure(settings, runtime)

    assert isinstance(error, DatabasePasswordRefused)
    assert error.finding == error.code == "database_password_refused"
    assert "than LITELLM_POSTGRES_PASSWORD" in error.message


def test_an_unknown_cause_is_a_failed_service(settings: Settings) -> None:
    runtime = up_and_running(details={"phoenix": "exit code 9"}, words={"phoenix": "gibberish"})
    runtime.processes["phoenix"] = "failed"

    error = failure(settings, runtime)

    assert isinstance(error, ServiceFailed)
    assert error.finding == "service_failed"
    assert error.message.endswith("gibberish")


def test_a_late_service_is_diagnosed_by_its_last_answer(
    settings: Settings,
) -> None:
    runtime = up_and_running()
    clock = FakeClock()
    with answers(None, [REFUSED]) as http, pytest.raises(NotHealthyInTime) as late:
        driven(wait_ready(settings, runtime, http, timeout=5, clock=clock, sleep=clock.sleep))

    assert (late.value.finding, late.value.service) == ("phoenix_unreachable", "phoenix")


def test_secrets_in_a_log_are_masked(settings: Settings) -> None:
    words = f"key {SECRET} and postgresql://user:pass-word@127.0.0.1/x"
    runtime = up_and_running(words={"litellm": words})
    runtime.processes["litellm"] = "failed"

    message = failure(settings, runtime).message

    assert SECRET not in message
    assert "pass-word" not in message
    assert "postgresql://user:…@127.0.0.1" in message


@pytest.fixture
def other_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_the_process_that_uses_the_port_is_reported(tmp_path: Path, other_port: int) -> None:
    settings = project(tmp_path, f"ports: {{phoenix: {other_port}}}\n")
    runtime = up_and_running(
        words={"phoenix": "[Errno 98] address already in use"}, strangers={"phoenix"}
    )
    runtime.processes["phoenix"] = "failed"

    error = failure(settings, runtime)

    assert error.finding == "port_taken"
    assert f"Port {other_port} is used by " in error.message


def test_a_full_disk_is_a_failure_of_its_own_and_not_an_internal_error() -> None:
    with (
        pytest.raises(RuntimeProblem, match="The disk is full") as full,
        explain_failures(FakeRuntime(), HERE),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "/data")

    assert full.value.finding == "disk_full"
    assert "/data" in full.value.message


def test_a_full_disk_is_reported_without_a_file_if_none_is_known() -> None:
    with pytest.raises(RuntimeProblem) as full, explain_failures(FakeRuntime(), HERE):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert full.value.message == "The disk is full: No space left on device."


def test_other_operating_system_errors_pass_unchanged() -> None:
    with pytest.raises(PermissionError), explain_failures(FakeRuntime(), HERE):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_a_failure_of_the_runtime_gets_the_finding_that_matches_its_message() -> None:
    runtime = FakeRuntime()
    with pytest.raises(MigrationFailed) as raised, explain_failures(runtime, HERE):
        raise MigrationFailed("Cannot read the applied migrations: FATAL: too many connections")

    assert raised.value.finding == "database_setup_failed"
    assert raised.value.hint.endswith("#database_setup_failed")


def test_a_full_disk_is_found_where_no_text_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0, total=10**9))
    runtime = up_and_running(details={"litellm": "exit code 3"})
    runtime.processes["litellm"] = "failed"

    error = failure(settings, runtime)
    with pytest.raises(RuntimeProblem) as raised, explain_failures(runtime, settings.state_dir):
        raise MigrationFailed("FATAL: could not write init file")

    assert (error.finding, raised.value.finding) == ("disk_full", "disk_full")
    assert "has 0 MB of 1.0 GB free" in raised.value.message


def test_a_specific_failure_keeps_its_own_hint() -> None:
    with pytest.raises(MasterKeyWeak) as raised, explain_failures(FakeRuntime(), HERE):
        raise MasterKeyWeak("no space left on device", hint="as it was")

    assert raised.value.finding is None
    assert raised.value.hint == "as it was"
