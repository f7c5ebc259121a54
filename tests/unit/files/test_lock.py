from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gatewayctl.errors import Locked
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.lock import acquire_lock, hold_folder_lock


def test_a_folder_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with hold_folder_lock(tmp_path):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_folder_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), hold_folder_lock(tmp_path):
        raise KeyboardInterrupt

    with hold_folder_lock(tmp_path, patience=0):
        pass


def test_a_second_owner_is_refused_and_the_folder_named(tmp_path: Path) -> None:
    with (
        hold_folder_lock(tmp_path),
        pytest.raises(Locked, match=f"Another process is writing files in {tmp_path}"),
        hold_folder_lock(tmp_path, patience=0),
    ):
        pass


def test_waiting_ends_after_the_timeout_and_not_before(tmp_path: Path) -> None:
    naps: list[float] = []
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with hold_folder_lock(tmp_path):
            got = acquire_lock(descriptor, timeout=1, clock=lambda: sum(naps), sleep=naps.append)
        free = acquire_lock(descriptor, timeout=0)
    finally:
        os.close(descriptor)

    assert (got, free) == (False, True)
    assert sum(naps) == pytest.approx(1)


def test_writers_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writer = threading.Thread(target=write_atomically, args=(path, b"x"))

    with hold_folder_lock(tmp_path):
        writer.start()
        assert not path.exists()
    writer.join()

    assert path.read_bytes() == b"x"
