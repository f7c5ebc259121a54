"""The master key, the salt key and the database of the old gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.project.adopt.adopting import adopt_text

MASTER = "sk-old-master-0123456789"
SALT = "sk-old-salt-0123456789"
URL = "postgresql://u:pw@host/db"
REFERENCES = (
    "general_settings:\n"
    "  master_key: os.environ/LITELLM_MASTER_KEY\n"
    "  database_url: os.environ/{}\n"
)


def test_an_old_master_key_becomes_that_of_the_project(tmp_path: Path) -> None:
    key = "sk-old-master-0123456789"
    text = f"general_settings:\n  master_key: {key}\n"
    assert adopt_text(tmp_path, text).env == {"LITELLM_MASTER_KEY": key}
    reference = "general_settings:\n  master_key: os.environ/OLD\n"
    assert adopt_text(tmp_path, reference, environ={"OLD": key}).env == {"LITELLM_MASTER_KEY": key}
    assert "the master key was OLD" in adopt_text(tmp_path, reference).notices


@pytest.mark.parametrize("weak", ["sk-1234", "1234", "no-prefix-0123456789"])
def test_a_weak_master_key_is_not_taken_over(tmp_path: Path, weak: str) -> None:
    adopted = adopt_text(tmp_path, f"general_settings: {{master_key: {weak}}}\n")
    assert adopted.env == {}
    assert "the old master key" in adopted.notices
    assert weak not in adopted.text


def test_a_master_key_of_the_project_is_kept(tmp_path: Path) -> None:
    text = "general_settings: {master_key: sk-old-master-0123456789}\n"
    adopted = adopt_text(tmp_path, text, env="LITELLM_MASTER_KEY=sk-new-master-0123456789\n")
    assert adopted.env == {}
    assert "LITELLM_MASTER_KEY has another value in .env" in adopted.notices
    assert "sk-old" not in adopted.text


def test_an_old_database_is_kept_in_env_and_can_be_used(tmp_path: Path) -> None:
    url = "postgresql://u:pw@host/db"
    adopted = adopt_text(tmp_path, f"general_settings: {{database_url: '{url}'}}\n")
    assert adopted.env == {"EXTERNAL_DATABASE_URL": url}
    assert adopted.data["general_settings"]["database_url"] == "os.environ/DATABASE_URL"
    assert "url_env: EXTERNAL_DATABASE_URL" in adopted.notices


def test_an_old_salt_key_is_taken_over(tmp_path: Path) -> None:
    salt = {"LITELLM_SALT_KEY": "sk-salt-0123456789"}
    text = "environment_variables: {LITELLM_SALT_KEY: sk-salt-0123456789}\n"
    assert adopt_text(tmp_path, text).env == salt
    assert adopt_text(tmp_path, "model_list: []\n", environ=salt).env == salt


def dotenv(folder: Path, **variables: str) -> None:
    """Write a .env beside the original."""
    lines = (f"{name}={value}\n" for name, value in variables.items())
    (folder / ".env").write_text("".join(lines))


@pytest.mark.parametrize("name", ["MY_DB", "DATABASE_URL"])
def test_keys_and_database_in_a_dotenv_beside_the_original_are_taken_over(
    tmp_path: Path, name: str
) -> None:
    dotenv(tmp_path, LITELLM_MASTER_KEY=MASTER, LITELLM_SALT_KEY=SALT, **{name: URL})
    adopted = adopt_text(tmp_path, REFERENCES.format(name))
    kept = "EXTERNAL_DATABASE_URL" if name == "DATABASE_URL" else name
    assert adopted.env == {
        "LITELLM_MASTER_KEY": MASTER, "LITELLM_SALT_KEY": SALT, kept: URL,
    }  # fmt: skip
    assert f"`postgres: {{url_env: {kept}}}` under services:" in adopted.notices
    assert adopted.text == REFERENCES.format(name)
    assert not adopted.plan.secrets


def test_keys_and_the_database_that_litellm_reads_by_itself_are_taken_over(tmp_path: Path) -> None:
    dotenv(tmp_path, LITELLM_MASTER_KEY=MASTER, LITELLM_SALT_KEY=SALT, DATABASE_URL=URL)
    adopted = adopt_text(tmp_path, "model_list: []\n")
    assert adopted.env == {
        "LITELLM_MASTER_KEY": MASTER, "LITELLM_SALT_KEY": SALT, "EXTERNAL_DATABASE_URL": URL,
    }  # fmt: skip
    assert "DATABASE_URL: is EXTERNAL_DATABASE_URL in .env now" in adopted.notices
    assert "`postgres: {url_env: EXTERNAL_DATABASE_URL}` under services:" in adopted.notices


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"])
def test_a_key_of_the_project_is_kept_and_the_old_one_reported(tmp_path: Path, name: str) -> None:
    dotenv(tmp_path, LITELLM_MASTER_KEY=MASTER, LITELLM_SALT_KEY=SALT)
    new = f"{name}=sk-new-key-0123456789\n"
    adopted = adopt_text(tmp_path, REFERENCES.format("X"), env=new)
    assert set(adopted.env) == {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"} - {name}
    assert f"{name} has another value in .env, which is kept" in adopted.notices


def test_what_is_set_nowhere_is_reported(tmp_path: Path) -> None:
    adopted = adopt_text(tmp_path, REFERENCES.format("DATABASE_URL"))
    assert adopted.env == {}
    assert "config.yaml line 2: the master key was LITELLM_MASTER_KEY, which" in adopted.notices
    assert "config.yaml line 3: the address of the old database is DATABASE_URL" in adopted.notices
    assert "put EXTERNAL_DATABASE_URL into .env" in adopted.notices


def test_the_salt_key_of_a_compose_file_is_the_one_its_service_gets(tmp_path: Path) -> None:
    dotenv(tmp_path, LITELLM_SALT_KEY=SALT)
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    compose = (
        "services:\n  llm:\n    image: litellm:1.2.3\n"
        "    volumes: [./config.yaml:/app/config.yaml]\n"
    )
    assert adopt_text(tmp_path, compose, name="compose.yaml").env == {}
    passed = f"{compose}    environment: [LITELLM_SALT_KEY]\n"
    assert adopt_text(tmp_path, passed, name="compose.yaml").env == {"LITELLM_SALT_KEY": SALT}
