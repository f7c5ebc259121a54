from __future__ import annotations

from typing import Any

import httpx
import pytest

from gatewayctl.errors import (
    EnvFileUnwritable,
    GatewayctlError,
    GatewayRefused,
    KeyAliasExists,
    Locked,
    SettingsProblem,
    UsageProblem,
)
from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import ensure_declared_keys
from gatewayctl.operations.keys.rotate import rotate_key
from gatewayctl.operations.state.lock import hold_lock
from tests.fakes.litellm import error, served, sha256
from tests.fakes.projects import project
from tests.unit.operations.keys.desk import ONE_KEY, SECRET, Desk


def create(desk: Desk) -> None:
    with served(desk.fake) as gateway:
        drain(ensure_declared_keys(project(desk.folder, desk.config), gateway))


def test_the_alias_moves_to_a_new_key_and_the_old_one_is_deleted(desk: Desk) -> None:
    old = desk.healthy()

    report = desk.run(rotate_key, "app")

    assert desk.stored() not in {None, SECRET}
    assert old not in desk.fake.keys
    assert (report.previous, report.previous_until) == ("revoked", None)
    assert str(desk.stored()) not in repr(report)
    desk.assert_whole()


def test_env_always_holds_a_key_that_litellm_accepts(desk: Desk) -> None:
    desk.healthy()
    answer, accepted = desk.fake.answer, []

    def watched(request: httpx.Request) -> httpx.Response:
        accepted.append(sha256(str(desk.stored())) in desk.fake.keys)
        response = answer(request)
        accepted.append(sha256(str(desk.stored())) in desk.fake.keys)
        return response

    desk.fake.answer = watched  # type: ignore[method-assign]

    desk.run(rotate_key, "app")

    assert len(accepted) >= 12
    assert all(accepted)


def test_the_new_key_has_no_mark_of_the_rotation(desk: Desk) -> None:
    desk.healthy()

    desk.run(rotate_key, "app", grace="1h")

    metadata = [row["metadata"] for row in desk.fake.keys.values() if row["key_alias"] == "app"]
    assert [set(each) for each in metadata] == [{"created_by", "project", "gatewayctl_env"}]


def test_with_a_grace_the_old_key_gets_another_alias_and_an_expiry(desk: Desk) -> None:
    old = desk.healthy()

    report = desk.run(rotate_key, "app", grace="1h")

    assert desk.fake.keys[old]["key_alias"] == f"app@old-{old[:8]}"
    assert desk.fake.sent("/key/update")["key"] != old
    assert report.previous == "retiring"
    assert report.previous_until is not None


def test_a_grace_never_extends_the_expiry_of_a_key(desk: Desk) -> None:
    old = desk.healthy(expires="2026-11-23T00:10:00Z")

    desk.run(rotate_key, "app", grace="1h")

    assert desk.fake.keys[old]["expires"] == "2026-11-23T00:10:00Z"


def test_a_key_after_its_grace_period_is_deleted_by_the_next_run(desk: Desk) -> None:
    old = desk.healthy()
    desk.run(rotate_key, "app", grace="1h")
    desk.fake.keys[old]["expires"] = "2026-11-22T00:00:00Z"

    create(desk)

    desk.assert_whole()


def test_the_new_key_is_as_declared_and_keeps_the_limits_set_in_litellm(desk: Desk) -> None:
    desk.config = ONE_KEY.replace("APP_KEY", "APP_KEY, models: [demo], metadata: {team: search}")
    desk.healthy(max_budget=5.0, metadata={"model_rpm_limit": {"demo": 3}})

    desk.run(rotate_key, "app")

    sent = desk.fake.sent("/key/generate")
    assert (sent["models"], sent["max_budget"]) == (["demo"], 5.0)
    assert sent["metadata"]["team"] == "search"
    assert sent["metadata"]["model_rpm_limit"] == {"demo": 3}


def test_a_key_of_the_command_line_gets_no_wider_and_lives_no_longer(desk: Desk) -> None:
    desk.write(f"BATCH_KEY={SECRET}")
    desk.add(
        alias="batch",
        models=["demo"],
        expires="2026-11-23T01:00:00Z",
        metadata={"gatewayctl_env": "BATCH_KEY", "team": "ads"},
    )

    desk.run(rotate_key, "batch")

    sent = desk.fake.sent("/key/generate")
    assert (sent["models"], sent["duration"]) == (["demo"], "3600s")
    assert sent["metadata"]["team"] == "ads"
    assert desk.stored("BATCH_KEY") != SECRET


@pytest.mark.parametrize("path", ["/key/generate", "/v1/models"])
def test_a_failure_before_env_is_written_changes_nothing(desk: Desk, path: str) -> None:
    old = desk.healthy()
    desk.fake.planted[path] = lambda _: error(500, "no", kind="internal_server_error")

    with pytest.raises(GatewayctlError):
        desk.run(rotate_key, "app")

    assert list(desk.fake.keys) == [old]
    assert desk.stored() == SECRET


def test_an_env_that_cannot_be_written_leaves_no_new_key(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = desk.healthy()

    def full(*_: Any, **__: Any) -> None:
        raise EnvFileUnwritable("no space left")

    monkeypatch.setattr("gatewayctl.operations.keys.provision.update_env_file", full)
    with pytest.raises(EnvFileUnwritable):
        desk.run(rotate_key, "app")

    assert list(desk.fake.keys) == [old]


def test_a_value_written_meanwhile_stays(desk: Desk) -> None:
    old = desk.healthy()

    def meanwhile(request: httpx.Request) -> httpx.Response:
        desk.write("APP_KEY=sk-another-0123456789abc")
        return desk.fake._models(request)

    desk.fake.planted["/v1/models"] = meanwhile

    with pytest.raises(SettingsProblem, match=r"APP_KEY in \.env was changed"):
        desk.run(rotate_key, "app")

    assert desk.stored() == "sk-another-0123456789abc"
    assert list(desk.fake.keys) == [old]


def test_a_rotation_that_was_interrupted_is_finished_before_the_next(desk: Desk) -> None:
    desk.healthy()
    desk.add("sk-lost-0123456789abcdef", "app@next", metadata={"gatewayctl_alias": "app"})

    desk.run(rotate_key, "app")

    desk.assert_whole()


def test_a_foreign_key_is_never_rotated(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "app")

    with pytest.raises(KeyAliasExists, match="not created by gatewayctl"):
        desk.run(rotate_key, "app")

    assert (desk.aliases(), desk.stored()) == (["app"], SECRET)


def test_another_project_s_key_is_foreign(desk: Desk) -> None:
    desk.write()
    desk.add(metadata={"project": "another"})

    with pytest.raises(KeyAliasExists):
        desk.run(rotate_key, "app")


@pytest.mark.parametrize("alias", ["app", "unknown"])
def test_an_alias_that_litellm_does_not_have_is_an_error(desk: Desk, alias: str) -> None:
    with pytest.raises(GatewayRefused, match=f"no key '{alias}'"):
        desk.run(rotate_key, alias)


def test_a_variable_set_in_the_environment_is_refused_before_anything_changes(desk: Desk) -> None:
    desk.healthy()
    desk.environ = {"APP_KEY": SECRET}

    with pytest.raises(SettingsProblem, match="overrides that of"):
        desk.run(rotate_key, "app")

    assert "/key/generate" not in desk.fake.paths()


def test_an_invalid_grace_is_refused_before_any_request(desk: Desk) -> None:
    with pytest.raises(UsageProblem, match="--grace 'soon'"):
        desk.run(rotate_key, "app", grace="soon")

    assert desk.fake.requests == []


def test_while_another_verb_changes_the_project_nothing_is_rotated(desk: Desk) -> None:
    desk.environ = {"GATEWAYCTL_LOCK_TIMEOUT": "0"}
    desk.healthy()

    with hold_lock(desk.folder / ".gatewayctl", "up"), pytest.raises(Locked, match="gatewayctl up"):
        desk.run(rotate_key, "app")

    assert desk.fake.requests == []
