from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayctl.operating_system import System, read_system, real_path


def test_the_system_is_read_with_the_version_that_packages_depend_on() -> None:
    system = read_system()

    assert system.machine == platform.machine()
    assert (system.name, system.version is not None) == (sys.platform, True)


@pytest.mark.usefixtures("macos")
def test_macos_has_a_version_of_its_own() -> None:
    assert read_system() == System(name="darwin", machine="arm64", version=(14, 5))


def test_a_32_bit_python_is_no_64_bit_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)

    assert read_system().machine.endswith("(32-bit Python)")


@pytest.mark.parametrize("answer", [None, ValueError("unrecognized configuration name")])
def test_another_c_library_has_no_version(
    answer: ValueError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confstr(_: str) -> None:
        if answer is not None:
            raise answer

    monkeypatch.setattr(os, "confstr", confstr)
    monkeypatch.setattr(sys, "platform", "linux")

    assert read_system().version is None


def test_a_path_is_given_without_links_and_a_missing_one_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tmp").symlink_to(tmp_path)

    assert real_path(tmp_path / "tmp") == tmp_path
    assert real_path(tmp_path / "tmp" / "Missing") == tmp_path / "Missing"


@pytest.mark.usefixtures("macos")
def test_on_macos_a_folder_has_one_path_however_its_case_is_written(tmp_path: Path) -> None:
    (tmp_path / "Shop").mkdir()
    (tmp_path / "tmp").symlink_to(tmp_path)

    assert (tmp_path / "shop").is_dir()
    assert real_path(tmp_path / "TMP" / "shop") == tmp_path / "Shop"
    assert real_path(tmp_path / "shop" / "Missing") == tmp_path / "shop" / "Missing"


@pytest.mark.timeout(10)
@pytest.mark.usefixtures("macos")
def test_on_macos_a_named_pipe_has_a_path_although_nobody_writes_to_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Pipe")

    assert real_path(tmp_path / "pipe") == tmp_path / "Pipe"


WINDOWS = """
import io, json, os, signal, sys
import rich.console, typer.main, typer.testing  # they choose by the system when they are imported
from contextlib import redirect_stderr, redirect_stdout

sys.platform = "win32"
for name in ("fcntl", "grp", "pty", "pwd", "readline", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("confstr", "fchmod", "fchown", "geteuid", "getuid", "uname"):
    delattr(os, name)
del signal.SIGHUP, signal.SIGKILL

from gatewayctl.__main__ import main
from gatewayctl.cli.syntax.reference import iterate_commands

found = []
for words in [*(name.split() for name, _ in iterate_commands()), ["status", "--json"]]:
    sys.argv, out, err = ["gatewayctl", *words], io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            found.append([end.code, out.getvalue(), err.getvalue()])
print(json.dumps(found))
"""
REFUSED = """\
Error: gatewayctl does not run on Windows itself, only in WSL 2.
Hint: Install WSL 2 (`wsl --install`), and run gatewayctl in its Linux.
"""


def test_every_command_ends_in_one_sentence_on_windows() -> None:
    done = subprocess.run([sys.executable, "-c", WINDOWS], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    *found, (code, document, _) = json.loads(done.stdout)
    assert len(found) > 30
    assert all(each == [4, "", REFUSED] for each in found)
    assert (code, json.loads(document)["error"]["code"]) == (4, "system_unsupported")
