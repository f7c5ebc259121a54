from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gatewayctl.errors import SaltKeyChanged
from gatewayctl.operations.state import salt_key
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Secret, Settings
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime

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


def test_the_hint_for_a_key_that_is_gone_recovers_it(tmp_path: Path) -> None:
    salt_key.record_salt_key(settings(tmp_path))

    with pytest.raises(SaltKeyChanged, match="is not set") as changed:
        salt_key.require_same_salt_key(settings(tmp_path, ""))

    assert "gatewayctl up" in changed.value.hint


@pytest.mark.parametrize(
    ("recorded", "marked", "data", "running", "expected"),
    [
        (KEY, True, True, KEY, "recovered"),
        (KEY, True, True, None, "refused"),
        (KEY, True, True, f"{KEY}-other", "refused"),
        # Volumes of a folder that was deleted.
        (None, False, True, KEY, "recovered"),
        (None, False, True, None, "refused"),
        # A first start that failed, and a new project.
        (None, True, True, None, "generated"),
        (None, False, False, None, "generated"),
    ],
)
def test_a_lost_key_is_recovered_or_refused_where_data_needs_it(
    recorded: str | None,
    marked: bool,
    data: bool,
    running: str | None,
    expected: str,
    tmp_path: Path,
) -> None:
    if recorded:
        salt_key.record_salt_key(settings(tmp_path, recorded))
    if marked:
        write_runtime(tmp_path / ".gatewayctl", "docker")
    runtime = FakeRuntime(data=data, salt_key=Secret(running) if running else None)
    without = settings(tmp_path, "")

    if expected == "refused":
        with pytest.raises(SaltKeyChanged, match="is not set") as refused:
            salt_key.recover_salt_key(without, runtime)
        assert "gatewayctl restore FILE" in refused.value.hint
        return
    found = salt_key.recover_salt_key(without, runtime)
    assert found == (Secret(KEY) if expected == "recovered" else None)
    assert salt_key.recover_salt_key(settings(tmp_path), FakeRuntime()) is None


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


def test_a_record_that_cannot_be_replaced_is_deleted_rather_than_kept_wrong(tmp_path: Path) -> None:
    made = settings(tmp_path)
    salt_key.record_salt_key(settings(tmp_path, "sk-salt-of-the-data-that-was-replaced"))
    (made.state_dir / "salt_key.json.gatewayctl-tmp").mkdir()

    salt_key.record_salt_key(made, overwrite=True)

    assert not (made.state_dir / "salt_key.json").exists()
    salt_key.require_same_salt_key(made)


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
