"""A key that an operator blocked stays blocked, and no new key takes its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from gatewayctl.errors import (
    Drift,
    GatewayctlError,
    KeyAliasExists,
    PartlyDone,
)
from gatewayctl.generators import drain
from gatewayctl.operations.keys.check import check_keys
from gatewayctl.operations.keys.create import ensure_declared_keys, ensure_keys
from gatewayctl.operations.keys.list import list_keys
from gatewayctl.operations.keys.revoke import revoke_key
from gatewayctl.operations.keys.rotate import rotate_key
from gatewayctl.operations.keys.sync import sync_keys
from tests.fakes.litellm import error, served, sha256
from tests.fakes.projects import project
from tests.unit.operations.keys.creation import statuses
from tests.unit.operations.keys.desk import NOW, ONE_KEY, SECRET, Desk

OTHER = "sk-other-0123456789abcdef"
PAST = "2026-11-22T00:00:00Z"
TWO_KEYS = "project_name: desk\nkeys:\n  app: {env: APP_KEY}\n  eval: {env: EVAL_KEY}\n"
STAGE = {"gatewayctl_alias": "app"}
ADVICE = (
    "Unblock app in LiteLLM (`gatewayctl ui`), or run `gatewayctl keys revoke app --yes`"
    " and then `gatewayctl keys create app`."
)


def up(desk: Desk) -> Any:
    with served(desk.fake) as gateway:
        return drain(ensure_declared_keys(project(desk.folder, desk.config), gateway))


def create(desk: Desk) -> Any:
    settings = project(desk.folder, desk.config)
    with served(desk.fake) as gateway:
        return drain(ensure_keys(settings, gateway, settings.keys, now=lambda: NOW))


def sync(desk: Desk) -> None:
    desk.run(sync_keys, prune=True)


def fix(desk: Desk) -> None:
    desk.run(check_keys, fix=True)


def rotate(desk: Desk) -> None:
    desk.run(rotate_key, "app")


def valid(desk: Desk) -> None:
    desk.healthy(blocked=True)


def expired(desk: Desk) -> None:
    desk.healthy(blocked=True, expires=PAST)


def lost(desk: Desk) -> None:
    desk.write()
    desk.add(blocked=True)


def other_in_env(desk: Desk) -> None:
    desk.write(f"APP_KEY={OTHER}")
    desk.add(blocked=True)


def renamed(desk: Desk) -> None:
    desk.write(f"OLD_KEY={SECRET}")
    desk.add(blocked=True, metadata={"gatewayctl_env": "OLD_KEY"})


def rotating(desk: Desk) -> None:
    desk.write(f"APP_KEY={OTHER}")
    desk.add(blocked=True)
    desk.add(OTHER, "app@next", metadata=STAGE)


def rotated(desk: Desk) -> None:
    desk.write(f"APP_KEY={OTHER}")
    desk.add(OTHER, "app@next", metadata=STAGE, blocked=True, expires=PAST)


def retired(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.add(OTHER)
    desk.add(alias="app@old-1", metadata=STAGE, blocked=True)


def twin(desk: Desk) -> None:
    desk.write()
    desk.add(OTHER)
    desk.add(blocked=True)


STATES = [valid, expired, lost, other_in_env, renamed, rotating, rotated, retired, twin]


@pytest.mark.parametrize("verb", [up, create, sync, fix, rotate])
@pytest.mark.parametrize("state", STATES)
def test_no_verb_deletes_a_blocked_key_or_creates_another_for_it(
    desk: Desk, state: Callable[[Desk], None], verb: Callable[[Desk], object]
) -> None:
    state(desk)
    env = (desk.folder / ".env").read_bytes()
    blocked = [token for token, row in desk.fake.keys.items() if row["blocked"]]

    with suppress(KeyAliasExists):
        verb(desk)

    assert [token for token, row in desk.fake.keys.items() if row["blocked"]] == blocked
    assert "/key/generate" not in desk.fake.paths()
    assert (desk.folder / ".env").read_bytes() == env


@pytest.mark.parametrize("state", STATES)
def test_a_blocked_key_is_not_rotated(desk: Desk, state: Callable[[Desk], None]) -> None:
    state(desk)

    with pytest.raises(KeyAliasExists, match="'app' is blocked in LiteLLM") as refused:
        rotate(desk)

    assert refused.value.hint == ADVICE


@pytest.mark.parametrize("state", STATES)
def test_a_blocked_key_is_reported_with_what_to_do(
    desk: Desk, state: Callable[[Desk], None]
) -> None:
    state(desk)
    if state is rotated:
        create(desk)

    planned = desk.run(sync_keys, dry_run=True)
    problem = desk.run(check_keys).problem

    assert [key.action for key in planned.keys if key.alias == "app"] == ["blocked"]
    assert isinstance(planned.problem, Drift)
    assert (planned.problem.message, planned.problem.hint) == (
        "app: it is blocked in LiteLLM.",
        ADVICE,
    )
    assert problem is not None
    assert "app: it is blocked in LiteLLM" in problem.message
    assert problem.hint == ADVICE


@pytest.mark.parametrize("state", [valid, expired, lost, other_in_env])
def test_a_blocked_key_is_listed_as_blocked_whatever_else_is_wrong_with_it(
    desk: Desk, state: Callable[[Desk], None]
) -> None:
    state(desk)

    assert [row.state for row in desk.run(list_keys).keys] == ["blocked"]


@pytest.mark.parametrize("state", [lost, rotating])
def test_up_creates_the_other_keys_and_warns_of_the_blocked_one(
    desk: Desk, state: Callable[[Desk], None]
) -> None:
    desk.config = TWO_KEYS
    state(desk)

    report = up(desk)

    assert report.problem is None
    assert statuses(report) == {"eval": "created"}
    assert report.warnings == (
        f"The key 'app' is blocked in LiteLLM, so it is not replaced by a new one. {ADVICE}",
    )


def test_up_does_not_fail_if_the_only_key_is_blocked(desk: Desk) -> None:
    lost(desk)

    report = up(desk)

    assert (report.keys, report.failed, report.problem) == ((), (), None)


def test_an_expired_blocked_key_that_env_holds_exists_with_a_warning(desk: Desk) -> None:
    expired(desk)

    report = up(desk)

    assert statuses(report) == {"app": "exists"}
    assert report.warnings == (f"app is blocked in LiteLLM, and stays so. {ADVICE}",)


def test_keys_create_reports_a_blocked_key_among_others_as_a_failure(desk: Desk) -> None:
    desk.config = TWO_KEYS
    lost(desk)

    report = create(desk)

    assert isinstance(report.problem, PartlyDone)
    assert [failure.alias for failure in report.failed] == ["app"]


def test_after_it_was_revoked_a_blocked_key_is_created_again(desk: Desk) -> None:
    expired(desk)

    desk.run(revoke_key, "app")
    create(desk)

    desk.assert_whole()
    assert desk.stored() != SECRET


def test_a_blocked_key_of_others_that_env_holds_is_used_as_it_is(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "app", blocked=True)

    report = desk.run(sync_keys)

    assert [key.action for key in report.keys] == ["foreign"]
    assert statuses(up(desk)) == {"app": "exists"}


def test_an_interrupted_rotation_of_an_undeclared_key_is_not_finished_over_a_block(
    desk: Desk,
) -> None:
    rotating(desk)
    desk.config = "project_name: desk\nkeys: {}\n"

    report = desk.run(sync_keys)

    assert [(key.alias, key.action) for key in report.keys] == [("app", "keep"), ("app", "blocked")]
    assert desk.aliases() == ["app", "app@next"]


def time_out(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


def refuse(_: httpx.Request) -> httpx.Response:
    return error(400, "no", kind="bad_request_error")


def declared_expired(desk: Desk) -> None:
    desk.healthy(expires=PAST)


def declared_lost(desk: Desk) -> None:
    desk.write()
    desk.add()


def declared_twin(desk: Desk) -> None:
    desk.healthy()
    desk.add(OTHER)


def lost_twin(desk: Desk) -> None:
    declared_lost(desk)
    desk.add(OTHER)


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (declared_expired, create),
        (declared_lost, create),
        (declared_twin, create),
        (lost_twin, create),
        (Desk.healthy, rotate),
    ],
)
@pytest.mark.parametrize("again", [create, sync, fix])
@pytest.mark.parametrize("failure", [time_out, refuse])
def test_a_key_that_gatewayctl_blocked_to_delete_it_is_not_taken_for_one_of_an_operator(
    desk: Desk,
    state: Callable[[Desk], None],
    verb: Callable[[Desk], object],
    again: Callable[[Desk], object],
    failure: Callable[[httpx.Request], httpx.Response],
) -> None:
    state(desk)
    desk.fake.planted["/key/delete"] = failure
    with pytest.raises(GatewayctlError):
        verb(desk)
    blocked = [row for row in desk.fake.keys.values() if row["blocked"]]
    desk.fake.planted.clear()

    again(desk)

    assert len(blocked) == 1
    desk.assert_whole()
    assert not any(row["blocked"] for row in desk.fake.keys.values())


def test_a_block_after_an_interrupted_replacement_was_undone_is_that_of_an_operator(
    desk: Desk,
) -> None:
    old = desk.healthy(expires=PAST)
    desk.fake.planted["/key/block"] = lambda _: error(403, "no", kind="auth_error")
    with pytest.raises(GatewayctlError):
        create(desk)
    desk.fake.planted.clear()
    desk.fake.keys[old]["blocked"] = True

    report = create(desk)

    assert statuses(report) == {"app": "exists"}
    assert (list(desk.fake.keys), desk.stored()) == ([old], SECRET)


def test_a_key_is_replaced_although_litellm_refuses_to_mark_it(desk: Desk) -> None:
    desk.healthy(expires=PAST)
    desk.fake.planted["/key/update"] = lambda _: error(400, "no", kind="bad_request_error")

    create(desk)

    desk.assert_whole()


@pytest.mark.parametrize("state", [declared_expired, declared_lost])
def test_limits_that_litellm_has_in_the_metadata_outlive_the_replacement(
    desk: Desk, state: Callable[[Desk], None]
) -> None:
    desk.config = ONE_KEY.replace("APP_KEY", "APP_KEY, metadata: {team: search}")
    state(desk)
    (row,) = desk.fake.keys.values()
    row["metadata"] |= {"model_rpm_limit": {"demo": 3}, "team": "ads"}

    create(desk)

    metadata = desk.fake.keys[sha256(str(desk.stored()))]["metadata"]
    assert metadata["model_rpm_limit"] == {"demo": 3}
    assert metadata["team"] == "search"
    assert "gatewayctl_replaced_by" not in metadata
