"""Marked secrets in every place, every verb and many failures, then a search of all output."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import typer
import yaml
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.canaries import Canaries, Watch, canary, dotenv
from tests.e2e.conftest import Project, own_stack
from tests.e2e.litellm_database import LiteLLMDatabase

VIRTUAL = frozenset({"LITELLM_API_KEY", "LITELLM_EVAL_KEY", "BATCH_KEY"})
# The verbs that may print virtual keys, and no other secret.
PRINTS = {("env",): VIRTUAL, ("keys", "create", "--show"): VIRTUAL}

# The arguments of each verb while the stack runs; other verbs run without arguments.
CALLS: dict[tuple[str, ...], list[list[str]]] = {
    ("chat",): [
        ["--model", "demo", "--component", "passthrough", "Hello"],
        ["--model", "demo", "--no-stream", "--json", "Hello"],
        ["--model", "relay", "Hello"],
        ["--model", "quotes-its-key", "Hello"],
        ["--model", "no-such-model", "Hello"],
        ["--key-env", "LITELLM_MASTER_KEY", "Hello"],
        ["--key-env", "UI_PASSWORD", "Hello"],
        ["--metadata", "nonsense", "Hello"],
        [],
    ],
    ("demo",): [],  # up and chat, with its own models
    ("down",): [],  # runs last
    ("env",): [[], ["--format", "json"], ["--for", "container"], ["--key", "no-such-key"]],
    ("init",): [[], ["--json"]],
    ("keys", "check"): [[], ["--json"], ["--fix", "--json"]],
    ("keys", "create"): [
        [],
        ["--json"],
        ["batch", "--env", "BATCH_KEY", "--duration", "1h"],
        ["batch", "--show"],
        ["by-hand", "--env", "BY_HAND_KEY"],
        ["other", "--env", "UPSTREAM_API_KEY"],
        ["other", "--metadata", "nonsense"],
        ["other", "--model", "no-such-model"],
    ],
    ("keys", "list"): [[], ["--all"], ["--json"]],
    ("keys", "revoke"): [["batch"], ["no-such-key", "--yes"], ["by-hand", "--yes", "--json"]],
    ("keys", "rotate"): [
        ["litellm-dev", "--grace", "1h", "--json"],
        ["litellm-eval"],
        ["by-hand"],
        ["no-such-key"],
        ["litellm-dev", "--grace", "nonsense"],
    ],
    ("keys", "show"): [["litellm-dev"], ["by-hand", "--json"], ["no-such-key"]],
    ("keys", "sync"): [["--dry-run", "--json"], ["--dry-run", "--prune"], []],
    ("logs",): [["--tail", "500"], ["litellm", "--json"], ["no-such-service"]],
    ("models", "list"): [[], ["--json"], ["--check"]],
    ("render",): [[], ["--check", "--json"], ["--diff"]],
    ("reset",): [[]],  # refused without --yes
    ("restart",): [["no-such-service"]],
    ("status",): [[], ["--json"], ["--env"]],
    ("ui",): [["--print"], ["phoenix", "--print", "--json"]],
    ("up",): [[], ["--json"]],
}


class QuotingProvider(BaseHTTPRequestHandler):
    """A provider that quotes the key it refuses, as some do."""

    def log_message(self, *_: object) -> None:
        """No log on stderr."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        message = f"Incorrect API key provided: {self.headers['authorization']}"
        body = json.dumps({"error": {"message": message, "code": "invalid_api_key"}}).encode()
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), QuotingProvider) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    virtual = {name: canary("sk-") for name in ("LITELLM_API_KEY", "LITELLM_EVAL_KEY")}
    passwords = ("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "UI_PASSWORD", "SOMEBODY_ELSES")
    return Canaries(
        values={
            "LITELLM_MASTER_KEY": canary("sk-"),
            "LITELLM_SALT_KEY": canary("sk-"),
            "UPSTREAM_API_KEY": canary("sk-proj-"),
            "OPENAI_API_KEY": canary("sk-"),
            **virtual,
            **{name: canary() for name in passwords},
        }
    )


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment,
    provider: str,
    canaries: Canaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    with own_stack(tmp_path_factory.mktemp("canaries"), upstream=provider) as created:
        config = yaml.safe_load((created.folder / "gateway.yaml").read_text(encoding="utf-8"))
        model = next(iter(config["models"].values()))
        config["models"] = {
            name: {**model, "model": f"openai/{name}"} for name in ("relay", "quotes-its-key")
        }
        (created.folder / "gateway.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        (created.folder / ".env").write_text(dotenv(canaries.values), encoding="utf-8")
        yield created


def verbs() -> list[tuple[str, ...]]:
    """Every command, as its arguments."""

    def below(command: Any, arguments: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield arguments
            return
        for name, each in inner.items():
            yield from below(each, (*arguments, name))

    return list(below(typer.main.get_command(app), ()))


class Searched:
    """Runs gatewayctl and searches all its output."""

    def __init__(self, project: Project, canaries: Canaries) -> None:
        self.project = project
        self.canaries = canaries
        self.exits: dict[str, int] = {}

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = self.project.run("-v", *arguments, stdin=stdin)
        allowed: frozenset[str] = frozenset()
        for verb, names in PRINTS.items():
            if arguments[: 1 if len(verb) == 1 else 2] == verb[:2] and set(verb) <= set(arguments):
                allowed = names
        command = " ".join(arguments)
        self.canaries.search(f"stdout of {command}", done.stdout, allowed=allowed)
        self.canaries.search(f"stderr of {command}", done.stderr)
        self.exits.setdefault(command, done.returncode)
        # New secrets in .env are searched for too.
        self.canaries.values.update(
            {
                f"{name} ({value[-4:]})": value
                for name, value in self.project.secrets().items()
                if value not in self.canaries.values.values()
            }
        )
        return done


def story(searched: Searched) -> None:
    """Run every verb on the running stack, including failures."""
    project = searched.project
    assert searched.run("up", "--timeout", "240").returncode == 0
    headers = {"authorization": f"Bearer {project.secrets()['LITELLM_MASTER_KEY']}"}
    provider_key = searched.canaries.values["OPENAI_API_KEY"]
    url = f"{project.gateway_url}/key/generate"
    httpx.post(url, headers=headers, json={"key_alias": "by-hand"}, timeout=30).raise_for_status()
    for verb in verbs():
        searched.run(*verb, "--help")
        for arguments in CALLS.get(verb, [[]]):
            searched.run(*verb, *arguments)
    elsewhere = str(project.folder / "elsewhere")
    searched.run("-C", elsewhere, "init", "--openai-api-key-stdin", stdin=provider_key)
    searched.run("-C", elsewhere, "init", "--force")
    wrong = canary("sk-")
    searched.canaries.values["a wrong key"] = wrong
    for name, arguments in {
        "LITELLM_MASTER_KEY": ["keys", "create"],
        "LITELLM_API_KEY": ["chat", "--model", "demo", "Hello"],
        "LITELLM_EVAL_KEY": ["keys", "rotate", "litellm-eval"],
        "GATEWAYCTL_RUNTIME": ["status"],
    }.items():
        project.extra_env[name] = wrong
        searched.run(*arguments)
        searched.run(*arguments, "--json")
        del project.extra_env[name]


def files_that_are_wrong(searched: Searched, canaries: Canaries) -> None:
    """Run verbs with invalid settings, with secrets in the places that errors quote."""
    secret = canaries.values["SOMEBODY_ELSES"]
    project = searched.project
    for name, text in (
        ("gateway.yaml", f"models: {{m: {{model: openai/m, api_key: {secret}}}}}\n"),
        ("gateway.yaml", f"keys: {{app: {{env: APP_KEY, metadata: {{password: {secret}}}}}}}\n"),
        ("gateway.yaml", f"master_key: {secret}\n"),
        ("gateway.yaml", f"ports: {{litellm: {secret}}}\n"),
        ("gateway.yaml", f"models: [ {secret}\n"),
        (".env", f"LITELLM_MASTER_KEY='{secret}\nUI_PASSWORD={secret}\n"),
        (".env", f"LITELLM_MASTER_KEY={secret}\n"),
        (".env", f"not a line {secret}\n{secret}\n"),
        (".env", f"LITELLM_API_KEY={secret}$(id)`x`${{y}}\n"),
    ):
        path = project.folder / name
        kept = path.read_bytes()
        path.write_text(text, encoding="utf-8")
        for arguments in (
            ["keys", "list"],
            ["status", "--json"],
            ["render", "--check"],
            ["chat", "x"],
        ):
            done = project.run("-v", *arguments)
            canaries.search(f"{arguments} with {name}: {text[:20]}", done.stdout + done.stderr)
        path.write_bytes(kept)


def spend_logs(project: Project) -> str:
    """The spend logs of every call, as text; LiteLLM writes them some seconds later."""
    headers = {"authorization": f"Bearer {project.secrets()['LITELLM_MASTER_KEY']}"}
    now = datetime.now(UTC)
    params = {
        "start_date": f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}",
        "end_date": f"{now + timedelta(days=1):%Y-%m-%d %H:%M:%S}",
        "page_size": "1000",
    }
    url = f"{project.gateway_url}/spend/logs/v2"
    until = time.monotonic() + 30
    while True:
        answer = httpx.get(url, headers=headers, params=params, timeout=30).raise_for_status()
        rows = answer.json()["data"]
        if {"demo", "quotes-its-key"} <= {row["model_group"] for row in rows}:
            break
        assert time.monotonic() < until, "no spend logs"
        time.sleep(0.5)
    details = [
        httpx.get(
            f"{project.gateway_url}/spend/logs/ui/{row['request_id']}",
            headers=headers,
            params=params,
            timeout=30,
        ).text
        for row in rows
    ]
    return "\n".join([answer.text, *details])


def stored_spans(project: Project) -> str:
    """Every span of every Phoenix project, as text."""
    projects = httpx.get(f"{project.phoenix_url}/v1/projects", timeout=30).json()["data"]
    texts = []
    for each in projects:
        cursor = None
        while True:
            params = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
            url = f"{project.phoenix_url}/v1/projects/{each['id']}/spans"
            answer = httpx.get(url, params=params, timeout=60).raise_for_status()
            texts.append(answer.text)
            cursor = answer.json().get("next_cursor")
            if not cursor:
                break
    found = "\n".join(texts)
    assert '"LLM"' in found
    assert "quotes-its-key" in found
    return found


@pytest.mark.full
@pytest.mark.timeout(900)
def test_no_secret_is_in_any_place_where_it_must_not_be(
    project: Project, canaries: Canaries, embedded_environment: Environment
) -> None:
    searched = Searched(project, canaries)
    with Watch(canaries=canaries) as watch:
        story(searched)
        files_that_are_wrong(searched, canaries)
        spend, spans = spend_logs(project), stored_spans(project)
        database = LiteLLMDatabase(project=project, environment=embedded_environment)
        dump = database.dump("LiteLLM_VerificationToken")
        searched.run("restart", "litellm")
        searched.run("reset", "--yes")
        searched.run("down")
        for arguments in (["keys", "check"], ["chat", "Hello"], ["models", "list", "--json"]):
            searched.run(*arguments)

    canaries.search("the spend logs", spend)
    canaries.search("Phoenix's spans", spans)
    canaries.search("the table of keys", dump)
    # A backup contains .env, so it has the same file mode.
    backups = project.folder / ".gatewayctl" / "backups"
    archives = [path for path in backups.iterdir() if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in archives} == {0o600}
    own = (
        backups,
        project.folder / ".env",
        project.folder / "elsewhere" / ".env",
        project.folder / ".gatewayctl" / "postgres" / "data",
    )
    files = canaries.search_folder(project.folder, but=own)

    assert sorted(set(canaries.hits)) == []
    # Check that the search covered everything.
    assert set(searched.exits.values()) >= {0, 2, 3, 5, 6}
    assert searched.exits["keys rotate litellm-eval"] == 0
    assert "litellm-dev" in dump
    assert files >= 8
    assert watch.scans > 100
    assert any("supervisor" in line for line in watch.seen)


def test_the_traceback_of_an_internal_error_contains_no_secret(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = Canaries(values={"LITELLM_MASTER_KEY": canary("sk-")})
    (tmp_path / ".env").write_text(dotenv(found.values), encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)

    def broken(request: httpx.Request) -> httpx.Response:
        raise RuntimeError(f"no such thing: {request.headers['authorization']}")

    result = CliRunner().invoke(
        app,
        ["-v", "-C", str(tmp_path), "keys", "list"],
        obj=Overrides(transport=httpx.MockTransport(broken)),
        env=dict.fromkeys(found.values),
    )

    found.search("the output", result.output + result.stderr + "".join(capfd.readouterr()))
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert found.hits == []


@pytest.mark.parametrize(
    "leak",
    [str, lambda value: value[:20], lambda value: f"Basic {value[3:]}", lambda v: v.encode().hex()],
)
def test_the_search_finds_a_secret(leak: Callable[[str], str]) -> None:
    secret = canary("sk-")
    found = Canaries(values={"X": secret})

    found.search("nowhere", f"sk-…{secret[-4:]}")
    found.search("here", f"before {leak(secret)} after")

    assert found.hits == (["X in here"] if len(leak(secret)) > 20 else [])


def test_the_watch_sees_the_command_line_of_a_short_process(canaries: Canaries) -> None:
    secret = canary("sk-")
    found = Canaries(values={"X": secret})

    with Watch(canaries=found):
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", secret], check=True)

    assert len(found.hits) == 1
