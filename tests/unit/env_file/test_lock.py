from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gatewayctl.env_file.read import read_env_file
from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import Locked
from gatewayctl.files.lock import hold_folder_lock

WRITERS, WRITES = 8, 20
# Each writer is a process of its own; forked, so that Python starts once and not eight times.
WRITING = """
import os, sys
from pathlib import Path
from gatewayctl.env_file.write import update_env_file
path, writers, writes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
started = []
for writer in range(writers):
    child = os.fork()
    if child:
        started.append(child)
        continue
    for write in range(writes):
        values = {f"W{writer}_{write}": f"{writer}-{write}", "SHARED": str(writer)}
        update_env_file(path, values, patience=120)
    sys.exit()
sys.exit(any([os.waitpid(child, 0)[1] for child in started]))
"""


def test_no_concurrent_write_is_lost_and_readers_see_complete_files(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nFIRST=1\n")
    seen = [len(read_env_file(path))]
    program = [sys.executable, "-c", WRITING, str(path), str(WRITERS), str(WRITES)]
    with subprocess.Popen(program) as writing:
        while writing.poll() is None:
            seen.append(len(read_env_file(path)))
    assert writing.returncode == 0
    written = {
        f"W{writer}_{write}": f"{writer}-{write}"
        for writer in range(WRITERS)
        for write in range(WRITES)
    }
    values = {name: found.value for name, found in read_env_file(path).items()}
    assert values.pop("SHARED") in {str(writer) for writer in range(WRITERS)}
    assert values == {"FIRST": "1", **written}
    assert seen == sorted(seen)


def test_a_writer_that_waits_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    with hold_folder_lock(tmp_path), pytest.raises(Locked, match="Another process") as refused:
        update_env_file(path, {"A": "2"}, patience=0)
    assert str(tmp_path) in refused.value.message
    assert path.read_text() == "A=1\n"


def test_a_reader_never_waits(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    with hold_folder_lock(tmp_path):
        assert read_env_file(path)["A"].value == "1"


def test_a_writer_continues_when_the_lock_is_free(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    writer = threading.Thread(target=update_env_file, args=(path, {"A": "1"}))
    with hold_folder_lock(tmp_path):
        writer.start()
        assert not path.exists()
    writer.join()
    assert read_env_file(path)["A"].value == "1"


def test_writers_of_one_file_by_two_paths_share_the_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / ".env").symlink_to("real/secrets")
    with hold_folder_lock(tmp_path / "real"), pytest.raises(Locked):
        update_env_file(tmp_path / ".env", {"A": "1"}, patience=0)
