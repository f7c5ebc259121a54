"""Budgets, rates, teams and users of gateway.yaml on the real LiteLLM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.settings.declared.limits import KEY_LIMITS, TEAM_LIMITS, USER_LIMITS
from tests.e2e.conftest import Project
from tests.e2e.limited_keys import IGNORED, KEY, LICENSED, OF_KIND, OTHERS, TEAM, USER, Limited
from tests.e2e.litellm_database import LiteLLMDatabase
from tests.e2e.test_keys_life import chat_status, management


@pytest.fixture
def limited(stack: Project) -> Iterator[Limited]:
    made = Limited(stack)
    yield made
    made.declare(keys={"litellm-dev": "LITELLM_API_KEY", "litellm-eval": "LITELLM_EVAL_KEY"})
    pruned = made.sync(prune=True)
    made.file.write_text(made.before, encoding="utf-8")
    assert (pruned.problem, made.sync().problem) == (None, None)


@pytest.fixture
def whole(limited: Limited) -> Limited:
    """Every field is declared, and created."""
    limited.declare(users={"ada": USER}, teams={"search": TEAM}, keys={"limited": KEY})
    limited.stack.ok("keys", "create")
    return limited


@pytest.mark.full
def test_every_field_of_a_key_a_team_and_a_user_is_created_and_its_drift_shown_and_changed(
    whole: Limited,
) -> None:
    # LiteLLM moves a key only to a team of its user.
    ada = {"team_id": "others", "members_with_roles": [{"role": "user", "user_id": "ada"}]}
    others = management(whole.stack, "POST", "/team/new", json=ada)
    declared_fields = {*KEY, *TEAM, *USER} | {"team_id", "user_id"}
    assert {*KEY_LIMITS, *TEAM_LIMITS, *USER_LIMITS} - LICENSED <= declared_fields

    created = whole.changes()
    seen: dict[str, set[str]] = {}
    for kind, table, identity, path in (
        ("key", KEY_LIMITS, {"key": whole.key()["token"]}, "/key/update"),
        ("team", TEAM_LIMITS, {"team_id": "search"}, "/team/update"),
        ("user", USER_LIMITS, {"user_id": "ada"}, "/user/update"),
    ):
        before = whole.differences(kind)
        for field in (*table, "models"):
            # In the metadata, which is one field for LiteLLM.
            if field in LICENSED or field == "tags" or (kind, field) in IGNORED:
                continue
            other = OF_KIND.get((kind, field), OTHERS[field])
            whole.change(path, **identity, **{field: other})
            after_it = whole.differences(kind)
            seen[f"{kind} {field}"] = after_it - before
            before = after_it
    synced = whole.sync()
    after = whole.changes()
    management(whole.stack, "POST", "/team/delete", json={"team_ids": [others["team_id"]]})

    assert created == {}
    wrong = {
        name: found
        for name, found in seen.items()
        if len(found) != 1
        or not next(iter(found)).startswith(name.split()[1].removesuffix("_id") + ": ")
    }
    assert wrong == {}
    assert seen["key max_budget"] == {"max_budget: 7 → 5"}
    assert seen["key team_id"] == {"team: others → search"}
    assert seen["team rpm_limit"] == {"rpm_limit: 61 → 1000"}
    assert synced.problem is None
    assert after == {}


def test_plan_sync_check_and_list_show_one_changed_field_and_a_change_keeps_value_and_spend(
    whole: Limited,
) -> None:
    stack, before = whole.stack, whole.stack.secrets()["LIMITED_KEY"]
    whole.change("/key/update", key=whole.key()["token"], spend=1.5, max_budget=7)
    told = "max_budget: 7 → 5"

    planned = stack.run("plan", "--json")
    synced = stack.run("keys", "sync", "--dry-run", "--json")
    checked = stack.run("keys", "check", "--json")
    listed = {key["alias"]: key for key in stack.data("keys", "list")["keys"]}["limited"]
    for_people = [stack.run(*words).stdout for words in (["plan"], ["keys", "list"])]
    changed = stack.data("keys", "sync")
    again = stack.run("plan")

    (plan,) = json.loads(planned.stdout)["data"]["keys"]
    (sync,) = (k for k in json.loads(synced.stdout)["data"]["keys"] if k["alias"] == "limited")
    (check,) = (k for k in json.loads(checked.stdout)["data"]["keys"] if k["alias"] == "limited")
    assert [planned.returncode, synced.returncode, checked.returncode] == [8, 8, 8]
    assert (plan["action"], plan["changes"]) == ("update", [told])
    assert (sync["action"], sync["changes"]) == ("update", [told])
    assert (check["ok"], check["differs"], check["reason"]) == (False, [told], told)
    assert listed["differs"] == [told]
    assert (listed["team"], listed["user"], listed["max_budget"]) == ("search", "ada", 7)
    assert all(told in " ".join(output.split()) for output in for_people)
    assert changed["changed"]
    assert (whole.key()["max_budget"], whole.key()["spend"]) == (5, 1.5)
    assert stack.secrets()["LIMITED_KEY"] == before
    assert chat_status(stack, before) == 200
    assert again.returncode == 0


def test_a_field_that_is_declared_no_more_is_removed_and_one_set_in_litellm_stays(
    whole: Limited,
) -> None:
    whole.change("/key/update", key=whole.key()["token"], blocked=None)
    whole.declare(keys={"limited": {"env": "LIMITED_KEY", "rpm_limit": 60, "models": ["demo"]}})
    shown = whole.changes()["limited"]
    whole.stack.ok("keys", "sync")
    bare = whole.key()
    whole.change("/key/update", key=bare["token"], tpm_limit=9)

    kept = whole.sync()

    (step,) = (key for key in kept.keys if key.alias == "limited")
    assert {"team: search → -", "max_budget: 5 → -", "tags: batch, night → -"} <= set(shown)
    assert (bare["team_id"], bare["max_budget"], bare["rpm_limit"]) == (None, None, 60)
    assert (bare["allowed_routes"], bare["aliases"]) == (["llm_api_routes"], {})
    assert "tags" not in bare["metadata"]
    assert (step.action, step.undeclared) == ("none", ("tpm_limit: 9",))
    assert whole.key()["tpm_limit"] == 9


def test_a_spent_budget_an_expired_key_a_reached_rate_and_a_wrong_key_are_told_apart(
    limited: Limited, embedded_environment: Environment
) -> None:
    stack = limited.stack
    limited.declare(
        users={"poor": {"max_budget": 0}},
        teams={"spent": {"max_budget": 2}, "windows": {"budget_limits": [
            {"budget_duration": "1d", "max_budget": 0}]}},
        keys={
            "broke": {"env": "BROKE_KEY", "max_budget": 5},
            "old": {"env": "OLD_KEY", "duration": "1s"},
            "wrong": {"env": "WRONG_KEY"},
            "slow": {"env": "SLOW_KEY", "rpm_limit": 1},
            "of-poor": {"env": "POOR_KEY", "user": "poor"},
            "of-spent": {"env": "SPENT_KEY", "team": "spent"},
            "of-window": {"env": "WINDOW_KEY", "team": "windows"},
            "narrow": {"env": "NARROW_KEY", "allowed_routes": ["/v1/embeddings"]},
        },
    )  # fmt: skip
    stack.ok("keys", "create")
    limited.change("/key/update", key=limited.key("broke")["token"], spend=5)
    database = LiteLLMDatabase(project=stack, environment=embedded_environment)
    database.query("""update "LiteLLM_TeamTable" set spend = 3 where team_id = 'spent'""")
    chat_status(stack, stack.secrets()["SLOW_KEY"])
    env = stack.folder / ".env"
    good = stack.secrets()["WRONG_KEY"]
    env.write_text(env.read_text().replace(good, "sk-" + "x" * 32))
    time.sleep(1.2)

    said = {
        name: stack.run("chat", "--model", "demo", "--key-env", f"{name.upper()}_KEY", "hi")
        for name in ("broke", "old", "wrong", "slow", "poor", "window", "narrow")
    }
    checked = json.loads(stack.run("keys", "check", "--json").stdout)["data"]["keys"]
    states = {key["alias"]: key["state"] for key in stack.data("keys", "list")["keys"]}
    doctor = json.loads(stack.run("doctor", "--json").stdout)["data"]["findings"]
    env.write_text(env.read_text().replace("sk-" + "x" * 32, good))

    def error(name: str) -> str:
        assert said[name].returncode == 6, said[name]
        return " ".join(said[name].stderr.split())

    assert "budget of broke is spent (5.00 of 5.00 USD)" in error("broke")
    assert "budget of user poor is spent (0.00 of 0.00 USD)" in error("poor")
    assert "1d budget of team windows is spent (0.00 of 0.00 USD)" in error("window")
    assert "it expired on 20" in error("old")
    assert "unknown key" in error("wrong")
    assert "rate limit of slow is reached: 1 requests a minute" in error("slow")
    assert "does not let narrow call the route" in error("narrow")
    checks = {key["alias"]: key for key in checked}
    assert {alias for alias, key in checks.items() if key["budget_spent"]} == {
        "broke", "of-poor", "of-spent",
    }  # fmt: skip
    assert "the budget of the key is spent (5.00 of 5.00 USD)" in checks["broke"]["reason"]
    assert "budget of team spent is spent (3.00 of 2.00 USD)" in checks["of-spent"]["reason"]
    accepted = {alias: key["authenticates"] for alias, key in checks.items()}
    assert accepted == dict.fromkeys(checks, True) | {"old": False, "wrong": False}
    assert (states["broke"], states["old"]) == ("budget_spent", "expired")
    assert checks["slow"]["ok"]
    assert checks["narrow"]["ok"]
    assert "key_budget_spent" in {finding["id"] for finding in doctor}


def test_a_rotated_key_keeps_team_user_budget_and_spend_even_if_it_is_spent(
    whole: Limited,
) -> None:
    before = whole.key()
    whole.change("/key/update", key=before["token"], spend=5)

    rotated = whole.stack.data("keys", "rotate", "limited")
    after = whole.key()

    assert rotated["previous"] == "revoked"
    assert after["token"] != before["token"]
    kept = [name for name, limit in KEY_LIMITS.items() if limit.store == "column"]
    assert {name: after[name] for name in kept if name != "budget_limits"} == {
        name: before[name] for name in kept if name != "budget_limits"
    }
    assert after["litellm_budget_table"]["soft_budget"] == 4
    assert after["spend"] == 5
    assert {**after["metadata"]} == {**before["metadata"]}
    assert whole.changes() == {}


def test_teams_of_others_are_not_changed_and_undeclared_ones_are_deleted_only_with_prune(
    limited: Limited,
) -> None:
    stack = limited.stack
    limited.change("/team/new", team_id="theirs", max_budget=1)
    limited.declare(
        teams={"theirs": {"max_budget": 9}, "ours": {"members": ["eve"]}},
        users={"eve": {"user_role": "internal_user"}},
        keys={"app": {"env": "APP_KEY", "team": "ours"}},
    )
    refused = stack.run("keys", "sync", "--json")
    limited.declare(keys={"app": {"env": "APP_KEY", "team_id": "theirs"}})
    kept = stack.data("keys", "sync")
    with_others = management(
        stack, "POST", "/key/generate", json={"team_id": "ours", "key_alias": "foreign"}
    )
    unsafe = stack.run("keys", "sync", "--prune", "--yes", "--json")
    management(stack, "POST", "/key/delete", json={"keys": [with_others["token"]]})
    stack.ok("keys", "sync", "--prune", "--yes")
    teams = {team["team_id"]: team for team in management(stack, "GET", "/team/list")}
    limited.declare(keys={"app": {"env": "APP_KEY", "team_id": "nobody"}})
    unknown = stack.run("keys", "sync", "--json")
    management(stack, "POST", "/team/delete", json={"team_ids": ["theirs"]})

    steps = {team["name"]: team for team in json.loads(refused.stdout)["data"]["teams"]}
    assert refused.returncode == 7
    assert (steps["theirs"]["action"], steps["ours"]["done"]) == ("conflict", True)
    assert [team["action"] for team in kept["teams"]] in ([], ["keep"])
    assert unsafe.returncode == 7
    assert "still has 1 virtual key" in unsafe.stdout
    assert "ours" not in teams
    assert teams["theirs"]["max_budget"] == 1
    assert "LiteLLM has no team 'nobody'" in json.loads(unknown.stdout)["error"]["message"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "guardrails" else pytest.mark.full)
        for name in sorted({*LICENSED} - {"enforced_params", "model_max_budget"})
    ],
)
def test_a_field_that_needs_a_license_is_named_before_anything_is_changed(
    name: str, limited: Limited
) -> None:
    value: Any = True if KEY_LIMITS[name].kind == "flag" else ["one"]
    before = limited.stack.secrets()
    limited.declare(teams={"new": {}}, keys={"app": {"env": "APP_KEY", name: value}})

    refused = limited.stack.run("keys", "create", "--json")

    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, error["code"]) == (6, "license_missing")
    assert f"keys.app.{name} (gateway.yaml line " in error["message"]
    assert limited.stack.secrets() == before
    assert "new" not in {team["team_id"] for team in management(limited.stack, "GET", "/team/list")}


def test_patterns_access_groups_aliases_and_tags_work_as_declared(limited: Limited) -> None:
    stack = limited.stack
    limited.declare(
        keys={
            "group": {"env": "GROUP_KEY", "models": ["relays"]},
            "pattern": {"env": "PATTERN_KEY", "models": ["openai/*"]},
            "alias": {"env": "ALIAS_KEY", "aliases": {"fast": "demo"}, "tags": ["night"]},
        }
    )
    stack.ok("keys", "create")
    keys = stack.secrets()

    def status(key: str, model: str) -> int:
        return httpx.post(
            f"{stack.gateway_url}/v1/chat/completions",
            headers={"authorization": f"Bearer {keys[key]}"},
            json={"model": model, "messages": [{"role": "user", "content": "hi"}]},
            timeout=60,
        ).status_code

    assert (status("GROUP_KEY", "relay"), status("GROUP_KEY", "demo")) == (200, 403)
    # 400: the key may use it, and LiteLLM does not serve it.
    assert (status("PATTERN_KEY", "openai/x"), status("PATTERN_KEY", "demo")) == (400, 403)
    assert status("ALIAS_KEY", "fast") == 200
    assert limited.key("alias")["metadata"]["tags"] == ["night"]
