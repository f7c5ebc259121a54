from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable, Locked
from gatewayctl.operations.state.lock import hold_lock

OWNER = """
import sys
from pathlib import Path
from gatewayctl.operations.state.lock import hold_lock
with hold_lock(Path(sys.argv[1]), "up"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".gatewayctl"


def test_a_lock_of_a_running_process_is_refused_with_its_owner(state: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()

        with pytest.raises(Locked) as refused, hold_lock(state, "down"):
            pass

    since = json.loads((state / "lock").read_text())["since"]
    assert refused.value.message == (
        f"This project is being changed: gatewayctl up (pid {owner.pid}) since {since}."
    )


def test_a_killed_owner_does_not_block_others(state: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.send_signal(signal.SIGKILL)

    with hold_lock(state, "down"):
        assert json.loads((state / "lock").read_text())["pid"] == os.getpid()


def test_a_lock_is_free_again_after_its_verb_in_any_case(state: Path) -> None:
    with pytest.raises(KeyboardInterrupt), hold_lock(state, "up"):
        raise KeyboardInterrupt
    with hold_lock(state, "down"):
        pass
    with hold_lock(state, "up"):
        pass


def test_the_second_verb_of_one_process_is_refused_as_well(state: Path) -> None:
    with (
        hold_lock(state, "up"),
        pytest.raises(Locked, match=r"gatewayctl up \(pid"),
        hold_lock(state, "x"),
    ):
        pass


def test_two_projects_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "one", "up"), hold_lock(tmp_path / "other", "up"):
        owners = [
            json.loads((tmp_path / name / "lock").read_text())["pid"] for name in ("one", "other")
        ]

    assert owners == [os.getpid()] * 2


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}'])
def test_an_owner_without_a_record_is_reported_as_just_started(text: str, state: Path) -> None:
    with hold_lock(state, "up"):
        (state / "lock").write_text(text)
        with (
            pytest.raises(Locked, match="by a gatewayctl that has just started"),
            hold_lock(state, "x"),
        ):
            pass


def test_the_state_folder_is_private(state: Path) -> None:
    with hold_lock(state, "up"):
        assert state.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "project").write_text("a file")

    state = tmp_path / "project" / ".gatewayctl"

    with (
        pytest.raises(FileUnwritable, match=f"{tmp_path}/project is not a folder"),
        hold_lock(state, "up"),
    ):
        pass


def test_a_second_verb_waits_for_the_first_as_long_as_it_may(state: Path) -> None:
    naps: list[float] = []
    with (
        hold_lock(state, "up"),
        pytest.raises(Locked, match=r"up \(pid \d+\).*Waited 1 s for it\."),
        hold_lock(state, "down", timeout=1, clock=lambda: sum(naps), sleep=naps.append),
    ):
        pass

    assert sum(naps) >= 1


def test_a_lock_that_becomes_free_while_waiting_is_acquired(state: Path) -> None:
    first = hold_lock(state, "up")
    first.__enter__()

    def sleep(_: float) -> None:
        first.__exit__(None, None, None)

    with hold_lock(state, "down", timeout=5, sleep=sleep):
        assert json.loads((state / "lock").read_text())["verb"] == "down"
