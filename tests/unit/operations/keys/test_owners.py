"""Teams and users beside keys; the real LiteLLM is asked in tests/e2e/test_keys_limits.py."""

from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import Drift, GatewayRefused, LicenseMissing, PartlyDone
from gatewayctl.generators import drain
from gatewayctl.operations.keys.check import check_keys
from gatewayctl.operations.keys.create import ensure_keys
from gatewayctl.operations.keys.owners import CONFLICT_REMEDY
from gatewayctl.operations.keys.rotate import rotate_key
from gatewayctl.operations.keys.sync import sync_keys
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import error as litellm_error
from tests.unit.operations.keys.desk import OURS, Desk

TEAM = (
    "project_name: desk\n"
    "users: {ada: {max_budget: 3}}\n"
    "teams: {search: {rpm_limit: 5, members: [ada]}}\n"
    "keys:\n  app: {env: APP_KEY, team: search, user: ada, max_budget: 5, tags: [night]}\n"
)


@pytest.fixture
def team(desk: Desk) -> Desk:
    desk.config = TEAM
    return desk


def ensure(settings: Settings, gateway: object, **rest: object) -> object:
    return drain(ensure_keys(settings, gateway, settings.keys, **rest))  # type: ignore[arg-type]


def test_users_and_teams_are_created_before_keys_and_marked_as_ours(team: Desk) -> None:
    team.run(ensure)

    created = [path for path in team.fake.paths() if path.endswith(("/new", "/generate"))]
    assert created == ["/user/new", "/team/new", "/key/generate"]
    assert team.fake.teams["search"]["metadata"] == {
        "created_by": "gatewayctl",
        "project": "desk",
        "gatewayctl_fields": ["rpm_limit"],
    }
    sent = team.fake.sent("/key/generate")
    assert (sent["team_id"], sent["user_id"], sent["max_budget"]) == ("search", "ada", 5)
    # At the top it needs a license.
    assert (sent["metadata"]["tags"], "tags" in sent) == (["night"], False)
    assert team.run(sync_keys, dry_run=True).drift is False


def test_a_team_of_others_is_not_changed_and_its_key_is_still_created(team: Desk) -> None:
    team.fake.add_team("search", metadata={"owner": "them"}, rpm_limit=1)

    report = team.run(sync_keys)

    assert [step.action for step in report.teams] == ["conflict"]
    assert "created by others" in str(report.problem)
    assert team.fake.teams["search"]["rpm_limit"] == 1
    assert team.aliases() == ["app"]


def test_a_field_that_was_declared_is_cleared_and_one_set_in_litellm_stays(desk: Desk) -> None:
    desk.healthy(
        metadata={"gatewayctl_fields": ["max_budget", "tags"], "tags": ["a"], "policies": ["p"]},
        max_budget=5.0,
        rpm_limit=7,
    )

    report = desk.run(sync_keys)

    (row,) = desk.fake.keys.values()
    assert report.keys[0].changes == ("max_budget: 5 → -", "tags: a → -")
    assert report.keys[0].undeclared == ("rpm_limit: 7", "policies: p")
    assert (row["max_budget"], row["rpm_limit"]) == (None, 7)
    assert row["metadata"] == {**OURS, "policies": ["p"]}


def test_a_license_that_is_missing_stops_the_verb_before_anything_is_changed(desk: Desk) -> None:
    desk.config = "project_name: desk\nteams: {t: {}}\nkeys: {app: {env: APP_KEY, guardrails: [g]}}"

    for verb in (ensure, sync_keys):
        with pytest.raises(LicenseMissing, match=r"keys.app.guardrails \(gateway.yaml line 3"):
            desk.run(verb)
    assert (desk.fake.keys, desk.fake.teams, desk.stored()) == ({}, {}, None)

    desk.fake.licensed = True
    desk.run(ensure)
    assert desk.fake.sent("/key/generate")["metadata"]["guardrails"] == ["g"]


def test_a_key_of_a_team_that_litellm_lacks_is_refused_and_env_is_as_before(desk: Desk) -> None:
    desk.config = "project_name: desk\nkeys: {app: {env: APP_KEY, team_id: nobody}}\n"

    with pytest.raises(GatewayRefused, match="LiteLLM has no team 'nobody'"):
        desk.run(ensure)

    assert (desk.fake.keys, desk.stored()) == ({}, None)


def test_a_rotated_key_keeps_its_spend_and_a_spent_one_can_be_rotated(desk: Desk) -> None:
    desk.config = "project_name: desk\nkeys: {app: {env: APP_KEY, max_budget: 5}}\n"
    desk.healthy(metadata={"gatewayctl_fields": ["max_budget"]}, max_budget=5.0, spend=6.0)

    checked = desk.run(check_keys).keys[0]
    desk.run(rotate_key, "app")

    assert (checked.state, checked.authenticates, checked.ok) == ("budget_spent", True, False)
    assert checked.reason == "the budget of the key is spent (6.00 of 5.00 USD)"
    sent = desk.fake.sent("/key/generate")
    assert (sent["spend"], sent["max_budget"]) == (6.0, 5)


def test_a_spent_budget_of_the_team_is_a_reason_of_the_key(team: Desk) -> None:
    team.run(ensure)
    team.fake.users["ada"]["spend"] = 3.0

    checked = team.run(check_keys)

    assert checked.keys[0].reason == "the budget of user ada is spent (3.00 of 3.00 USD)"


def test_pruning_deletes_teams_without_keys_only(desk: Desk) -> None:
    mine = {"created_by": "gatewayctl", "project": "desk"}
    desk.healthy()
    desk.fake.add_team("empty", metadata=mine)
    desk.fake.add_team("used", metadata=mine)
    desk.fake.add_team("theirs")
    desk.fake.add("sk-theirs-0123456789abcdef", "theirs", team_id="used")

    report = desk.run(sync_keys, prune=True)

    assert sorted(desk.fake.teams) == ["theirs", "used"]
    assert "still has 1 virtual key" in str(report.problem)


def test_members_are_added_and_removed_where_they_are_declared(team: Desk) -> None:
    team.run(ensure)
    team.fake.teams["search"]["members_with_roles"] = [
        {"role": "admin", "user_id": "default_user_id"},
        {"role": "user", "user_id": "bob"},
    ]

    report = team.run(sync_keys)

    assert report.teams[0].changes == ("members: bob → ada",)
    members = [each["user_id"] for each in team.fake.teams["search"]["members_with_roles"]]
    assert members == ["default_user_id", "ada"]
    assert team.run(sync_keys).changed is False


def test_what_others_created_has_its_own_remedy_wherever_it_is_shown(desk: Desk) -> None:
    desk.config = "project_name: desk\nteams: {theirs: {max_budget: 9}}\nkeys: {app: APP_KEY}\n"
    desk.fake.add_team("theirs", metadata={"owner": "them"})
    desk.run(sync_keys)

    for problem in (desk.run(check_keys).problem, desk.run(sync_keys, dry_run=True).problem):
        assert isinstance(problem, Drift)
        assert "team theirs" in problem.message
        assert "created by others" in problem.message
        assert problem.hint == CONFLICT_REMEDY


def test_a_refused_team_is_reported_and_the_others_and_the_keys_are_still_changed(
    desk: Desk,
) -> None:
    desk.config = (
        "project_name: desk\nteams: {a: {rpm_limit: 5}, b: {rpm_limit: 5}}\nkeys: {app: APP_KEY}\n"
    )
    marks = {"created_by": "gatewayctl", "project": "desk", "gatewayctl_fields": ["rpm_limit"]}
    for name in ("a", "b"):
        desk.fake.add_team(name, rpm_limit=6, metadata=marks)
    update = desk.fake._team_update

    def refuse_one(request: httpx.Request) -> httpx.Response:
        if b'"a"' in request.content:
            return litellm_error(429, "Rate limit exceeded for x", kind="throttling_error")
        return update(request)

    desk.fake.planted["/team/update"] = refuse_one

    synced = desk.run(sync_keys)
    fixed = desk.run(check_keys, fix=True)

    assert [(step.name, step.done) for step in synced.teams] == [("a", False), ("b", True)]
    assert desk.aliases() == ["app"]
    assert fixed.problem is not None
    assert "team a differs: team a: A rate limit is reached" in fixed.problem.message
    assert fixed.problem.hint == PartlyDone.remedy
