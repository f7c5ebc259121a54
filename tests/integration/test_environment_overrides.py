"""Secrets that are in .env and, with another value, in the environment: each with every command.

A shell that read .env before a key was rotated has such values.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.state import exclusive
from gatewayctl.operations.state.upgrade_journal import Journal, write_journal
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.overrides import stored_names
from tests.fakes.litellm import sha256
from tests.fakes.releases import NEW, OLD, ReleasedRuntime
from tests.integration.living_project import LivingProject
from tests.integration.stack_project import AT, Project, document
from tests.integration.test_every_verb_goes_through_one_door import CHANGING

VARIABLES = (
    *("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "LITELLM_POSTGRES_PASSWORD"),
    *("POSTGRES_PASSWORD", "UI_PASSWORD", "LITELLM_API_KEY", "LITELLM_EVAL_KEY"),
)
OTHERS = {"init", "scale"}
"""There is no project yet; only in Kubernetes."""
USING = {"plan": (), **{verb: args for verb, args in CHANGING.items() if verb not in OTHERS}}
"""Commands that start something with a secret, or change it, with their arguments."""
ALLOWED = {"down", "render", "images pin", "keys revoke", "doctor"}
ANOTHER = "sk-another-0123456789abcdef"


def assert_nothing_changed(project: Project, env: str, keys: set[str]) -> None:
    assert (project.folder / ".env").read_text() == env
    assert set(project.litellm.keys) == keys
    assert not {"start", "restart", "stop"} & set(project.runtime.calls)


def test_every_secret_that_gatewayctl_keeps_is_tried(ready: Project) -> None:
    assert stored_names(load_settings(ready.folder, environ={})) == VARIABLES
    allowed = {verb.removesuffix(" --volumes").removesuffix(" --fix") for verb in ALLOWED}
    assert allowed == {v.split(" --")[0] for v in exclusive._USING_NO_SECRET}


@pytest.mark.parametrize("verb", sorted(set(USING) - ALLOWED))
@pytest.mark.parametrize("names", [VARIABLES[:1], VARIABLES[1:]], ids=["master", "others"])
def test_another_value_in_the_environment_is_refused_by_what_uses_it(
    names: tuple[str, ...], verb: str, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ready.folder / "a.bak").write_bytes(b"x")
    if verb in {"upgrade", "rollback"}:
        ready.runtime = ReleasedRuntime(folder=ready.folder)
        journal = Journal(before=OLD, after=NEW, at=AT, step="done")
        write_journal(load_settings(ready.folder, environ={}), journal)
    env, keys = (ready.folder / ".env").read_text(), set(ready.litellm.keys)
    monkeypatch.chdir(ready.folder)
    for name in names:
        monkeypatch.setenv(name, ANOTHER)

    # Without --yes: nothing is asked that would be refused.
    given = [word for word in USING[verb] if word != "--yes"]
    result = ready.run(*verb.split(), *given, "--json")

    error = document(result)["error"]
    assert (result.exit_code, error["code"]) == (3, "environment_shadows")
    assert error["hint"] == f"Run `unset {' '.join(names)}`."
    for name in names:
        assert f"{name} in the environment differs from .env line " in error["message"]
    assert ANOTHER not in result.output
    assert_nothing_changed(ready, env, keys)


@pytest.mark.parametrize("name", VARIABLES)
def test_each_secret_alone_is_refused_with_its_name(
    name: str, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, ANOTHER)

    error = document(ready.run("keys", "sync", "--dry-run", "--json"))["error"]

    assert error["message"].startswith(f"{name} in the environment differs from .env line ")
    assert error["hint"] == f"Run `unset {name}`."


@pytest.mark.parametrize("verb", ["plan", "up", "restart", "keys create", "keys check"])
def test_the_same_values_in_the_environment_change_nothing(
    verb: str, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*VARIABLES, "GATEWAYCTL_LOCK_TIMEOUT"):
        monkeypatch.setenv(name, ready.secrets().get(name, "3"))
    env, keys = (ready.folder / ".env").read_text(), set(ready.litellm.keys)

    result = ready.run(*verb.split(), *USING[verb], "--json")

    assert result.exit_code == 0, result.output
    assert ((ready.folder / ".env").read_text(), set(ready.litellm.keys)) == (env, keys)


@pytest.mark.parametrize(
    "command", ["keys list", "keys check", "models list", "usage", "keys revoke litellm-dev --yes"]
)
def test_commands_that_administer_refuse_another_master_key(
    command: str, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", ANOTHER)

    error = document(ready.run(*command.split(), "--json"))["error"]

    assert error["code"] == "environment_shadows"
    assert error["hint"] == "Run `unset LITELLM_MASTER_KEY`."


def test_a_wrong_virtual_key_in_the_environment_is_named_where_it_is_refused(
    ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_API_KEY", ANOTHER)

    refused = document(ready.run("chat", "--model", "demo", "Hello", "--json"))["error"]
    shown = document(ready.run("status", "--json"))["data"]
    listed = document(ready.run("keys", "list", "--json"))["data"]["keys"]
    checked = document(ready.run("keys", "check", "--json"))["data"]

    assert "(environment variable LITELLM_API_KEY)" in refused["message"]
    assert refused["hint"] == "Run `unset LITELLM_API_KEY`."
    stored = ready.secrets()["LITELLM_API_KEY"]
    assert shown["keys"][0]["key"] == f"sk-…{stored[-4:]}"
    assert (listed[0]["state"], listed[0]["key"]) == ("ok", f"sk-…{stored[-4:]}")
    assert checked["keys"][0]["ok"]
    for report in (shown, checked):
        (warning,) = report["warnings"]
        assert warning.startswith("LITELLM_API_KEY in the environment takes precedence over")
        assert warning.endswith("Run `unset LITELLM_API_KEY`.")


def test_only_the_environment_has_a_master_key_that_litellm_refuses(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", ANOTHER)
    project.run("init")

    error = document(project.run("keys", "list", "--json"))["error"]

    assert error["code"] == "master_key_refused"
    assert "Its value is from environment variable LITELLM_MASTER_KEY." in error["message"]
    assert error["hint"].startswith("Run `unset LITELLM_MASTER_KEY`.")


@pytest.mark.parametrize("verb", ["up --yes", "demo"])
def test_a_new_project_refuses_the_key_of_another_gateway_before_it_starts(
    verb: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_API_KEY", ANOTHER)

    error = document(project.run(*verb.split(), "--json"))["error"]

    assert error["code"] == "environment_shadows"
    assert error["hint"] == "Run `unset LITELLM_API_KEY`."
    assert list(project.folder.iterdir()) == []
    assert "start" not in project.runtime.calls


@pytest.mark.parametrize("verb", ["up", "keys create", "keys sync", "keys check --fix"])
@pytest.mark.parametrize("ending", ["rotate litellm-eval", "revoke litellm-eval --yes"])
def test_a_shell_that_is_older_than_a_rotation_never_registers_the_revoked_key(
    ending: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = LivingProject(folder=tmp_path / "shop")
    shop.folder.mkdir()
    assert shop.run("up", "--yes").exit_code == 0
    revoked = shop.secrets()["LITELLM_EVAL_KEY"]
    assert shop.run("keys", *ending.split()).exit_code == 0
    live = set(shop.litellm.keys)
    monkeypatch.setenv("LITELLM_EVAL_KEY", revoked)

    result = shop.run(*verb.split())

    assert result.exit_code != 0
    assert "unset LITELLM_EVAL_KEY" in result.output
    assert sha256(revoked) not in shop.litellm.keys
    assert live <= set(shop.litellm.keys)


def test_an_older_env_file_does_not_register_the_revoked_key_either(tmp_path: Path) -> None:
    shop = LivingProject(folder=tmp_path / "shop")
    shop.folder.mkdir()
    assert shop.run("up", "--yes").exit_code == 0
    older = (shop.folder / ".env").read_text()
    revoked = shop.secrets()["LITELLM_API_KEY"]
    assert shop.run("keys", "rotate", "litellm-dev").exit_code == 0
    (shop.folder / ".env").write_text(older)

    (planned, _) = document(shop.run("keys", "sync", "--dry-run", "--json"))["data"]["keys"]
    assert shop.run("keys", "create").exit_code == 0

    assert (planned["action"], planned["reason"]) == (
        "replace",
        "LITELLM_API_KEY holds a key that was deleted",
    )
    assert sha256(revoked) not in shop.litellm.keys
    assert sha256(shop.secrets()["LITELLM_API_KEY"]) in shop.litellm.keys
