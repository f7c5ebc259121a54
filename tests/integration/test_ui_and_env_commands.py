"""``gatewayctl ui`` and ``env``, as scripts see them."""

from __future__ import annotations

import json

import pytest
import typer

from tests.integration.stack_project import KEY, Project, document

# ui


def test_an_address_is_printed_with_how_to_log_in(project: Project) -> None:
    result = project.run("ui", "--print")

    assert result.exit_code == 0
    assert result.stdout == "http://127.0.0.1:4000/ui\n"
    assert result.stderr == "Log in as user admin, password: UI_PASSWORD in .env.\n"


def test_the_page_of_phoenix_as_a_document(project: Project) -> None:
    found = document(project.run("ui", "phoenix", "--print", "--json"))

    assert found["data"] == {"page": "phoenix", "url": "http://127.0.0.1:6006", "login": None}


def test_a_page_is_opened_unless_it_is_only_to_be_printed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)

    project.run("ui", "phoenix")
    project.run("ui", "litellm", "--print")

    assert opened == ["http://127.0.0.1:6006"]


def test_a_page_that_does_not_exist_is_exit_code_2(project: Project) -> None:
    assert project.run("ui", "grafana").exit_code == 2


# env


@pytest.fixture
def keyed(project: Project) -> Project:
    (project.folder / ".env").write_text(f"LITELLM_API_KEY={KEY}\n")
    return project


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ([], f"LLM_BASE_URL=http://127.0.0.1:4000\nLLM_API_KEY={KEY}\n"),
        (
            ["--format", "shell"],
            f"export LLM_BASE_URL=http://127.0.0.1:4000\nexport LLM_API_KEY={KEY}\n",
        ),
        (
            ["--format", "dotenv", "--for", "container"],
            f"LLM_BASE_URL=http://host.docker.internal:4000\nLLM_API_KEY={KEY}\n",
        ),
    ],
)
def test_what_an_application_needs(words: list[str], out: str, keyed: Project) -> None:
    result = keyed.run("env", *words)

    assert (result.exit_code, result.stdout) == (0, out)


def test_what_an_application_needs_as_json(keyed: Project) -> None:
    variables = {"LLM_BASE_URL": "http://127.0.0.1:4000", "LLM_API_KEY": KEY}

    assert json.loads(keyed.run("env", "--format", "json").stdout) == variables
    assert document(keyed.run("env", "--json"))["data"]["variables"] == variables


def test_a_missing_key_is_exit_code_3(keyed: Project) -> None:
    result = keyed.run("env", "--key", "litellm-eval")

    assert result.exit_code == 3
    assert "LITELLM_EVAL_KEY (virtual key litellm-eval) is not set." in result.stderr
    assert result.stdout == ""
