from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gatewayctl.env_file.lock import locked
from gatewayctl.env_file.read import read
from gatewayctl.env_file.write import update
from gatewayctl.errors import Locked

WRITERS, WRITES = 8, 20
WRITER = """
import sys
from pathlib import Path
from gatewayctl.env_file.write import update
writer = sys.argv[2]
for write in range(int(sys.argv[3])):
    values = {f"W{writer}_{write}": f"{writer}-{write}", "SHARED": writer}
    update(Path(sys.argv[1]), values, patience=120)
"""


def test_of_160_concurrent_writes_none_is_lost_and_readers_see_whole_files(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nFIRST=1\n")
    arguments = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen([*arguments, str(writer), str(WRITES)]) for writer in range(WRITERS)
    ]
    seen = [len(read(path))]
    while any(writer.poll() is None for writer in writers):
        seen.append(len(read(path)))
    assert [writer.wait() for writer in writers] == [0] * WRITERS
    written = {
        f"W{writer}_{write}": f"{writer}-{write}"
        for writer in range(WRITERS)
        for write in range(WRITES)
    }
    values = {name: found.value for name, found in read(path).items()}
    assert values.pop("SHARED") in {str(writer) for writer in range(WRITERS)}
    assert values == {"FIRST": "1", **written}
    assert seen == sorted(seen)


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    with locked(tmp_path), pytest.raises(Locked, match="another process") as refused:
        update(path, {"A": "2"}, patience=0)
    assert str(tmp_path) in refused.value.message
    assert path.read_text() == "A=1\n"


def test_a_reader_never_waits(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    with locked(tmp_path):
        assert read(path)["A"].value == "1"


def test_a_writer_goes_on_when_the_lock_is_free(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    writer = threading.Thread(target=update, args=(path, {"A": "1"}))
    with locked(tmp_path):
        writer.start()
        assert not path.exists()
    writer.join()
    assert read(path)["A"].value == "1"


def test_writers_of_one_file_by_two_paths_share_the_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / ".env").symlink_to("real/secrets")
    with locked(tmp_path / "real"), pytest.raises(Locked):
        update(tmp_path / ".env", {"A": "1"}, patience=0)


def test_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
