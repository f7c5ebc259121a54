from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.declared.keys import DeclaredOwner
from tests.fakes.projects import problems, project


def complaint(folder: Path, body: str) -> str:
    """The one problem of a key, without its place."""
    (found,) = problems(folder, f"keys:\n  k: {{env: K, {body}}}\n")
    assert found.startswith("gateway.yaml line 2 column ")
    return found.split(": ", 1)[1]


def test_only_declared_fields_are_limits_and_null_declares_that_there_is_none(
    tmp_path: Path,
) -> None:
    text = "keys: {k: {env: K, max_budget: 0, rpm_limit: ~, tags: [a], budget_limits:"
    text += " [{budget_duration: 1d, max_budget: 2.5}]}}\n"

    (key,) = project(tmp_path, text).keys

    assert key.limits == {
        "max_budget": 0,
        "budget_limits": ({"budget_duration": "1d", "max_budget": 2.5},),
        "rpm_limit": None,
        "tags": ("a",),
    }


def test_teams_and_users_are_declared_by_id_and_keys_belong_to_them(tmp_path: Path) -> None:
    text = (
        "teams: {search: {max_budget: 9, members: [ada], models: [demo]}, empty: {}}\n"
        "users: {ada: {user_email: ada@example.org}}\n"
        "keys: {k: {env: K, team: search, user: ada}, l: {env: L, team_id: elsewhere}}\n"
    )

    settings = project(tmp_path, text)

    assert settings.teams == (
        DeclaredOwner(
            kind="team",
            name="search",
            models=("demo",),
            limits={"max_budget": 9},
            members=("ada",),
        ),
        DeclaredOwner(kind="team", name="empty"),
    )
    assert [owner.name for owner in settings.owners] == ["ada", "search", "empty"]
    assert settings.keys[0].owners == (("team", "search"), ("user", "ada"))
    assert settings.keys[1].owners == (("team", "elsewhere"),)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("max_budget: -1", "keys.k.max_budget must be an amount in US dollars, 0 or more, not"),
        ("max_budget: .inf", "keys.k.max_budget must be an amount in US dollars"),
        ("max_budget: five", "keys.k.max_budget must be an amount in US dollars, 0 or more, not"),
        ("budget_duration: 5x", "keys.k.budget_duration must be a number and a unit"),
        ("rpm_limit: 1.5", "keys.k.rpm_limit must be a non-negative integer, not '1.5'"),
        ("soft_budget: 5, max_budget: 5", "keys.k.soft_budget must be below max_budget, 5"),
        ("model_rpm_limit: {demo: x}", "keys.k.model_rpm_limit.demo must be a non-negative"),
        ("model_rpm_limit: {dmo: 1}", "keys.k.model_rpm_limit: unknown model 'dmo' (did you mean"),
        ("aliases: {fast: gpt-4}", "keys.k.aliases.fast: unknown model 'gpt-4' (did you mean"),
        ("budget_limits: [{max_budget: 1}]", "keys.k.budget_limits[0] needs budget_duration:"),
        ("rpm_limit_type: sometimes", "keys.k.rpm_limit_type must be one of best_effort"),
        ("throttle_on_budget_exceeded: 1", "keys.k.throttle_on_budget_exceeded must be true or"),
        ("tags: [a], metadata: {tags: [b]}", "keys.k.tags is given twice, here and in metadata"),
        ("team: search", "keys.k.team: unknown team 'search' (none are declared); one that"),
        ("user: ada", "keys.k.user: unknown user 'ada' (none are declared); one that LiteLLM"),
        ("team_id: a, team: ~", "keys.k has both team and team_id: keep one"),
        ("key_type: management", "keys.k.key_type: a key may call models only"),
        ("auto_rotate: true", "keys.k.auto_rotate: LiteLLM would change the key and not .env"),
        ("allowed_routes: [info_routes]", "keys.k.allowed_routes: a virtual key must not get"),
        ("max_buget: 5", "unknown setting 'max_buget' in keys.k (did you mean 'max_budget'?)"),
        ("permissions: {token: sk-0123456789abcdefghij}", "keys.k.permissions.token contains a"),
    ],
)
def test_a_wrong_limit_is_refused_with_a_message(tmp_path: Path, body: str, message: str) -> None:
    assert complaint(tmp_path, body).startswith(message)


@pytest.mark.parametrize(
    "name", ["openai/*", "openai/gpt-9", "beta", "all-team-models", "demo", "fast"]
)
def test_patterns_access_groups_and_own_aliases_are_known_models(tmp_path: Path, name: str) -> None:
    text = (
        "models: {'openai/*': {model: 'openai/*'}, m: {model: openai/m,"
        f" model_info: {{access_groups: [beta]}}}}}}\n"
        f"keys: {{k: {{env: K, models: ['{name}'], aliases: {{fast: m}}}}}}\n"
    )

    assert project(tmp_path, text).keys[0].models == (name,)


def test_a_team_of_litellm_itself_and_an_unknown_model_are_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, "users: {default_user_id: {}}\nteams: {t: {models: [nope]}}\n")

    assert "LiteLLM uses default_user_id itself" in found[0]
    assert "teams.t.models: unknown model 'nope'" in found[1]
