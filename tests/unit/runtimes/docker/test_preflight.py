"""LiteLLM's own pre-flight, with the words that 1.106.2, 1.108.11 and 1.109.1 really write."""

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


def test_a_configuration_that_loads_has_passed_in_litellm_s_words() -> None:
    check = interpret_result("configuration", ended(0, CONFIG_OK, "18:29:33 - WARNING: trusted\n"))

    assert (check.passed, check.said) == (True, "config OK (6 models)")


def test_a_release_that_does_not_know_the_question_is_no_refusal() -> None:
    check = interpret_result("migrations", ended(2, "", NO_OPTION))

    assert check.passed is None


def test_a_migration_that_fails_is_a_refusal_though_it_ends_with_the_same_code() -> None:
    check = interpret_result("migrations", ended(2, "", BLOCKED))

    assert check.passed is False
    assert check.said == ("LiteLLM Proxy: Database migration cannot proceed. column is not unique")


def test_an_image_that_ends_without_a_word_is_told_by_its_code() -> None:
    assert interpret_result("configuration", ended(126)).said == "exit code 126"


def test_a_line_of_env_that_compose_quotes_is_no_part_of_what_was_said() -> None:
    words = 'failed to read .env: line 3: unexpected character "@" in variable name "A@B=hunter2"'

    check = interpret_result("configuration", ended(1, "", words))

    assert "line 3" in check.said
    assert "hunter2" not in check.said


def test_the_first_refusal_ends_the_questions() -> None:
    docker = FakeDocker(once=[ended(1, "", "LiteLLM: config validation failed: no\n")])

    events, checks = driven(run_preflight(docker, "services: {}"))

    assert [check.passed for check in checks] == [False]
    assert docker.calls == ["once litellm --config /app/config.yaml --validate_config"]
    assert events[-1].state == "failed"


def test_both_questions_are_asked_of_the_image_of_the_compose_file() -> None:
    docker = FakeDocker(once=[ended(0, CONFIG_OK), ended(2, "", NO_OPTION)])

    events, checks = driven(run_preflight(docker, "services: {}"))

    assert [(check.name, check.passed) for check in checks] == [
        ("configuration", True),
        ("migrations", None),
    ]
    assert [event.state for event in events] == ["working", "ready", "working", "unchanged"]
