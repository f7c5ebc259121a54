"""Internal errors and interruptions: exit codes, messages, and no secret in them."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from gatewayctl.runtimes.base import ServiceState
from tests.fakes.runtime import FakeRuntime
from tests.integration.stack_project import KEY, Project, document


class Buggy(FakeRuntime):
    def states(self) -> tuple[ServiceState, ...]:
        held_secret = KEY
        raise ValueError(f"surprise about {held_secret}")


def test_an_internal_error_has_exit_code_1_and_a_traceback_if_verbose(
    project: Project,
) -> None:
    project.runtime = Buggy()

    quiet, verbose = project.run("status"), project.run("-v", "status")

    assert (quiet.exit_code, verbose.exit_code) == (1, 1)
    assert "Error: Internal error (ValueError): surprise about sk-…WXYZ" in quiet.stderr
    assert "Run again with -v" in quiet.stderr
    assert "Traceback" not in quiet.stderr
    assert "Traceback (most recent call last)" in verbose.stderr
    assert "in states" in verbose.stderr


def test_no_traceback_contains_a_key(project: Project) -> None:
    project.runtime = Buggy()

    for words in (["status"], ["-v", "status"], ["-v", "status", "--json"]):
        result = project.run(*words)
        assert KEY not in result.output


def test_an_internal_error_is_a_json_document_too(project: Project) -> None:
    project.runtime = Buggy()

    found = document(project.run("status", "--json"))

    assert (found["command"], found["error"]["code"]) == ("status", "bug")


def test_control_c_anywhere_is_exit_code_130(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed() -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(project.runtime, "states", pressed)

    assert project.run("status").exit_code == 130
    assert document(project.run("status", "--json"))["error"]["code"] == "interrupted"


def test_an_aborted_question_is_an_interruption_and_not_an_internal_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed() -> Any:
        raise typer.Abort

    monkeypatch.setattr(project.runtime, "states", pressed)

    assert project.run("status").exit_code == 130
