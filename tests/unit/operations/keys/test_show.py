from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import GatewayRefused
from gatewayctl.operations.keys.list import list_keys
from gatewayctl.operations.keys.show import show_key
from tests.unit.operations.keys.desk import SECRET, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path)


def test_a_key_is_shown_with_all_but_its_secret(desk: Desk) -> None:
    desk.healthy(metadata={"team": "search"}, max_budget=5.0, spend=1.5)

    report = desk.run(show_key, "app")

    assert (report.state, report.key, report.spend) == ("ok", "sk-…cdef", 1.5)
    assert report.metadata is not None
    assert report.metadata["team"] == "search"
    assert report.limits == {"max_budget": 5.0}
    assert SECRET not in repr(report)


def test_its_keys_in_their_grace_are_shown_with_it_and_listed_as_retiring(desk: Desk) -> None:
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


def test_a_rotation_that_was_interrupted_is_listed_as_unfinished(desk: Desk) -> None:
    desk.healthy()
    desk.add("sk-new-0123456789abcdef", "app@next", metadata={"gatewayctl_alias": "app"})

    states = {row.alias: row.state for row in desk.run(list_keys).keys}

    assert states == {"app": "ok", "app@next": "unfinished"}


def test_a_declared_key_that_is_nowhere_is_missing(desk: Desk) -> None:
    report = desk.run(show_key, "app")

    assert (report.state, report.metadata, report.created_at) == ("missing", None, None)


def test_a_foreign_key_can_be_looked_at(desk: Desk) -> None:
    desk.fake.add(SECRET, "theirs")

    assert desk.run(show_key, "theirs").state == "foreign"


def test_an_alias_nobody_has_is_told(desk: Desk) -> None:
    desk.fake.add(SECRET, "nobody-else")

    with pytest.raises(GatewayRefused, match="no key 'nobody'"):
        desk.run(show_key, "nobody")
