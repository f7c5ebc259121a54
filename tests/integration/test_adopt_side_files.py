"""`init --from`: the files that come along with a configuration, and where no secret gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app

KEY = "sk-fake-0123456789abcdef"
CONFIG = "model_list:\n- {model_name: a, litellm_params: {model: openai/gpt-4o}}\n"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder), *arguments])


def adopt(folder: Path, files: dict[str, str | bytes], name: str = "config.yaml") -> Path:
    """Adopt the first of these files into a new project."""
    for path, content in files.items():
        (folder / "old" / path).parent.mkdir(parents=True, exist_ok=True)
        body = content.encode() if isinstance(content, str) else content
        (folder / "old" / path).write_bytes(body)
    done = run(folder / "new", "init", "--from", str(folder / "old" / name))
    assert done.exit_code == 0, done.output
    return folder / "new"


def service(project: Path) -> dict[str, object]:
    """What gateway.yaml says of the service litellm."""
    found = yaml.safe_load((project / "gateway.yaml").read_text())["services"]["litellm"]
    assert isinstance(found, dict)
    return found


def check_no_secret_is_public(project: Path, *secrets: str) -> None:
    public = [p for p in project.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    for path in public:
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path


def test_a_folder_with_the_configuration_itself_brings_no_secret_of_it(tmp_path: Path) -> None:
    config = (
        "include: [more.yaml]\n"
        f"{CONFIG}litellm_settings: {{global_prompt_directory: ./, langfuse_secret: {KEY}}}\n"
    )
    more = f"credential_list: [{{credential_name: c, credential_values: {{api_key: {KEY}2}}}}]\n"
    new = adopt(tmp_path, {"config.yaml": config, "more.yaml": more, "hello.prompt": "Hello"})
    check_no_secret_is_public(new, KEY)
    assert "os.environ/" in (new / "more.yaml").read_text()
    assert not (new / "config.yaml").exists()
    assert service(new) == {"files": ["hello.prompt"]}
    assert run(new, "render").exit_code == 0


def test_a_folder_with_a_compose_file_does_not_bring_that_along(tmp_path: Path) -> None:
    compose = (
        "services:\n  llm:\n    image: litellm:1.2.3\n    environment: {WEAK_PASSWORD: hunter22}\n"
        "    volumes: [.:/app]\n"
    )
    new = adopt(
        tmp_path,
        {
            "config.yaml": f"{CONFIG}litellm_settings: {{global_prompt_directory: ./}}\n",
            "compose.yaml": compose,
            "hello.prompt": "Hello",
        },
        "compose.yaml",
    )
    check_no_secret_is_public(new, "hunter22")
    assert not (new / "compose.yaml").exists()


def test_a_file_with_a_secret_or_without_text_is_private_and_mounted(tmp_path: Path) -> None:
    token = "ghp_0123456789abcdefghij"
    named: dict[str, str | bytes] = {
        "t/token.txt": token,
        "server.p12": b"\xff\x00",
        "plain.key": "abc",
        "b.csv": b"\xfe",
    }
    settings = ", ".join(f"file_{index}: ./{name}" for index, name in enumerate(named))
    new = adopt(tmp_path, {"config.yaml": f"{CONFIG}litellm_settings: {{{settings}}}\n", **named})
    for name in named:
        assert (new / name).stat().st_mode & 0o777 == 0o600
        assert name in (new / ".gitignore").read_text().splitlines()
    assert service(new) == {"mounts": {f"/app/{name}": name for name in named}}
    assert run(new, "render").exit_code == 0


def test_a_file_does_not_take_the_place_of_an_included_one(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("model_list: []\n")
    more = "include: [../models.yaml]\nlitellm_settings: {prompt_file: included/models.yaml}\n"
    files: dict[str, str | bytes] = {
        "config.yaml": CONFIG + more, "included/models.yaml": "another: file\n",
    }  # fmt: skip
    new = adopt(tmp_path, files)
    assert (new / "included" / "models.yaml").read_text() == "model_list: []\n"


def test_two_files_for_one_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("model_list: []\n")
    old = tmp_path / "old"
    for folder in ("conf", "included"):
        (old / folder).mkdir(parents=True)
    (old / "included" / "models.yaml").write_text("another: file\n")
    (old / "conf" / "config.yaml").write_text(
        f"include: [../../models.yaml]\n{CONFIG}litellm_settings: {{prompt_file: /p/m.yaml}}\n"
    )
    (old / "compose.yaml").write_text(
        "services:\n  llm:\n    image: litellm:1.2.3\n    volumes:\n"
        "    - ./conf/config.yaml:/app/config.yaml\n    - ./included/models.yaml:/p/m.yaml\n"
    )
    refused = run(tmp_path / "new", "init", "--from", str(old / "compose.yaml"))
    assert refused.exit_code == 3
    assert "would become included/models.yaml, like" in " ".join(refused.output.split())
    assert not (tmp_path / "new").exists()
