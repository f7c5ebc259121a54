"""LiteLLM's own pre-flight, with the output of 1.106.2, 1.108.11 and 1.109.1."""

from __future__ import annotations

from gatewayctl.runtimes.docker.preflight import interpret_result, run_preflight
from gatewayctl.runtimes.process import Completed
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import driven

CONFIG_OK = """\
\x1b[32mLiteLLM: Proxy initialized with Config, Set models:\x1b[0m
\x1b[32m    gpt-4o\x1b[0m
LiteLLM: config OK (6 models)
"""
NO_OPTION = """\
Usage: litellm [OPTIONS] [CLI_ARGS]...
Try 'litellm --help' for help.

Error: No such option '--check_migrations_against_existing_data'.
"""
BLOCKED = (
    "\x1b[1;31mLiteLLM Proxy: Database migration cannot proceed. column is not unique\x1b[0m\n"
)


def ended(code: int, stdout: str = "", stderr: str = "") -> Completed:
    return Completed(returncode=code, stdout=stdout, stderr=stderr)


def test_a_configuration_that_loads_has_passed_with_litellms_message() -> None:
    check = interpret_result("configuration", ended(0, CONFIG_OK, "18:29:33 - WARNING: trusted\n"))

    assert (check.passed, check.said) == (True, "config OK (6 models)")


def test_a_release_without_the_option_has_no_result() -> None:
    check = interpret_result("migrations", ended(2, "", NO_OPTION))

    assert check.passed is None


def test_a_failed_migration_is_a_failure_despite_the_same_exit_code() -> None:
    check = interpret_result("migrations", ended(2, "", BLOCKED))

    assert check.passed is False
    assert check.said == ("LiteLLM Proxy: Database migration cannot proceed. column is not unique")


def test_a_failure_without_output_is_reported_by_its_exit_code() -> None:
    assert interpret_result("configuration", ended(126)).said == "exit code 126"


def test_a_line_of_env_that_compose_quotes_is_removed_from_the_output() -> None:
    output = 'failed to read .env: line 3: unexpected character "@" in variable name "A@B=hunter2"'

    check = interpret_result("configuration", ended(1, "", output))

    assert "line 3" in check.said
    assert "hunter2" not in check.said


def test_the_first_failure_ends_the_pre_flight() -> None:
    docker = FakeDocker(once=[ended(1, "", "LiteLLM: config validation failed: no\n")])

    events, checks = driven(
        run_preflight(lambda _, args: docker.run_once("services: {}", "litellm", args))
    )

    assert [check.passed for check in checks] == [False]
    assert docker.calls == ["once litellm --config /app/config.yaml --validate_config"]
    assert events[-1].state == "failed"


def test_both_checks_run_in_the_image_of_the_compose_file() -> None:
    docker = FakeDocker(once=[ended(0, CONFIG_OK), ended(2, "", NO_OPTION)])

    events, checks = driven(
        run_preflight(lambda _, args: docker.run_once("services: {}", "litellm", args))
    )

    assert [(check.name, check.passed) for check in checks] == [
        ("configuration", True),
        ("migrations", None),
    ]
    assert [event.state for event in events] == ["working", "ready", "working", "unchanged"]
