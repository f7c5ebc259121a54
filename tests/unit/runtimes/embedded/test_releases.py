from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gatewayctl.runtimes.embedded.releases import find_root, find_running, read_release


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("/c/embedded/aa/litellm/bin/python", "-m", "litellm"), "aa"),
        (("setpriv", "--reuid", "1", "/c/embedded/bb/base/bin/postgres"), "bb"),
        (("/usr/bin/python3", "-m", "litellm"), None),
        (("/c/embedded",), None),
        ((), None),
    ],
)
def test_the_environment_is_found_in_the_command_line(
    argv: tuple[str, ...], name: str | None
) -> None:
    root = find_root(argv, Path("/c/embedded"))

    assert (root.name if root else None) == name


def test_a_release_has_the_version_recorded_in_its_environment(tmp_path: Path) -> None:
    (tmp_path / "complete.json").write_text(json.dumps({"versions": {"litellm": "1.106.2"}}))

    assert read_release(tmp_path).version == "1.106.2"
    assert read_release(tmp_path / "missing").version is None


def test_the_release_of_a_process_is_read_from_its_command_line(tmp_path: Path) -> None:
    program = tmp_path / "aa" / "python"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    process = subprocess.Popen(
        [str(program), "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        process.stdout.readline()
        seen = psutil.Process(process.pid)
        found = find_running([seen], tmp_path)
        assert found is not None
        assert found.name == "aa"
        assert find_running([seen], tmp_path / "elsewhere") is None
    finally:
        process.communicate(b"\n")
    assert find_running([seen], tmp_path) is None
