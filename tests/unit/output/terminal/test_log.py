from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from gatewayctl.output.terminal.log import start_log
from gatewayctl.settings.masking import remember
from gatewayctl.settings.model import Secret

KEY = "sk-virtual-0123456789abcdefWXYZ"
PASSWORD = Secret("a-password-without-a-known-shape")
LOGGER = logging.getLogger("gatewayctl.runtimes.process")


Log = Callable[..., str]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    """A function that logs one record, and returns what is then on stderr."""

    def write(message: str, *values: object, name: str = LOGGER.name) -> str:
        end = start_log()
        logging.getLogger(name).info(message, *values)
        end()
        return capsys.readouterr().err

    return write


def test_a_record_is_a_line_with_its_time_and_level(log: Log) -> None:
    line = log("ran %s: exit code %d", "docker ps", 0)

    time, level, message = line.rstrip("\n").split(maxsplit=2)
    assert len(time) == len("12:34:56.789")
    assert (level, message) == ("INFO", "ran docker ps: exit code 0")


def test_secrets_are_masked_by_their_value_and_by_their_shape(log: Log) -> None:
    remember([PASSWORD.reveal()])

    line = log(f"psql password={PASSWORD.reveal()} {KEY} postgres://me:hidden@host/db")

    assert PASSWORD.reveal() not in line
    assert KEY not in line
    assert "hidden" not in line


def test_a_command_line_with_line_breaks_and_escapes_is_one_line(log: Log) -> None:
    line = log("ran psql -c 'select 1;\nselect 2\x1b[31m'")

    assert line.endswith(" ran psql -c 'select 1; select 2'\n")


def test_other_libraries_are_not_logged(log: Log) -> None:
    assert log("HTTP Request: GET http://127.0.0.1", name="httpx") == ""


def test_a_line_that_cannot_be_written_is_not_printed_unmasked(log: Log) -> None:
    assert log(f"{KEY} %d", "no number") == ""


def test_nothing_is_formatted_when_the_log_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    start_log()()

    assert not LOGGER.isEnabledFor(logging.INFO)
    LOGGER.info("late")
    assert capsys.readouterr().err == ""
