"""The reference stack in `compose/` needs no gatewayctl: Docker Compose and a .env are enough."""

from __future__ import annotations

import json
import secrets
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import free_ports
from tests.e2e.docker.containers import (
    copy_changed,
    docker,
    left_of_project,
    remove_project,
    until,
)

REPOSITORY = Path(__file__).parents[3]
PORTS = ("4000", "6006", "4317", "5433")
SECRETS = ("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "UI_PASSWORD")
KEYS = ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY")
SERVICES = {"litellm", "phoenix", "postgres-litellm", "postgres-phoenix"}


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A copy of the reference stack with its own name and ports."""

    folder: Path
    name: str
    ports: dict[str, str]
    master_key: str

    def compose(self, *words: str) -> str:
        """Run Docker Compose as in README.md."""
        done = docker(
            "compose", "--file", str(self.folder / "compose/docker-compose.yml"),
            "--env-file", str(self.folder / ".env"), *words, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        """The last log lines of every service."""
        done = docker("compose", "--project-name", self.name, "logs", "--tail", "20")
        return done.stdout + done.stderr

    def ask(self, port: str, path: str, body: object = None) -> Any:
        """Ask a service over its published port."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[port]}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.master_key}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def spans_of(self, component: str) -> list[Any]:
        """The spans of a component in Phoenix, which has no project before the first span."""
        where = f"/v1/projects/gateway/spans?attribute=metadata.component:{component}"
        try:
            found: list[Any] = self.ask("6006", where)["data"]
        except urllib.error.HTTPError as refusal:
            if refusal.code != 404:
                raise
            return []
        return found


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Plain]:
    name = f"e2e-plain-{secrets.token_hex(4)}"
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    shutil.copytree(REPOSITORY / "compose", tmp_path / "compose")
    changes = {f'published: "{old}"': f'published: "{new}"' for old, new in ports.items()}
    copy_changed(
        tmp_path / "compose",
        REPOSITORY / "compose/docker-compose.yml",
        {"\nname: gateway\n": f"\nname: {name}\n", **changes},
    )
    values = {key: secrets.token_hex(16) for key in SECRETS}
    values |= {key: f"sk-{secrets.token_hex(16)}" for key in KEYS}
    lines = "".join(f"{key}={value}\n" for key, value in values.items())
    (tmp_path / ".env").write_text(lines, encoding="utf-8")
    try:
        yield Plain(
            folder=tmp_path, name=name, ports=ports, master_key=values["LITELLM_MASTER_KEY"]
        )
    finally:
        remove_project(name)


def test_the_reference_stack_works_with_docker_compose_alone(plain: Plain) -> None:
    plain.compose("config", "--quiet")
    plain.compose("up", "--detach", "--wait")
    states = [json.loads(line) for line in plain.compose("ps", "--format", "json").splitlines()]
    assert {one["Service"]: one["Health"] for one in states} == dict.fromkeys(SERVICES, "healthy")

    question = {
        "model": "demo",
        "messages": [{"role": "user", "content": "Are you there?"}],
        "metadata": {"component": "passthrough"},
    }
    reply = plain.ask("4000", "/v1/chat/completions", question)
    assert reply["choices"][0]["message"]["content"]
    until(lambda: bool(plain.spans_of("passthrough")), seconds=30, what="its span in Phoenix")

    plain.compose("down", "--volumes")
    assert left_of_project(plain.name) == []


def test_without_its_env_the_reference_stack_says_which_variable_is_missing(tmp_path: Path) -> None:
    empty = tmp_path / ".env"
    empty.touch()
    done = docker(
        "compose", "--file", str(REPOSITORY / "compose/docker-compose.yml"),
        "--env-file", str(empty), "config", "--quiet",
    )  # fmt: skip
    assert done.returncode != 0
    assert "is missing a value" in done.stderr
