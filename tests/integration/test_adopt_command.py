"""`init --from`: what it writes besides litellm.yaml, and what it refuses before it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.env_file.read import read_env_file
from gatewayctl.settings import fields

KEY = "sk-fake-0123456789"
CONFIG = (
    "# My gateway\nmodel_list:\n"
    f"- {{model_name: a, litellm_params: {{model: openai/gpt-4o, api_key: {KEY}}}}}\n"
    "litellm_settings: {callbacks: [hooks.one]}\n"
)
HOOKS = "from helpers import tools\none = tools\n"
COMPOSE = """\
services:
  gateway:
    image: ghcr.io/berriai/litellm:${TAG:-v1.106.2}
    command: [--config=/app/config.yaml, --port, "4000"]
    ports: ["127.0.0.1:${PORT}:4000"]
    env_file: extra.env
    environment:
      - LITELLM_MASTER_KEY=${MASTER}
      - DATABASE_URL=postgresql://u:${PW}@db/llm
      - LITELLM_SALT_KEY=sk-salt-0123456789
      - CREDENTIALS=it's $$5
      - UNSET
    volumes:
      - ./conf/config.yaml:/app/config.yaml:ro
      - {type: bind, source: ./conf/hooks.py, target: /app/hooks.py}
      - ./helpers:/app/helpers
      - ./service.json:/secrets/service.json:ro
    deploy: {replicas: 2}
  db: {image: "postgres:15.4"}
  cache: {image: "redis:7"}
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "TAG", "PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A configuration with modules beside it."""
    folder = tmp_path / "old"
    (folder / "helpers").mkdir(parents=True)
    (folder / "helpers" / "__init__.py").touch()
    (folder / "helpers" / "tools.py").touch()
    (folder / "hooks.py").write_text(HOOKS)
    (folder / "config.yaml").write_text(CONFIG)
    return folder / "config.yaml"


def adopt(folder: Path, file: Path | str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder), "init", "--from", str(file), *arguments])


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".gatewayctl" not in path.parts
    }


def test_modules_come_along_with_what_they_import(tmp_path: Path, original: Path) -> None:
    result = adopt(tmp_path / "new", original, "--json")
    data = json.loads(result.stdout)["data"]["adopted"]
    assert result.exit_code == 0
    assert [file["path"] for file in data["files"]] == [
        "litellm.yaml", "hooks.py", "helpers/__init__.py", "helpers/tools.py",
    ]  # fmt: skip
    assert data["secrets"] == [
        {"name": "OPENAI_API_KEY", "path": "model_list[0].litellm_params.api_key",
         "file": "config.yaml", "line": 3},
    ]  # fmt: skip
    assert KEY not in result.output


def test_a_compose_file_is_taken_over(tmp_path: Path, original: Path) -> None:
    folder = original.parent
    (folder / "conf").mkdir()
    for name in ("config.yaml", "hooks.py"):
        (folder / name).rename(folder / "conf" / name)
    config = CONFIG + "default_vertex_config: {vertex_credentials: /secrets/service.json}\n"
    (folder / "conf" / "config.yaml").write_text(config)
    (folder / "service.json").write_text('{"private_key": "x"}')
    (folder / "extra.env").write_text("EXTRA=1\n")
    (folder / ".env").write_text("MASTER=sk-old-master-0123456789\nPORT=4100\nPW=p w\n")
    (folder / "docker-compose.yml").write_text(COMPOSE)
    new = tmp_path / "new"

    result = adopt(new, folder)

    assert result.exit_code == 0, result.output
    env = {name: entry.value for name, entry in read_env_file(new / ".env").items()}
    expected = {
        "LITELLM_MASTER_KEY": "sk-old-master-0123456789", "LITELLM_SALT_KEY": "sk-salt-0123456789",
        "EXTERNAL_DATABASE_URL": "postgresql://u:p w@db/llm", "CREDENTIALS": "it's $5",
        "EXTRA": "1", "OPENAI_API_KEY": KEY,
    }  # fmt: skip
    assert expected.items() <= env.items()
    gateway = (new / "gateway.yaml").read_text()
    for line in ("litellm: ghcr.io/berriai/litellm:v1.106.2", "litellm: 4100",
                 "postgres: postgres:15.4", "environment: [EXTRA, CREDENTIALS]",
                 "/secrets/service.json: service.json"):  # fmt: skip
        assert f"  {line}" in gateway
    assert (new / "service.json").stat().st_mode & 0o777 == 0o600
    assert "service.json" in (new / ".gitignore").read_text()
    assert (new / "helpers" / "tools.py").exists()
    for named in ("UNSET is not set", "deploy of gateway", "the service cache", "url_env"):
        assert named in result.stdout
    before = files(new)
    assert adopt(new, folder / "docker-compose.yml").stdout.startswith("Nothing changed")
    assert files(new) == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("include: [b.yaml]\n", "b.yaml line 1: include is circular: config.yaml"),
        ("include: [none.yaml]\n", "config.yaml line 1: includes none.yaml, which does not exist"),
        ("include: b.yaml\n", "config.yaml line 1: include must be a list"),
        ("foo: 1\n", "config.yaml line 1: is not a configuration of LiteLLM"),
        ("- 1\n", "config.yaml line 1: is not a configuration of LiteLLM"),
        ("", "config.yaml line 1: is not a configuration of LiteLLM"),
        ("model_list: [\n", "config.yaml line 2: is not valid YAML"),
        ("a: \0\n", "not a text file"),
        ("services: {web: {image: nginx}}\n", "config.yaml line 1: has no service that runs"),
        ("services:\n  llm: {image: litellm:1}\n", "is /app/config.yaml, which is not mounted"),
    ],
)
def test_what_cannot_be_adopted_is_refused_and_nothing_is_written(
    tmp_path: Path, content: str, problem: str
) -> None:
    (tmp_path / "b.yaml").write_text("include: [config.yaml]\n")
    (tmp_path / "config.yaml").write_text(content)
    result = adopt(tmp_path / "new", tmp_path / "config.yaml")
    assert result.exit_code == 3
    assert problem in result.stderr
    assert not (tmp_path / "new").exists()


def test_standard_input_is_no_configuration(tmp_path: Path) -> None:
    assert adopt(tmp_path, "-").exit_code == 2


def test_files_with_another_content_are_kept_unless_forced(tmp_path: Path, original: Path) -> None:
    adopt(tmp_path / "new", original)
    (tmp_path / "new" / "litellm.yaml").write_text("model_list: []\n")
    before = files(tmp_path / "new")

    refused = adopt(tmp_path / "new", original)
    assert (refused.exit_code, files(tmp_path / "new")) == (3, before)
    assert "litellm.yaml: exists already" in refused.stderr

    assert adopt(tmp_path / "new", original, "--force").exit_code == 0
    kept = tmp_path / "new" / ".gatewayctl" / "replaced" / "litellm.yaml.1"
    assert kept.read_text() == "model_list: []\n"
    assert "os.environ/OPENAI_API_KEY" in (tmp_path / "new" / "litellm.yaml").read_text()


def test_a_gateway_yaml_with_models_is_kept_unless_forced(tmp_path: Path, original: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "gateway.yaml").write_text("models: {a: openai/gpt-4o}\n")
    refused = adopt(new, original)
    assert (refused.exit_code, list(files(new))) == (3, ["gateway.yaml"])
    assert adopt(new, original, "--force").exit_code == 0
    assert (new / "gateway.yaml.bak").read_text() == "models: {a: openai/gpt-4o}\n"


def test_a_project_of_init_alone_becomes_that_of_the_adopted_gateway(
    tmp_path: Path, original: Path
) -> None:
    new = tmp_path / "new"
    CliRunner().invoke(app, ["-C", str(new), "init"])
    assert adopt(new, original).exit_code == 0
    assert "\nlitellm: litellm.yaml\n" in (new / "gateway.yaml").read_text()


def test_a_configuration_in_the_project_itself_is_adopted_in_place(original: Path) -> None:
    folder = original.parent
    original.rename(folder / "litellm.yaml")
    assert adopt(folder, folder / "litellm.yaml").exit_code == 0
    assert KEY not in (folder / "litellm.yaml").read_text()
    assert KEY in (folder / ".gatewayctl" / "replaced" / "litellm.yaml.1").read_text()
    before = files(folder)
    assert adopt(folder, folder / "litellm.yaml").stdout.startswith("Nothing changed")
    assert files(folder) == before


def test_an_included_file_outside_is_copied_and_named_anew(tmp_path: Path, original: Path) -> None:
    shared = tmp_path / "models.yaml"
    shared.write_text(f"model_list: []\nlitellm_settings: {{langfuse_secret: {KEY}}}\n")
    original.write_text(f"include:\n  - ../models.yaml  # ours\n{CONFIG}")
    assert adopt(tmp_path / "new", original).exit_code == 0
    adopted = (tmp_path / "new" / "litellm.yaml").read_text()
    assert adopted.startswith("include:\n  - included/models.yaml  # ours\n")
    assert KEY not in (tmp_path / "new" / "included" / "models.yaml").read_text()
    assert KEY in shared.read_text()


def test_what_litellm_drops_silently_is_reported_after_the_adoption(
    tmp_path: Path, original: Path
) -> None:
    original.write_text(CONFIG.replace("litellm_settings", "litelm_settings"))
    result = adopt(tmp_path / "new", original)
    assert result.exit_code == 3
    assert "litellm.yaml line 4 column 1: unknown section 'litelm_settings'" in result.stderr
    assert (tmp_path / "new" / "gateway.yaml").exists()


def compose_file(folder: Path, *, extra: str = "") -> Path:
    """A Compose file whose service has something for every part of gateway.yaml."""
    folder.mkdir()
    (folder / "service.json").write_text('{"private_key": "x"}')
    (folder / "note.prompt").write_text("Hello")
    (folder / "config.yaml").write_text(
        "model_list: []\ndefault_vertex_config: {vertex_credentials: ./service.json}\n"
        "litellm_settings: {prompt_file: ./note.prompt}\n"
    )
    file = folder / "docker-compose.yml"
    file.write_text(
        "services:\n  llm:\n    image: litellm:v1.106.2\n    volumes: [.:/app]\n"
        f"    ports: ['127.0.0.1:4100:4000']\n    environment: {{EXTRA: e, {extra}}}\n"
        "  db: {image: 'postgres:15.4'}\n"
    )
    return file


def test_settings_that_a_kept_gateway_yaml_lacks_are_to_do(tmp_path: Path) -> None:
    file = compose_file(tmp_path / "old")
    new = tmp_path / "new"
    new.mkdir()
    kept = "litellm: litellm.yaml\nports: {litellm: 4100}\n"
    (new / "gateway.yaml").write_text(kept)
    result = adopt(new, file, "--json")
    data = json.loads(result.stdout)["data"]["adopted"]
    assert data["services"] == {}
    (to_do,) = (c["message"] for c in data["conflicts"] if c["place"] == "gateway.yaml")
    assert to_do == (
        "is kept as it is; add to it what was taken over: images.litellm: litellm:v1.106.2;"
        " images.postgres: postgres:15.4; services.litellm.environment: [EXTRA];"
        " services.litellm.files: [note.prompt];"
        " services.litellm.mounts: {/app/service.json: service.json}"
    )
    assert (new / "gateway.yaml").read_text() == kept
    assert adopt(tmp_path / "other", file).exit_code == 0
    again = adopt(tmp_path / "other", file, "--json")
    assert json.loads(again.stdout)["data"]["adopted"]["services"]["ports.litellm"] == "4100"
    assert "is kept as it is" not in again.stdout


def test_the_hint_for_the_old_database_can_be_followed(tmp_path: Path) -> None:
    file = compose_file(tmp_path / "old", extra="DATABASE_URL: 'postgresql://u:p@h/d'")
    new = tmp_path / "new"
    shown = " ".join(adopt(new, file).stdout.split())
    hint = "put `postgres: {url_env: EXTERNAL_DATABASE_URL}` under services: in gateway.yaml"
    assert hint in shown
    text = (new / "gateway.yaml").read_text()
    done = text.replace("\nservices:\n", "\nservices:\n  " + hint.split("`")[1] + "\n")
    (new / "gateway.yaml").write_text(done)
    checked = CliRunner().invoke(app, ["-C", str(new), "render"])
    assert checked.exit_code == 0, checked.output


def test_names_that_yaml_reads_as_something_else_are_quoted(tmp_path: Path) -> None:
    file = compose_file(tmp_path / "old", extra="'ON': '1', 'null': '2', 'Yes': '3'")
    new = tmp_path / "new"
    assert adopt(new, file).exit_code == 0
    text = (new / "gateway.yaml").read_text()
    assert 'environment: [EXTRA, "ON", "null", "Yes"]' in text


KILLED = """
import os, signal, sys
count = 0
def watch(event, arguments):
    global count
    if event == "os.rename":
        count += 1
        if count == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
from gatewayctl.cli.app import app
app(sys.argv[2:])
"""


@pytest.mark.parametrize(
    "step", [2, 4, *(pytest.param(n, marks=pytest.mark.full) for n in (1, 3, 5, 6, 7, 8))]
)
def test_an_adoption_that_was_killed_is_finished_by_the_same_command(
    tmp_path: Path, original: Path, step: int
) -> None:
    new = tmp_path / "new"
    command = ["-C", str(new), "init", "--from", str(original)]
    done = subprocess.run([sys.executable, "-c", KILLED, str(step), *command], check=False)
    assert done.returncode == -9 or step > 6
    assert CliRunner().invoke(app, command).exit_code == 0
    other = tmp_path / "other"
    adopt(other, original)
    # gateway.yaml has the name of the project, and .env the secrets that were generated.
    differ = {".env", "gateway.yaml"}
    expected, found = files(other), files(new)
    assert set(found) == set(expected)
    assert {n: found[n] for n in found if n not in differ} == {
        n: expected[n] for n in expected if n not in differ
    }
    assert found["gateway.yaml"] == expected["gateway.yaml"].replace(b'"other"', b'"new"')
    assert not_generated(new) == not_generated(other) == {"OPENAI_API_KEY": KEY}
    assert set(read_env_file(new / ".env")) == set(read_env_file(other / ".env"))
    assert adopt(new, original).stdout.startswith("Nothing changed")


def not_generated(folder: Path) -> dict[str, str]:
    """The variables of .env but for the secrets of the stack."""
    values = read_env_file(folder / ".env").items()
    return {name: e.value for name, e in values if e.value and name not in fields.STACK_SECRETS}
