from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.runtimes.embedded.postgres import privileges
from gatewayctl.runtimes.embedded.postgres.privileges import (
    USER,
    PostgresUser,
    _drop_privileges,
    _find_capability,
    choose_postgres_user,
)

STATUS = "Name:\tpython\nUid:\t0\t0\t0\t0\nCapInh:\t0000000000000000\nCapEff:\t{}\nSeccomp:\t0\n"


@pytest.mark.parametrize(
    ("effective", "name"),
    [
        ("000001ffffffffff", "dac_read_search"),
        ("0000000000000004", "dac_read_search"),
        ("00000000a80425fb", "dac_override"),
        ("0000000000000002", "dac_override"),
        ("0000000000000000", None),
        ("00000000000000f8", None),
    ],
)
def test_the_weakest_capability_this_process_has_is_chosen(
    effective: str, name: str | None
) -> None:
    assert _find_capability(STATUS.format(effective)) == name


def test_without_a_status_file_there_is_no_capability() -> None:
    assert _find_capability("") is None


def test_an_ordinary_user_runs_postgresql_without_any_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert choose_postgres_user() == PostgresUser()


def test_dropping_privileges_keeps_one_capability_and_cannot_be_undone() -> None:
    nobody = pwd.getpwnam(USER)

    user = _drop_privileges("/usr/bin/setpriv", "dac_read_search")

    assert (user.uid, user.gid) == (nobody.pw_uid, nobody.pw_gid)
    assert user.prefix[0] == "/usr/bin/setpriv"
    assert {f"--reuid={nobody.pw_uid}", "--clear-groups", "--no-new-privs"} <= set(user.prefix)
    capabilities = [option for option in user.prefix if "caps" in option or "bounding" in option]
    assert [option.partition("=")[2] for option in capabilities] == ["-all,+dac_read_search"] * 3


def test_root_that_cannot_drop_privileges_gets_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "status").write_text(STATUS.format("0000000000000000"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges, "_STATUS", tmp_path / "status")

    with pytest.raises(RuntimeUnavailable, match="capabilities are missing") as refused:
        choose_postgres_user()

    assert "ordinary user" in refused.value.hint


def test_a_folder_keeps_its_owner_without_another_user(tmp_path: Path) -> None:
    PostgresUser().own(tmp_path)
    PostgresUser(uid=os.getuid(), gid=os.getgid()).own(tmp_path)

    assert tmp_path.stat().st_uid == os.getuid()


def test_a_folder_gets_the_user_that_runs_postgresql_as_owner(tmp_path: Path) -> None:
    nobody = pwd.getpwnam(USER)
    user = PostgresUser(uid=nobody.pw_uid, gid=nobody.pw_gid)

    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            user.own(tmp_path)
        return
    user.own(tmp_path)

    assert tmp_path.stat().st_uid == nobody.pw_uid
