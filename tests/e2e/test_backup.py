"""Backup, reset and restore of a real stack: under load, killed at steps, on another machine.

The tests share one stack and build on each other, in the order of the file.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyrage
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.killing import backups, kill_at, manifest
from tests.e2e.litellm_database import LiteLLMDatabase

COUNT_SPEND = 'select count(*) from "LiteLLM_SpendLogs"'
PROVIDER_KEY = "sk-provider-of-the-admin-ui-0123456789"
LINES = """\
CERTIFICATE="-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----"
export\tCACHE=${HOME}/it's"here"\t# as the application wants it
"""
"""Of .env: no quoting makes every program read these values alike."""

FILES = {
    "litellm.yaml": "include: [conf/models.yaml]\nlitellm_settings: {callbacks: [hooks.stamp]}\n",
    "conf/models.yaml": """\
model_list:
  - model_name: moved
    litellm_params: {model: openai/moved, mock_response: from the included file}
""",
    "hooks.py": """\
from litellm.integrations.custom_logger import CustomLogger

stamp = CustomLogger()
""",
    "prompts/hello.txt": "Hello\n",
}
"""What gateway.yaml refers to, for `GATEWAY`."""
GATEWAY = """\
litellm: litellm.yaml
services: {litellm: {mounts: {/app/prompts: prompts}}}
"""

# Its steps are one story; `make test` backs up and restores as README says.
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with own_stack(tmp_path_factory.mktemp("backup")) as made:
        made.ok("up")
        yield made


@pytest.fixture(scope="module")
def database(project: Project, embedded_environment: Environment) -> LiteLLMDatabase:
    return LiteLLMDatabase(project=project, environment=embedded_environment)


@dataclass
class Story:
    """What was backed up, for the following tests."""

    file: Path | None = None
    key: str = ""
    trace: str = ""
    contents: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@contextmanager
def load(project: Project, *, per_second: float = 5) -> Iterator[list[int]]:
    """Send chat requests at a steady rate while the block runs; yields their status codes."""
    statuses: list[int] = []
    over = threading.Event()
    key = project.secrets()["LITELLM_API_KEY"]

    def send() -> None:
        with httpx.Client(timeout=30) as client:
            due = time.monotonic()
            while not over.is_set():
                statuses.append(chat(client, project, key))
                due += 1 / per_second
                over.wait(max(due - time.monotonic(), 0))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield statuses
    finally:
        over.set()
        sender.join()


def chat(client: httpx.Client, project: Project, key: str) -> int:
    try:
        return client.post(
            f"{project.gateway_url}/v1/chat/completions",
            headers={"authorization": f"Bearer {key}"},
            json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
        ).status_code
    except httpx.HTTPError:
        return 0


def is_accepted(project: Project, key: str) -> bool:
    with httpx.Client(timeout=30) as client:
        return chat(client, project, key) == 200


def traces(project: Project, trace_id: str) -> list[Any]:
    spans = f"{project.phoenix_url}/v1/projects/gateway/spans"
    found: list[Any] = httpx.get(spans, params={"trace_id": trace_id}, timeout=30).json()["data"]
    return found


def store_credential(project: Project) -> None:
    """Store a provider's key as the admin UI does."""
    answer = httpx.post(
        f"{project.gateway_url}/credentials",
        headers={"authorization": f"Bearer {project.secrets()['LITELLM_MASTER_KEY']}"},
        json={
            "credential_name": "provider",
            "credential_values": {"api_key": PROVIDER_KEY},
            "credential_info": {},
        },
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


def wait_until_quiet(database: LiteLLMDatabase) -> None:
    """Wait until LiteLLM has written its spend from memory, which it does every 2 to 7 seconds."""
    seen: list[int] = []
    while len(seen) < 9 or len(set(seen[-9:])) > 1:
        seen.append(int(database.query(COUNT_SPEND)))
        time.sleep(1)


def test_a_backup_under_load_fails_no_request_and_contains_no_plain_credential(
    project: Project, story: Story
) -> None:
    store_credential(project)
    story.trace = project.data("chat", "--model", "demo", "--verify", "before")["trace_id"]
    story.key = project.secrets()["LITELLM_API_KEY"]

    with load(project) as statuses:
        time.sleep(1)
        before = len(statuses)
        data = project.data("backup")
        during = len(statuses) - before
        time.sleep(1)

    assert during >= 3
    assert set(statuses) == {200}
    assert data["contents"]["virtual_keys"] == 2
    assert data["contents"]["spans"] >= 1
    assert PROVIDER_KEY.encode() not in Path(data["file"]).read_bytes()


# Lines of progress at the start or end of a step; tests/unit interrupts at every step.
RESET_STEPS = ("database litellm working", "database litellm ready", "litellm ready")
RESTORE_STEPS = ("services working", "swap of litellm ready", "secrets ready", "litellm working")


@pytest.mark.timeout(900)
def test_a_killed_reset_is_finished_by_the_next_and_the_lost_data_is_in_a_backup(
    project: Project, story: Story, database: LiteLLMDatabase
) -> None:
    wait_until_quiet(database)
    quiet = project.data("backup")
    story.file, story.contents = Path(quiet["file"]), quiet["contents"]

    missed = [step for step in RESET_STEPS if not kill_at(project, step, "reset", "--yes")]
    assert missed == []
    project.ok("reset", "--yes")

    assert not is_accepted(project, story.key)
    assert is_accepted(project, project.secrets()["LITELLM_API_KEY"])
    assert len(traces(project, story.trace)) > 1
    # A kill between drop and create leaves a database without tables.
    counts = [
        manifest(file)["rows"]["litellm"].get("LiteLLM_SpendLogs") for file in backups(project)
    ]
    assert counts.count(story.contents["spend_logs"]) >= 2


@pytest.mark.timeout(900)
def test_a_killed_restore_is_finished_by_the_next(
    project: Project, story: Story, database: LiteLLMDatabase
) -> None:
    words = ("restore", str(story.file), "--yes")
    missed = [step for step in RESTORE_STEPS if not kill_at(project, step, *words)]
    assert missed == []
    report = project.data(*words)

    assert int(database.query(COUNT_SPEND)) == story.contents["spend_logs"]
    assert report["contents"] == story.contents
    assert report["key_opens"] is True
    assert report["credential"] == "decrypted"
    assert project.secrets()["LITELLM_API_KEY"] == story.key
    assert is_accepted(project, story.key)
    assert len(traces(project, story.trace)) > 1
    assert {key["state"] for key in project.data("keys", "list")["keys"]} == {"ok"}
    kept = {path.name for path in (project.folder / ".gatewayctl/backups").iterdir()}
    assert not any(name.startswith(".") for name in kept)
    outcomes = [entry["outcome"] for entry in project.data("audit")["entries"]]
    assert outcomes.count("died") == len(RESTORE_STEPS) + len(RESET_STEPS)


def manage(project: Project, path: str, **body: Any) -> Any:
    """A call with the master key, without gatewayctl."""
    headers = {"authorization": f"Bearer {project.secrets()['LITELLM_MASTER_KEY']}"}
    answer = httpx.post(f"{project.gateway_url}{path}", headers=headers, json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.timeout(600)
def test_keys_made_without_gatewayctl_are_named_before_a_reset_and_can_be_kept(
    project: Project, story: Story, database: LiteLLMDatabase
) -> None:
    team = manage(project, "/team/new", team_alias="search", models=["demo"], max_budget=10)
    by_hand = manage(
        project, "/key/generate", key_alias="by-hand", team_id=team["team_id"], soft_budget=1
    )["key"]
    assert is_accepted(project, by_hand)

    refused = project.run("reset")
    report = project.data("reset", "--yes", "--keep-keys")

    assert "(1 not created by gatewayctl: by-hand)" in refused.stderr
    assert report["lost"]["foreign_keys"] == ["by-hand"]
    assert report["keys_kept"] == 3
    assert int(database.query(COUNT_SPEND)) < story.contents["spend_logs"]
    assert is_accepted(project, by_hand)
    assert is_accepted(project, story.key)
    assert {key["status"] for key in report["keys"]["keys"]} == {"exists"}


@pytest.mark.timeout(600)
def test_an_encrypted_backup_is_restored_on_another_machine(
    project: Project, tmp_path: Path
) -> None:
    made = pyrage.x25519.Identity.generate()
    identity, file = tmp_path / "identity.txt", tmp_path / "moved.age"
    identity.write_text(f"{made}\n", encoding="utf-8")
    with (project.folder / ".env").open("a", encoding="utf-8") as env:
        env.write(LINES)
    for name, content in FILES.items():
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text(content, encoding="utf-8")
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as gateway:
        gateway.write(GATEWAY)
    project.ok("backup", str(file), "--recipient", str(made.to_public()))
    key = project.secrets()["LITELLM_API_KEY"]
    project.ok("down")
    other = Project(folder=tmp_path / "the other's $(id) `id`", ports=project.ports)
    other.folder.mkdir()

    refused = other.run("restore", str(file), "--yes")
    report = other.data("restore", str(file), "--yes", "--identity", str(identity))
    try:
        assert refused.returncode == 4
        assert report["config"] == "restored"
        assert {each["path"]: each["state"] for each in report["files"]} == dict.fromkeys(
            FILES, "restored"
        )
        assert is_accepted(other, key)
        assert "moved" in {model["model"] for model in other.data("models", "list")["models"]}
        # And the same again, into a project that exists.
        theirs, ours = other.folder / ".env", project.folder / ".env"
        assert theirs.read_text(encoding="utf-8") == ours.read_text(encoding="utf-8")
        theirs.write_text(theirs.read_text(encoding="utf-8").removesuffix(LINES), encoding="utf-8")
        other.ok("restore", str(file), "--yes", "--identity", str(identity))
        assert theirs.read_text(encoding="utf-8").endswith(LINES)
    finally:
        other.run("down")
