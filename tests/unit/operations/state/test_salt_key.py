from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gatewayctl.errors import SaltKeyChanged
from gatewayctl.operations.state import salt_key
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

KEY = "sk-salt-0123456789abcdef0123456789"


def settings(folder: Path, key: str = KEY) -> Settings:
    made = project(folder, env=f"LITELLM_SALT_KEY={key}\n" if key else "")
    made.state_dir.mkdir(exist_ok=True)
    return made


def test_a_project_without_a_database_takes_any_key(tmp_path: Path) -> None:
    salt_key.require_same_salt_key(settings(tmp_path))

    assert not salt_key.is_recorded(settings(tmp_path))


def test_the_key_of_the_first_start_is_the_one_that_counts(tmp_path: Path) -> None:
    salt_key.record_salt_key(settings(tmp_path))
    other = settings(tmp_path, f"{KEY}-other")
    salt_key.record_salt_key(other)

    salt_key.require_same_salt_key(settings(tmp_path))
    with pytest.raises(SaltKeyChanged, match=r"from \.env line 1") as changed:
        salt_key.require_same_salt_key(other)
    assert KEY not in changed.value.message


def test_a_key_that_is_gone_is_another_one(tmp_path: Path) -> None:
    salt_key.record_salt_key(settings(tmp_path))

    assert salt_key.has_changed(settings(tmp_path, ""))


def test_a_new_database_has_a_new_key(tmp_path: Path) -> None:
    salt_key.record_salt_key(settings(tmp_path))
    other = settings(tmp_path, f"{KEY}-other")

    salt_key.record_salt_key(other, overwrite=True)
    assert not salt_key.has_changed(other)
    salt_key.forget(other)
    assert not salt_key.is_recorded(other)
    salt_key.forget(other)


def test_the_record_is_private_and_does_not_contain_the_key(tmp_path: Path) -> None:
    salt_key.record_salt_key(settings(tmp_path))
    (kept,) = settings(tmp_path).state_dir.iterdir()

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert KEY.removeprefix("sk-") not in kept.read_text()


def test_a_full_disk_does_not_prevent_a_start(tmp_path: Path) -> None:
    made = settings(tmp_path)
    made.state_dir.rmdir()
    made.state_dir.write_text("no folder")

    salt_key.record_salt_key(made)

    assert made.state_dir.read_text() == "no folder"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"salt": "x", "digest": "", "iterations": 1}'])
def test_an_unreadable_record_does_not_prevent_a_start(tmp_path: Path, text: str) -> None:
    made = settings(tmp_path)
    (made.state_dir / "salt_key.json").write_text(text)

    assert not salt_key.has_changed(made)


@pytest.mark.parametrize("iterations", ["0", "-1", "1e99", "99999999999999999999", '"x"', "[]"])
def test_a_damaged_record_counts_as_none(iterations: str, tmp_path: Path) -> None:
    made = settings(tmp_path)
    record = f'{{"salt": "00", "digest": "00", "iterations": {iterations}}}'
    (made.state_dir / "salt_key.json").write_text(record)

    assert not salt_key.has_changed(made)
