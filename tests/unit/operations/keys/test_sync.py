from __future__ import annotations

from typing import Any

import pytest

from gatewayctl.errors import Drift, PartlyDone
from gatewayctl.operations.keys.sync import KeysSyncReport, sync_keys
from tests.fakes.litellm import error, sha256
from tests.unit.operations.keys.desk import ONE_KEY, SECRET, Desk

OTHER = "sk-other-0123456789abcdef"


def declare(desk: Desk, more: str) -> None:
    desk.config = ONE_KEY.replace("APP_KEY", f"APP_KEY, {more}")


def actions(report: KeysSyncReport) -> dict[str | None, str]:
    return {key.alias: key.action for key in report.keys}


def test_keys_that_are_as_declared_are_not_changed(desk: Desk) -> None:
    desk.healthy()

    report = desk.run(sync_keys)

    assert actions(report) == {"app": "none"}
    assert (report.drift, report.changed, report.problem) == (False, False, None)
    assert set(desk.fake.paths()) == {"/key/list"}


@pytest.mark.parametrize(
    ("more", "change"),
    [
        ("models: [demo]", "models: all → demo"),
        ("metadata: {team: search}", "metadata.team: - → search"),
        ("duration: 30d", "duration: - → 30d"),
    ],
)
def test_what_changed_in_gateway_yaml_is_changed_in_litellm_once(
    desk: Desk, more: str, change: str
) -> None:
    key_hash = desk.healthy()
    declare(desk, more)

    planned = desk.run(sync_keys, dry_run=True)
    before = dict(desk.fake.keys[key_hash])
    first = desk.run(sync_keys)
    second = desk.run(sync_keys)

    assert [key.changes for key in planned.keys] == [(change,)]
    assert isinstance(planned.problem, Drift)
    assert before["metadata"] == {k: v for k, v in before["metadata"].items() if k != "team"}
    assert (first.changed, first.problem) == (True, None)
    assert (second.drift, second.changed) == (False, False)
    assert list(desk.fake.keys) == [key_hash]
    assert desk.stored() == SECRET


def test_a_duration_that_is_no_longer_declared_removes_the_expiry(desk: Desk) -> None:
    key_hash = desk.healthy(expires="2027-01-01T00:00:00Z", metadata={"gatewayctl_duration": "60d"})

    desk.run(sync_keys)

    assert desk.fake.keys[key_hash]["expires"] is None
    assert desk.fake.sent("/key/update")["duration"] is None


def test_another_change_does_not_prolong_a_key(desk: Desk) -> None:
    declare(desk, "duration: 60d, models: [demo]")
    desk.healthy(expires="2026-12-01T00:00:00Z", metadata={"gatewayctl_duration": "60d"})

    desk.run(sync_keys)

    assert "duration" not in desk.fake.sent("/key/update")


def test_metadata_no_longer_declared_is_removed_and_that_of_litellm_stays(
    desk: Desk,
) -> None:
    key_hash = desk.healthy(metadata={"team": "search", "model_rpm_limit": {"demo": 3}})

    desk.run(sync_keys)

    metadata = desk.fake.keys[key_hash]["metadata"]
    assert "team" not in metadata
    assert metadata["model_rpm_limit"] == {"demo": 3}


STATES: list[tuple[str, str]] = [
    ("nowhere", "create"),
    ("only in .env", "register"),
    ("only in LiteLLM", "replace"),
    ("expired", "replace"),
    ("renamed variable", "move"),
    ("interrupted", "finish"),
]


def arrange(desk: Desk, state: str) -> None:
    if state in {"only in .env", "expired", "interrupted"}:
        desk.write(f"APP_KEY={SECRET}")
    if state in {"only in LiteLLM", "interrupted"}:
        desk.add("sk-before-0123456789abcdef")
    if state == "expired":
        desk.add(expires="2026-11-22T00:00:00Z")
    if state == "renamed variable":
        desk.write(f"OLD_KEY={SECRET}")
        desk.add(metadata={"gatewayctl_env": "OLD_KEY"})
    if state == "interrupted":
        desk.add(alias="app@next", metadata={"gatewayctl_alias": "app"})


@pytest.mark.parametrize(("state", "action"), STATES)
def test_every_state_of_a_declared_key_is_planned_and_fixed(
    desk: Desk, state: str, action: str
) -> None:
    arrange(desk, state)

    planned = desk.run(sync_keys, dry_run=True)
    done = desk.run(sync_keys)
    again = desk.run(sync_keys)

    assert actions(planned) == {"app": action}
    assert isinstance(planned.problem, Drift)
    assert [(key.done, key.error) for key in done.keys] == [(True, None)]
    assert not again.drift
    desk.assert_whole()


def test_a_dry_run_changes_nothing_anywhere(desk: Desk) -> None:
    arrange(desk, "interrupted")
    env = (desk.folder / ".env").read_bytes()
    keys = {name: dict(row) for name, row in desk.fake.keys.items()}

    desk.run(sync_keys, dry_run=True, prune=True)

    assert ((desk.folder / ".env").read_bytes(), desk.fake.keys) == (env, keys)


@pytest.mark.parametrize(("prune", "left"), [(False, 2), (True, 1)])
def test_our_undeclared_key_is_deleted_only_with_prune(desk: Desk, prune: bool, left: int) -> None:
    desk.healthy()
    with (desk.folder / ".env").open("a") as file:
        file.write(f"BATCH_KEY={OTHER}\n")
    desk.add(OTHER, "batch", metadata={"gatewayctl_env": "BATCH_KEY"})

    report = desk.run(sync_keys, prune=prune)
    again = desk.run(sync_keys, prune=prune)

    assert len(desk.fake.keys) == left
    assert (desk.stored("BATCH_KEY") is None) == prune
    assert actions(report)["batch"] == ("delete" if prune else "keep")
    assert not again.drift


@pytest.mark.parametrize("metadata", [{}, {"created_by": "gatewayctl", "project": "another"}])
def test_foreign_keys_are_listed_and_never_changed(desk: Desk, metadata: dict[str, Any]) -> None:
    desk.healthy()
    foreign = desk.fake.add(OTHER, "theirs", metadata=metadata)

    report = desk.run(sync_keys, prune=True)

    assert actions(report) == {"app": "none", "theirs": "foreign"}
    assert foreign in desk.fake.keys
    assert not report.drift


def test_a_foreign_key_that_env_holds_is_not_drift_and_is_not_changed(desk: Desk) -> None:
    declare(desk, "models: [demo]")
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "app")

    report = desk.run(sync_keys)

    assert actions(report) == {"app": "foreign"}
    assert report.problem is None
    assert desk.fake.keys[sha256(SECRET)]["models"] == []


def test_what_gatewayctl_cannot_fix_is_partly_done(desk: Desk) -> None:
    desk.write()
    desk.fake.add(OTHER, "app")

    report = desk.run(sync_keys)

    assert actions(report) == {"app": "conflict"}
    assert isinstance(report.problem, PartlyDone)
    assert "created by others" in str(report.problem)


def test_a_secret_of_another_alias_is_a_conflict(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "theirs")

    report = desk.run(sync_keys, dry_run=True)

    assert report.keys[0].reason == "APP_KEY holds the key 'theirs'"


def test_a_blocked_key_stays_blocked(desk: Desk) -> None:
    key_hash = desk.healthy(blocked=True)

    report = desk.run(sync_keys)

    assert actions(report) == {"app": "blocked"}
    assert isinstance(report.problem, PartlyDone)
    assert desk.fake.keys[key_hash]["blocked"] is True


def test_one_key_that_fails_is_reported_with_those_that_are_done(desk: Desk) -> None:
    desk.config = "project_name: desk\nkeys:\n  app: APP_KEY\n  eval: EVAL_KEY\n"
    desk.write(f"APP_KEY={SECRET}")
    desk.add(models=["demo"])
    desk.fake.planted["/key/update"] = lambda _: error(500, "no")

    report = desk.run(sync_keys)

    assert [(key.alias, key.done) for key in report.keys] == [("app", False), ("eval", True)]
    assert isinstance(report.problem, PartlyDone)


def test_a_key_is_kept_in_its_grace_period_and_deleted_after_it(desk: Desk) -> None:
    desk.healthy()
    old = desk.add(
        OTHER, "app@old-1", expires="2026-11-24T00:00:00Z", metadata={"gatewayctl_alias": "app"}
    )

    kept = desk.run(sync_keys, prune=True)
    desk.fake.keys[old]["expires"] = "2026-11-22T00:00:00Z"
    over = desk.run(sync_keys)

    assert actions(kept)["app@old-1"] == "keep"
    assert actions(over)["app@old-1"] == "delete"
    desk.assert_whole()


def test_an_interrupted_rotation_of_a_key_that_is_not_declared_is_finished(desk: Desk) -> None:
    desk.config = "project_name: desk\nkeys: {}\n"
    desk.write(f"BATCH_KEY={SECRET}")
    marks = {"gatewayctl_alias": "batch", "gatewayctl_env": "BATCH_KEY"}
    desk.add(alias="batch@next", metadata=marks)

    report = desk.run(sync_keys)

    assert actions(report) == {"batch": "finish"}
    assert desk.aliases() == ["batch"]
