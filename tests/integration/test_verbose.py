"""``--verbose``: what was done, on stderr, with secrets masked."""

from __future__ import annotations

import logging

import pytest

from tests.integration.stack_project import Project, document


@pytest.mark.parametrize("words", [["-v", "up"], ["up", "-v"], ["up", "-qv"]], ids=" ".join)
def test_requests_files_and_the_lock_are_logged_on_stderr(
    words: list[str], project: Project
) -> None:
    project.run("init")
    project.litellm.master = project.secrets()["LITELLM_MASTER_KEY"]

    result = project.run(*words)

    assert result.exit_code == 0, result.output
    assert f"INFO  took the lock of {project.folder} for up\n" in result.stderr
    assert f"INFO  wrote {project.folder}/compose/litellm_config.yaml (" in result.stderr
    assert f"INFO  wrote {project.folder}/.env\n" in result.stderr
    assert "INFO  POST http://127.0.0.1:4000/key/generate: 200 (" in result.stderr
    assert "DEBUG GET http://127.0.0.1:4000/health/readiness: 200 (" in result.stderr
    assert "INFO " not in result.stdout


def test_no_secret_of_the_project_is_logged(ready: Project) -> None:
    result = ready.run("keys", "rotate", "litellm-dev", "-v")

    assert "INFO  POST" in result.stderr
    for name, value in ready.secrets().items():
        assert value not in result.stderr, name


def test_the_document_is_still_the_only_thing_on_stdout(ready: Project) -> None:
    result = ready.run("status", "--json", "-v")

    assert document(result)["status"] == "success"
    assert "DEBUG GET" in result.stderr


def test_nothing_is_logged_without_it(ready: Project) -> None:
    ready.run("status", "-v")
    result = ready.run("status")

    assert result.stderr == ""
    assert not logging.getLogger("gatewayctl").handlers
