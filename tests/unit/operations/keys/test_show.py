from __future__ import annotations

import pytest

from gatewayctl.errors import GatewayRefused
from gatewayctl.operations.keys.list import list_keys
from gatewayctl.operations.keys.show import show_key
from tests.unit.operations.keys.desk import SECRET, Desk


def test_a_key_is_shown_without_its_secret(desk: Desk) -> None:
    desk.healthy(metadata={"team": "search"}, max_budget=5.0, spend=1.5)

    report = desk.run(show_key, "app")

    assert (report.state, report.key, report.spend) == ("ok", "sk-…cdef", 1.5)
    assert report.metadata is not None
    assert report.metadata["team"] == "search"
    assert report.limits == {"max_budget": 5.0}
    assert SECRET not in repr(report)


def test_keys_in_their_grace_period_are_shown_with_their_alias_and_listed_as_retiring(
    desk: Desk,
) -> None:
    desk.healthy()
    desk.add(
        "sk-old-0123456789abcdef",
        "app@old-1",
        expires="2026-11-24T00:00:00Z",
        metadata={"gatewayctl_alias": "app"},
    )

    report = desk.run(show_key, "app")
    rows = {row.alias: row for row in desk.run(list_keys).keys}

    assert [old.alias for old in report.retiring] == ["app@old-1"]
    assert (rows["app@old-1"].state, rows["app@old-1"].in_env) == ("retiring", False)


def test_an_interrupted_rotation_is_listed_as_unfinished(desk: Desk) -> None:
    desk.healthy()
    desk.add("sk-new-0123456789abcdef", "app@next", metadata={"gatewayctl_alias": "app"})

    states = {row.alias: row.state for row in desk.run(list_keys).keys}

    assert states == {"app": "ok", "app@next": "unfinished"}


def test_a_declared_key_in_neither_place_is_missing(desk: Desk) -> None:
    report = desk.run(show_key, "app")

    assert (report.state, report.metadata, report.created_at) == ("missing", None, None)


def test_a_foreign_key_can_be_shown(desk: Desk) -> None:
    desk.fake.add(SECRET, "theirs")

    assert desk.run(show_key, "theirs").state == "foreign"


def test_an_unknown_alias_is_an_error(desk: Desk) -> None:
    desk.fake.add(SECRET, "unknown-too")

    with pytest.raises(GatewayRefused, match="no key 'unknown'"):
        desk.run(show_key, "unknown")
