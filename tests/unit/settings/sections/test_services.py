"""The section services: a database that others run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.declared.external_services import parse_database_url
from gatewayctl.settings.masking import mask
from tests.fakes.projects import problems, project

DECLARED = "services: {postgres: {url_env: DATABASE_URL}}"


@pytest.mark.parametrize("text", [DECLARED, "services: {postgres: DATABASE_URL}"])
def test_the_url_is_read_from_its_variable_and_its_password_is_masked(
    tmp_path: Path, text: str
) -> None:
    url = "postgresql://app:p%40ss-word-of-app@db.example.com/llm"

    settings = project(tmp_path, text, env=f"DATABASE_URL={url}\n")

    assert settings.services.postgres is not None
    assert settings.environment["DATABASE_URL"].reveal() == url
    assert "p@ss-word-of-app" not in mask("login of app with p@ss-word-of-app")


def test_a_variable_that_is_not_set_yet_is_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, DECLARED) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {postgres: {}}", "needs url_env:"),
        ("services: {postgres: {url: x}}", "unknown setting 'url'"),
        ("services: {postgres: {url_env: 'postgresql://u:p@h/d'}}", "name of an environment"),
        ("services: {postgres: {url_env: LITELLM_SALT_KEY}}", "has another meaning"),
        ("services: {postgresql: {url_env: X}}", "did you mean 'postgres'?"),
        ("services: 7", "must be a mapping"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in problem for problem in problems(tmp_path, text))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:p-secret@h/d", "must begin with postgresql://"),
        ("postgresql://h/d", "must name a user, a host and a database"),
        ("postgresql://u:p-secret@h", "must name a user, a host and a database"),
        ("postgresql://u:p-secret@h:port/d", "is not a valid URL"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(
    tmp_path: Path, url: str, said: str
) -> None:
    (problem,) = problems(tmp_path, DECLARED, env=f"DATABASE_URL={url}\n")

    assert said in problem
    assert "p-secret" not in problem


def test_parameters_reach_postgresql_s_own_programs_and_litellm() -> None:
    url = parse_database_url(
        "postgres://a%2Fb:p%40s@[::1]:6543/llm?sslmode=require&schema=gateway&connection_limit=5"
    )

    assert url.address == "[::1]:6543/llm"
    assert url.without_password == (
        "postgresql://a%2Fb@[::1]:6543/llm?sslmode=require&schema=gateway&connection_limit=5"
    )
    found = url.environment()
    assert (found["PGUSER"], found["PGPASSWORD"], found["PGHOST"]) == ("a/b", "p@s", "::1")
    assert (found["PGSSLMODE"], found["PGOPTIONS"]) == ("require", "-c search_path=gateway")
    assert "p@s" not in repr(url)
