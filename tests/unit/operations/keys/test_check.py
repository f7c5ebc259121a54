from __future__ import annotations

from typing import Any

import pytest

from gatewayctl.errors import Drift, GatewayUnreachable, Locked
from gatewayctl.operations.keys.check import KeyCheck, check_keys
from gatewayctl.operations.state.lock import hold_lock
from tests.fakes.answers import refuse_connection
from tests.fakes.litellm import error
from tests.unit.operations.keys.desk import ONE_KEY, SECRET, Desk

UNBLOCK = (
    "Unblock batch in LiteLLM (`gatewayctl ui`), or run"
    " `gatewayctl keys revoke batch --yes` and then `gatewayctl keys create batch`."
)


def only(desk: Desk) -> KeyCheck:
    (check,) = desk.run(check_keys).keys
    return check


def test_a_working_key_is_checked_by_two_calls_with_it(desk: Desk) -> None:
    desk.healthy()

    report = desk.run(check_keys)

    (check,) = report.keys
    with_the_key = [
        request.url.path
        for request in desk.fake.requests
        if request.headers["authorization"] == f"Bearer {SECRET}"
    ]
    assert (check.ok, check.authenticates, check.management_refused) == (True, True, True)
    assert check.models == ("gpt-4o", "demo")
    assert with_the_key == ["/v1/models", "/key/list"]
    assert report.problem is None


@pytest.mark.parametrize(
    ("state", "authenticates", "reason"),
    [
        ("missing", None, "its state is missing"),
        ("not_in_env_file", None, "its secret is lost"),
        ("not_in_gateway", False, "does not know the secret"),
        ("expired", False, "it has expired"),
        ("blocked", False, "it is blocked"),
    ],
)
def test_each_failing_state_of_a_key_is_reported(
    desk: Desk, state: str, authenticates: bool | None, reason: str
) -> None:
    desk.write(*([] if state in {"missing", "not_in_env_file"} else [f"APP_KEY={SECRET}"]))
    if state == "expired":
        desk.add(expires="2026-11-22T00:00:00Z")
    elif state in {"not_in_env_file", "blocked"}:
        desk.add(blocked=state == "blocked")

    check = only(desk)

    assert (check.state, check.ok, check.authenticates) == (state, False, authenticates)
    assert reason in str(check.reason)


def test_one_wrong_key_is_drift(desk: Desk) -> None:
    problem = desk.run(check_keys).problem

    assert isinstance(problem, Drift)
    assert problem.exit_code == 8
    assert "1 of 1 keys" in problem.message


def test_a_key_that_works_and_is_not_as_declared_is_drift(desk: Desk) -> None:
    desk.healthy()
    desk.config = ONE_KEY.replace("APP_KEY", "APP_KEY, models: [demo]")

    check = only(desk)

    assert (check.ok, check.authenticates) == (False, True)
    assert check.differs == ("models: all → demo",)


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        ({"expires": "2026-01-01T00:00:00Z"}, "Run `gatewayctl keys rotate batch`."),
        (
            {"blocked": True},
            UNBLOCK,
        ),
    ],
)
@pytest.mark.parametrize("fix", [False, True])
def test_the_hint_for_an_undeclared_key_is_not_the_fix_that_leaves_it_alone(
    desk: Desk, state: dict[str, Any], hint: str, fix: bool
) -> None:
    desk.config = "project_name: desk\nkeys: {}\n"
    desk.write(f"BATCH_KEY={SECRET}")
    desk.add(alias="batch", metadata={"gatewayctl_env": "BATCH_KEY"}, **state)

    problem = desk.run(check_keys, fix=fix).problem

    assert problem is not None
    assert problem.hint == hint


def test_the_hint_after_a_fix_that_failed_is_not_the_same_fix(desk: Desk) -> None:
    desk.healthy(expires="2026-01-01T00:00:00Z")
    desk.fake.planted["/key/generate"] = lambda _: error(500, "no", kind="internal_server_error")

    before, after = desk.run(check_keys).problem, desk.run(check_keys, fix=True).problem

    assert before is not None
    assert after is not None
    assert before.hint == "Run `gatewayctl keys check --fix`."
    assert after.hint.startswith("Fix the cause and run the command again")


def test_a_key_that_may_call_management_routes_is_the_most_serious_reason(desk: Desk) -> None:
    desk.healthy()
    desk.fake.planted["/key/list"] = desk.fake._key_list

    check = only(desk)

    assert check.management_refused is False
    assert check.reason == "APP_KEY may call management routes"


def test_a_value_that_is_not_a_key_is_never_sent(desk: Desk) -> None:
    desk.write("APP_KEY=a-password")

    check = only(desk)

    assert check.authenticates is False
    assert desk.fake.paths() == ["/key/list"]


def test_an_undeclared_key_of_ours_is_checked_if_env_holds_it(desk: Desk) -> None:
    desk.config = "project_name: desk\nkeys: {}\n"
    desk.write(f"BATCH_KEY={SECRET}")
    desk.add(alias="batch", metadata={"gatewayctl_env": "BATCH_KEY"})
    desk.add("sk-elsewhere-0123456789", "moved", metadata={"gatewayctl_env": "MOVED_KEY"})

    report = desk.run(check_keys)

    assert [(check.alias, check.ok) for check in report.keys] == [("batch", True)]


@pytest.mark.parametrize("stage", ["next", "old-1"])
def test_an_expired_key_of_a_rotation_is_reported_once_by_its_declared_alias(
    desk: Desk, stage: str
) -> None:
    desk.write(f"APP_KEY={SECRET}")
    marks = {"gatewayctl_alias": "app"}
    desk.add(alias=f"app@{stage}", expires="2026-11-22T00:00:00Z", metadata=marks)

    checks = {check.alias: check.reason for check in desk.run(check_keys).keys}

    assert (
        checks["app"]
        == {
            "next": "its rotation was interrupted",
            "old-1": "APP_KEY holds a key that was rotated",
        }[stage]
    )
    assert "app@next" not in checks


def test_an_expired_new_key_of_a_rotation_is_reported_if_its_alias_is_not_declared(
    desk: Desk,
) -> None:
    desk.config = "project_name: desk\nkeys: {}\n"
    desk.write(f"BATCH_KEY={SECRET}")
    marks = {"gatewayctl_alias": "batch", "gatewayctl_env": "BATCH_KEY"}
    desk.add(alias="batch@next", expires="2026-11-22T00:00:00Z", metadata=marks)

    check = only(desk)

    assert (check.alias, check.ok) == ("batch@next", False)
    assert check.reason == "its rotation was interrupted"


def test_fix_repairs_a_key_and_checks_it_again(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.config = ONE_KEY.replace("APP_KEY", "APP_KEY, models: [demo]")
    desk.add("sk-lost-0123456789abcdef")

    report = desk.run(check_keys, fix=True)

    assert [key.action for key in report.fixed] == ["replace"]
    assert [check.ok for check in report.keys] == [True]
    assert report.problem is None
    desk.assert_whole()


def test_fix_of_healthy_keys_changes_nothing(desk: Desk) -> None:
    desk.healthy()

    report = desk.run(check_keys, fix=True)

    assert report.fixed == ()
    assert set(desk.fake.paths()) == {"/key/list", "/v1/models"}


def test_a_key_that_cannot_be_fixed_has_a_reason(desk: Desk) -> None:
    desk.write()
    desk.fake.add(SECRET, "app")

    report = desk.run(check_keys, fix=True)

    assert isinstance(report.problem, Drift)
    assert "created by others" in report.problem.message


def test_only_fix_needs_the_lock(desk: Desk) -> None:
    desk.environ = {"GATEWAYCTL_LOCK_TIMEOUT": "0"}
    desk.healthy()

    with hold_lock(desk.folder / ".gatewayctl", "up"):
        assert desk.run(check_keys).problem is None
        with pytest.raises(Locked):
            desk.run(check_keys, fix=True)


def test_an_unreachable_gateway_is_an_error_and_not_a_failed_key(desk: Desk) -> None:
    desk.healthy()

    desk.fake.planted["/v1/models"] = refuse_connection

    with pytest.raises(GatewayUnreachable):
        desk.run(check_keys)
