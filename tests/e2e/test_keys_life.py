"""The life of a virtual key on the real stack, as a user would manage it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project
from tests.e2e.litellm_database import LiteLLMDatabase


def chat_status(project: Project, key: str) -> int:
    """The HTTP status of a chat with this key."""
    return httpx.post(
        f"{project.gateway_url}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
        timeout=60,
    ).status_code


def management(project: Project, method: str, path: str, **rest: Any) -> Any:
    """A call with the master key, without gatewayctl."""
    headers = {"authorization": f"Bearer {project.secrets()['LITELLM_MASTER_KEY']}"}
    url = f"{project.gateway_url}{path}"
    return httpx.request(method, url, headers=headers, timeout=30, **rest).raise_for_status().json()


@pytest.fixture
def other_project(stack: Project, tmp_path: Path) -> Iterator[Project]:
    """Another project on the same gateway, with its own keys."""
    created = Project(folder=tmp_path, ports=stack.ports)
    (tmp_path / ".env").write_text(
        f"LITELLM_MASTER_KEY={stack.secrets()['LITELLM_MASTER_KEY']}\n", encoding="utf-8"
    )
    (tmp_path / ".env").chmod(0o600)
    declare(created, "app: {env: APP_KEY, models: [demo], metadata: {team: search}}")
    yield created
    for alias in ("app", "batch"):
        created.run("keys", "revoke", alias, "--yes")


def declare(project: Project, *keys: str) -> None:
    lines = ["project_name: beside", f"ports: {{litellm: {project.ports['litellm']}}}", "keys:"]
    text = "\n".join([*lines, *(f"  {key}" for key in keys)])
    (project.folder / "gateway.yaml").write_text(f"{text}\n", encoding="utf-8")


def test_a_key_is_created_used_rotated_and_revoked(stack: Project) -> None:
    stack.ok("keys", "create", "life", "--env", "LIFE_KEY", "--model", "demo")
    first = stack.secrets()["LIFE_KEY"]
    output = stack.ok("chat", "--key-env", "LIFE_KEY", "--model", "demo", "Hello")

    rotated = stack.data("keys", "rotate", "life")
    second = stack.secrets()["LIFE_KEY"]
    after_rotation = chat_status(stack, first), chat_status(stack, second)
    checked = {key["alias"]: key for key in stack.data("keys", "check")["keys"]}

    stack.ok("keys", "revoke", "life", "--yes")

    assert "demo model" in output
    assert first != second
    assert (rotated["previous"], rotated["models"]) == ("revoked", ["demo"])
    assert after_rotation == (401, 200)
    assert checked["life"]["ok"]
    assert checked["life"]["management_refused"]
    assert chat_status(stack, second) == 401
    assert "LIFE_KEY" not in stack.secrets()
    assert "life" not in {key["alias"] for key in stack.data("keys", "list")["keys"]}


@pytest.mark.parametrize("ending", ["rotate", "revoke"])
def test_a_shell_older_than_the_end_of_a_key_cannot_register_it_again(
    other_project: Project, ending: str
) -> None:
    other_project.ok("keys", "create")
    old = other_project.secrets()["APP_KEY"]
    older_env = (other_project.folder / ".env").read_text(encoding="utf-8")
    stale = replace(other_project, extra_env={"APP_KEY": old})
    yes = ["--yes"] if ending == "revoke" else []
    other_project.ok("keys", ending, "app", *yes)

    refused = [stale.run("keys", *verb) for verb in (["create"], ["sync"], ["check", "--fix"])]
    from_shell = chat_status(other_project, old)
    # An .env from before, such as one of a copied folder.
    (other_project.folder / ".env").write_text(older_env, encoding="utf-8")
    other_project.ok("keys", "create")

    assert all(done.returncode != 0 for done in refused)
    assert all("unset APP_KEY" in done.stderr for done in refused)
    assert (from_shell, chat_status(other_project, old)) == (401, 401)
    assert chat_status(other_project, other_project.secrets()["APP_KEY"]) == 200


@pytest.mark.parametrize(("count", "each"), [(4, 2), pytest.param(8, 5, marks=pytest.mark.full)])
def test_shells_that_create_keys_at_the_same_time_create_all_of_them(
    other_project: Project, count: int, each: int
) -> None:
    names = [[f"shell-{shell}-{key}" for key in range(each)] for shell in range(count)]

    def make(mine: list[str]) -> list[int]:
        return [other_project.run("keys", "create", name).returncode for name in mine]

    try:
        with ThreadPoolExecutor(count) as shells:
            codes = list(shells.map(make, names))
        secrets = {v for n, v in other_project.secrets().items() if n.startswith("SHELL_")}
        listed = {k["alias"]: k["state"] for k in other_project.data("keys", "list")["keys"]}
    finally:
        other_project.run("keys", "sync", "--prune", "--yes")

    assert codes == [[0] * each] * count
    assert len(secrets) == count * each
    states = [state for alias, state in listed.items() if alias.startswith("shell-")]
    assert states == ["ok"] * (count * each)


def test_with_a_grace_both_keys_work_until_it_ends(other_project: Project) -> None:
    other_project.ok("keys", "create")
    first = other_project.secrets()["APP_KEY"]

    rotated = other_project.data("keys", "rotate", "app", "--grace", "1h")
    second = other_project.secrets()["APP_KEY"]
    at_once = chat_status(other_project, first), chat_status(other_project, second)
    listed = {key["alias"]: key for key in other_project.data("keys", "list")["keys"]}
    (old,) = (alias for alias in listed if listed[alias]["state"] == "retiring")
    # End the grace period.
    token = management(other_project, "GET", "/key/list", params={"key_alias": old})["keys"][0]
    management(other_project, "POST", "/key/update", json={"key": token, "duration": "1s"})
    time.sleep(1.5)
    afterwards = chat_status(other_project, first), chat_status(other_project, second)
    other_project.ok("keys", "create")
    left = [key["alias"] for key in other_project.data("keys", "list")["keys"] if key["env"]]

    assert rotated["previous"] == "retiring"
    assert at_once == (200, 200)
    assert sorted(listed[alias]["state"] for alias in listed if str(alias).startswith("app")) == [
        "ok",
        "retiring",
    ]
    left_of_it = datetime.fromisoformat(listed[old]["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < left_of_it <= timedelta(hours=1)
    assert afterwards == (401, 200)
    assert left == ["app"]


def test_revoking_also_deletes_a_key_in_its_grace_period(other_project: Project) -> None:
    other_project.ok("keys", "create")
    first = other_project.secrets()["APP_KEY"]
    other_project.ok("keys", "rotate", "app", "--grace", "1h")
    second = other_project.secrets()["APP_KEY"]

    revoked = other_project.data("keys", "revoke", "app", "--yes")

    assert len(revoked["revoked"]) == 2
    assert (chat_status(other_project, first), chat_status(other_project, second)) == (401, 401)


def test_check_covers_every_key_of_the_stack(stack: Project) -> None:
    checks = stack.data("keys", "check")["keys"]

    assert {key["alias"] for key in checks} >= {"litellm-dev", "litellm-eval"}
    assert all(key["authenticates"] and key["management_refused"] for key in checks)
    assert all("demo" in key["models"] for key in checks)


def test_check_reports_drift_and_fix_repairs_it(other_project: Project) -> None:
    other_project.ok("keys", "create")
    token = management(other_project, "GET", "/key/list", params={"key_alias": "app"})["keys"][0]
    management(other_project, "POST", "/key/delete", json={"keys": [token]})

    drifted = other_project.run("keys", "check", "--json")
    fixed = other_project.data("keys", "check", "--fix")

    document = json.loads(drifted.stdout)
    assert drifted.returncode == 8
    assert (document["status"], document["error"]["code"]) == ("partial", "drift")
    assert document["data"]["keys"][0]["authenticates"] is False
    assert [key["action"] for key in fixed["fixed"]] == ["replace"]
    assert chat_status(other_project, other_project.secrets()["APP_KEY"]) == 200


def test_sync_makes_the_keys_match_and_a_second_run_changes_nothing(
    other_project: Project,
) -> None:
    other_project.ok("keys", "create")
    other_project.ok("keys", "create", "batch", "--env", "BATCH_KEY")
    before = other_project.secrets()
    declare(other_project, "app: {env: APP_KEY, metadata: {team: ads}, duration: 30d}")

    planned = other_project.run("keys", "sync", "--prune", "--dry-run", "--json")
    unchanged = other_project.secrets() == before
    first = other_project.data("keys", "sync", "--prune", "--yes")
    second = other_project.data("keys", "sync", "--prune")
    shown = other_project.data("keys", "show", "app")

    plan = {key["alias"]: key for key in json.loads(planned.stdout)["data"]["keys"]}
    assert (planned.returncode, unchanged) == (8, True)
    assert plan["app"]["changes"] == [
        "models: demo → all",
        "metadata.team: search → ads",
        "duration: - → 30d",
    ]
    assert plan["batch"]["action"] == "delete"
    assert (first["changed"], second["changed"], second["drift"]) == (True, False, False)
    assert (shown["models"], shown["metadata"]["team"]) == ([], "ads")
    assert shown["expires"] is not None
    assert chat_status(other_project, before["APP_KEY"]) == 200
    assert chat_status(other_project, before["BATCH_KEY"]) == 401
    assert "BATCH_KEY" not in other_project.secrets()


def test_a_key_created_without_gatewayctl_and_another_projects_are_foreign_and_not_changed(
    stack: Project, other_project: Project
) -> None:
    by_hand = management(stack, "POST", "/key/generate", json={"key_alias": "made-by-hand"})
    dev = stack.secrets()["LITELLM_API_KEY"]
    try:
        other_project.ok("keys", "create")
        synced = other_project.data("keys", "sync", "--prune", "--yes")
        rotated = other_project.run("keys", "rotate", "made-by-hand")
        revoked = other_project.run("keys", "revoke", "made-by-hand", "--yes")
        listed = {key["alias"]: key["state"] for key in other_project.data("keys", "list")["keys"]}
        still = chat_status(stack, by_hand["key"]), chat_status(stack, dev)
    finally:
        management(stack, "POST", "/key/delete", json={"keys": [by_hand["token"]]})

    actions = {key["alias"]: key["action"] for key in synced["keys"]}
    assert actions["made-by-hand"] == actions["litellm-dev"] == "foreign"
    assert listed["made-by-hand"] == listed["litellm-dev"] == "foreign"
    assert (rotated.returncode, revoked.returncode) == (6, 6)
    assert still == (200, 200)


def test_a_renamed_variable_keeps_its_key(other_project: Project) -> None:
    other_project.ok("keys", "create")
    secret = other_project.secrets()["APP_KEY"]
    declare(other_project, "app: {env: RENAMED_KEY, models: [demo], metadata: {team: search}}")

    created = other_project.data("keys", "create")

    assert [key["status"] for key in created["keys"]] == ["moved"]
    assert other_project.secrets()["RENAMED_KEY"] == secret
    assert "APP_KEY" not in other_project.secrets()
    assert other_project.data("keys", "sync", "--dry-run")["drift"] is False


def test_a_thousand_keys_are_listed_on_one_screen_and_fast(
    stack: Project, embedded_environment: Environment
) -> None:
    database = LiteLLMDatabase(project=stack, environment=embedded_environment)
    began = time.perf_counter()
    stack.ok("keys", "list")
    few = time.perf_counter() - began
    database.query(
        'insert into "LiteLLM_VerificationToken" (token, key_name, key_alias)'
        " select encode(sha256(('many-' || n)::bytea), 'hex'), 'sk-...many', 'many-' || n"
        " from generate_series(1, 1000) n"
    )
    try:
        began = time.perf_counter()
        pages = [
            management(
                stack,
                "GET",
                "/key/list",
                params={"page": page, "size": 100, "return_full_object": "true"},
            )
            for page in range(1, 11)
        ]
        litellm = time.perf_counter() - began
        began = time.perf_counter()
        output = stack.ok("keys", "list")
        ours = time.perf_counter() - began
        data = stack.data("keys", "list")
    finally:
        database.query("""delete from "LiteLLM_VerificationToken" where key_alias like 'many-%'""")

    assert sum(len(page["keys"]) for page in pages) == 1000
    assert len(data["keys"]) >= 1002
    assert len(output.splitlines()) <= 24
    counted = re.search(r"(\d+) keys not created by gatewayctl", output)
    assert counted is not None
    assert int(counted[1]) >= 1000
    # A generous upper bound, not a measurement.
    assert ours < 4 * (few + litellm), (ours, few, litellm)
