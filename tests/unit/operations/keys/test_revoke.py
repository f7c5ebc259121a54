from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import GatewayRefused, KeyAliasExists
from gatewayctl.operations.keys.revoke import revoke_key
from tests.fakes.litellm import error, sha256
from tests.unit.operations.keys.desk import SECRET, Desk


def test_a_key_is_deleted_by_its_hash_and_its_line_is_removed(desk: Desk) -> None:
    key_hash = desk.healthy()

    report = desk.run(revoke_key, "app")

    assert desk.fake.keys == {}
    assert desk.fake.sent("/key/delete") == {"keys": [key_hash]}
    assert desk.stored() is None
    assert (report.revoked, report.env_removed, report.declared) == (("sk-...cdef",), True, True)


def test_the_keys_of_its_rotations_are_deleted_with_it(desk: Desk) -> None:
    desk.healthy()
    desk.add("sk-old-0123456789abcdef", "app@old-1", metadata={"gatewayctl_alias": "app"})
    desk.add("sk-new-0123456789abcdef", "app@next", metadata={"gatewayctl_alias": "app"})

    report = desk.run(revoke_key, "app")

    assert desk.fake.keys == {}
    assert len(report.revoked) == 3


def test_a_revoked_key_is_not_registered_again_after_a_crash(desk: Desk) -> None:
    desk.healthy()
    desk.fake.planted["/key/delete"] = lambda _: error(500, "no")

    with pytest.raises(GatewayRefused):
        desk.run(revoke_key, "app")
    after_crash = desk.stored()
    desk.fake.planted.clear()
    desk.run(revoke_key, "app")

    assert after_crash is None
    assert desk.fake.keys == {}


def test_a_deletion_that_did_not_happen_is_detected(desk: Desk) -> None:
    key_hash = desk.healthy()
    desk.fake.planted["/key/delete"] = lambda _: httpx.Response(
        200, json={"deleted_keys": [key_hash]}
    )

    with pytest.raises(GatewayRefused, match="but it exists"):
        desk.run(revoke_key, "app")


def test_a_foreign_key_is_not_deleted(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "app")

    with pytest.raises(KeyAliasExists, match="not created by gatewayctl"):
        desk.run(revoke_key, "app")

    assert (list(desk.fake.keys), desk.stored()) == ([sha256(SECRET)], SECRET)


def test_the_former_name_of_a_renamed_project_is_told(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "app", metadata={"created_by": "gatewayctl", "project": "old"})

    with pytest.raises(KeyAliasExists, match="was created for the project 'old'") as refused:
        desk.run(revoke_key, "app")

    assert "`project_name: old` into gateway.yaml" in refused.value.hint


def test_another_value_in_its_variable_stays_where_litellm_knows_it(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")
    desk.fake.add(SECRET, "theirs")
    desk.add("sk-lost-0123456789abcdef")

    report = desk.run(revoke_key, "app")

    assert desk.aliases() == ["theirs"]
    assert desk.stored() == SECRET
    assert "holds another key" in report.warnings[0]


def test_an_unregistered_value_is_removed_as_the_next_create_would_register_it(desk: Desk) -> None:
    desk.write(f"APP_KEY={SECRET}")

    report = desk.run(revoke_key, "app")

    assert (report.revoked, report.env_removed, desk.stored()) == ((), True, None)


def test_an_unknown_alias_is_an_error(desk: Desk) -> None:
    with pytest.raises(GatewayRefused, match="no key 'unknown'"):
        desk.run(revoke_key, "unknown")


def test_a_key_of_the_command_line_knows_its_variable(desk: Desk) -> None:
    desk.write(f"BATCH_KEY={SECRET}")
    desk.add(alias="batch", metadata={"gatewayctl_env": "BATCH_KEY"})

    report = desk.run(revoke_key, "batch")

    assert (report.env, report.env_removed, report.declared) == ("BATCH_KEY", True, False)
    assert desk.stored("BATCH_KEY") is None


def test_a_variable_that_is_also_set_in_the_environment_is_warned_of(desk: Desk) -> None:
    desk.healthy()
    desk.environ = {"APP_KEY": SECRET}

    report = desk.run(revoke_key, "app")

    assert "unset it there" in report.warnings[0]
