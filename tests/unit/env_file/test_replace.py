from __future__ import annotations

import os

import pytest

from gatewayctl.env_file.replace import _sync
from gatewayctl.errors import EnvFileUnwritable

NO_DESCRIPTOR = 1_000_000


def test_a_folder_that_cannot_be_synced_is_told() -> None:
    with pytest.raises(EnvFileUnwritable, match=r"\.env is written, but may not survive"):
        _sync(NO_DESCRIPTOR, ".env")


def test_a_file_system_that_syncs_no_folders_is_no_failure() -> None:
    # a pipe answers fsync like such a file system: invalid argument
    ends = os.pipe()
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            os.fsync(ends[0])
        _sync(ends[0], ".env")
    finally:
        for end in ends:
            os.close(end)
