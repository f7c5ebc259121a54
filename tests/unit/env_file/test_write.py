from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.env_file.write import EnvUpdate, update_env_file
from gatewayctl.errors import EnvValueUnsafe, GatewayctlError
from gatewayctl.files.atomic import temporary_name
from tests.fakes.other_user import as_nobody
from tests.unit.env_file import drawn
from tests.unit.env_file.readers import by_dotenv, by_sh


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("# mine\nA=1\nEMPTY=\nB='2'\n")
    path.chmod(0o600)
    return path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_an_update_reports_the_result_for_each_name(path: Path) -> None:
    done = update_env_file(path, {"A": "one", "B": "2", "C": "3", "EMPTY": "now"}, remove=["D"])
    assert done == EnvUpdate(
        path=path,
        added=("C",),
        changed=("A", "EMPTY"),
        removed=(),
        unchanged=("B", "D"),
        conflicts=(),
        widened_mode=None,
    )
    assert path.read_text() == "# mine\nA=one\nEMPTY=now\nB='2'\nC=3\n"


def test_names_are_removed(path: Path) -> None:
    assert update_env_file(path, {}, remove=["A", "B"]).removed == ("A", "B")
    assert path.read_text() == "# mine\nEMPTY=\n"


def test_a_new_file_is_private_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    mask = os.umask(0)
    try:
        done = update_env_file(path, {"A": "1"}, comment="Made by gatewayctl")
    finally:
        os.umask(mask)
    assert (done.added, done.widened_mode) == (("A",), None)
    assert path.read_text() == "# Made by gatewayctl\nA=1\n"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", ["1", "2"])
def test_a_file_that_others_could_read_is_made_private_and_reported(path: Path, value: str) -> None:
    path.chmod(0o644)
    done = update_env_file(path, {"A": value})
    assert done.widened_mode == 0o644
    assert done.mode_warning == (
        f"{path} was accessible to other users (mode 0644); its mode is 0600 now."
    )
    assert mode(path) == 0o600
    assert update_env_file(path, {"A": value}).widened_mode is None


def test_a_file_of_another_user_that_stays_readable_is_reported_as_such(
    shared_path: Path,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user has no file of another user")
    path = shared_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)

    with as_nobody():
        warning = update_env_file(path, {"A": "1"}).mode_warning

    assert warning == (
        f"{path} was accessible to other users (mode 0644), and still is: "
        "run `chmod 600 .env` as its owner."
    )
    assert mode(path) == 0o644


def test_nothing_to_change_does_not_touch_the_file(path: Path) -> None:
    before = path.stat()
    update_env_file(path, {"A": "1"}, remove=["Z"])
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_nothing_to_write_creates_no_file(tmp_path: Path) -> None:
    update_env_file(tmp_path / ".env", {}, remove=["A"])
    assert list(tmp_path.iterdir()) == []


def test_only_missing_keeps_existing_values_and_fills_in_empty_ones(path: Path) -> None:
    done = update_env_file(path, {"A": "x", "EMPTY": "y", "NEW": "z"}, only_missing=True)
    assert (done.unchanged, done.changed, done.added) == (("A",), ("EMPTY",), ("NEW",))
    assert by_dotenv(path) == {"A": "1", "EMPTY": "y", "B": "2", "NEW": "z"}


def test_only_missing_accepts_an_existing_value_that_cannot_be_written(path: Path) -> None:
    assert update_env_file(path, {"A": "two\nlines"}, only_missing=True).unchanged == ("A",)


def test_a_value_that_another_process_changed_is_not_replaced(path: Path) -> None:
    done = update_env_file(
        path,
        {"A": "x", "B": "y", "NEW": "z", "EMPTY": "e"},
        remove=["OTHER"],
        expect={"A": "0", "B": "2", "NEW": None, "EMPTY": None},
    )
    assert (done.conflicts, done.changed, done.added) == (("A", "EMPTY"), ("B",), ("NEW",))
    assert by_dotenv(path) == {"A": "1", "EMPTY": "", "B": "y", "NEW": "z"}


def test_a_name_that_another_process_changed_is_not_removed(path: Path) -> None:
    done = update_env_file(path, {}, remove=["A", "B"], expect={"A": "0", "B": "2"})
    assert (done.conflicts, done.removed) == (("A",), ("B",))


def test_a_value_that_is_already_as_requested_is_not_a_conflict(path: Path) -> None:
    done = update_env_file(path, {"A": "1"}, remove=["Z"], expect={"A": "0", "Z": "0"})
    assert (done.unchanged, done.conflicts) == (("A", "Z"), ())


def test_the_target_of_a_link_is_changed(tmp_path: Path) -> None:
    target = tmp_path / "shared" / "secrets.env"
    target.parent.mkdir()
    target.write_text("A=1\n")
    link = tmp_path / ".env"
    link.symlink_to("shared/secrets.env")
    assert update_env_file(link, {"A": "2"}).path == link
    assert link.readlink() == Path("shared/secrets.env")
    assert target.read_text() == "A=2\n"
    assert mode(target) == 0o600


def test_the_missing_target_of_a_link_is_created(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to("secrets.env")
    update_env_file(tmp_path / ".env", {"A": "1"})
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "secrets.env").read_text() == "A=1\n"


def test_a_relative_path_is_accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert update_env_file(Path(".env"), {"A": "2"}).changed == ("A",)


@pytest.mark.parametrize("wanted", ["2", "1"])
def test_the_temporary_file_of_a_killed_process_is_removed(path: Path, wanted: str) -> None:
    stale = path.with_name(temporary_name(path.name))
    stale.write_text("A=half a sec")
    update_env_file(path, {"A": wanted})
    assert by_dotenv(path)["A"] == wanted
    assert not stale.exists()


def test_a_link_in_place_of_the_temporary_file_is_not_followed(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("untouched")
    path.with_name(temporary_name(path.name)).symlink_to(victim)
    update_env_file(path, {"A": "2"})
    assert victim.read_text() == "untouched"
    assert not path.is_symlink()


def test_a_refused_value_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(EnvValueUnsafe, match="The value of B has a carriage return") as refused:
        update_env_file(path, {"A": "fine", "B": "secret\r"})
    assert "secret" not in refused.value.message
    assert path.read_bytes() == before


def test_an_invalid_name_is_refused(path: Path) -> None:
    with pytest.raises(EnvValueUnsafe, match="'A B' is not a valid variable name"):
        update_env_file(path, {"A B": "1"})


def test_an_open_quote_above_that_would_swallow_the_new_value_is_refused(path: Path) -> None:
    path.write_text("A=1\n\nOPEN='secret\n")
    with pytest.raises(EnvValueUnsafe, match=r"/\.env was not changed: NEW") as refused:
        update_env_file(path, {"NEW": "two words"})
    assert "line 3" in refused.value.hint
    assert "secret" not in refused.value.message
    assert path.read_text() == "A=1\n\nOPEN='secret\n"


def test_a_line_that_only_python_dotenv_would_read_is_not_written(path: Path) -> None:
    path.write_bytes(b"A=1\nB=2\rC=3\n")
    with pytest.raises(EnvValueUnsafe, match=r"/\.env line 2 has a carriage return without"):
        update_env_file(path, {"C": "4"})


def test_a_name_cannot_be_set_and_removed_at_once(path: Path) -> None:
    with pytest.raises(ValueError, match="both set and removed: A"):
        update_env_file(path, {"A": "1"}, remove=["A"])


def test_the_new_file_is_synced_before_it_replaces_the_old_one(path: Path) -> None:
    calls: list[str] = []

    def note(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in {"fchmod", "write", "fsync", "rename"}:
            calls.append(called.__name__)

    sys.setprofile(note)
    try:
        update_env_file(path, {"A": "2"})
    finally:
        sys.setprofile(None)
    assert calls == ["fchmod", "write", "fsync", "rename", "fsync"]


def test_an_interrupted_write_leaves_nothing_behind(path: Path) -> None:
    def press_ctrl_c(_frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and getattr(called, "__name__", "") == "rename":
            raise KeyboardInterrupt

    before = path.read_bytes()
    sys.setprofile(press_ctrl_c)
    try:
        with pytest.raises(KeyboardInterrupt):
            update_env_file(path, {"A": "2"})
    finally:
        sys.setprofile(None)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert update_env_file(path, {"A": "2"}).changed == ("A",)


@drawn.few
@given(
    lines=drawn.other_lines,
    values=st.dictionaries(drawn.sh_names, drawn.values, max_size=4),
    remove=st.sets(st.sampled_from(["OTHER", "MULTI", "NOWHERE"])),
)
def test_an_update_is_all_or_nothing_and_every_reader_sees_it(
    lines: list[str], values: dict[str, str], remove: set[str]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        path.write_text("\n".join(lines), encoding="utf-8")
        content, before = path.read_bytes(), by_dotenv(path)
        try:
            update_env_file(path, values, remove=remove)
        except GatewayctlError:
            assert path.read_bytes() == content
        else:
            kept = {name: value for name, value in before.items() if name not in remove}
            assert by_dotenv(path) == {**kept, **values}
            assert by_sh(path, {**kept, **values}) == {**kept, **values}
