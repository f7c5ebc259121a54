"""The program as a process: signals, encodings, a closed pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KEY = "sk-virtual-0123456789abcdefWXYZ"
LINE = "2026-11-23T14:00:01.000Z {}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(f"LITELLM_API_KEY={KEY}\n")
    # The logs of the embedded runtime are files, also on a machine with Docker.
    (tmp_path / "gateway.yaml").write_text("runtime: embedded\n")
    (tmp_path / ".gatewayctl" / "logs").mkdir(parents=True)
    return tmp_path


def gatewayctl(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gatewayctl", "-C", str(folder), *words],
        env=dict(os.environ) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


@contextmanager
def following(folder: Path, *, ignoring: signal.Signals | None = None) -> Iterator[Follower]:
    """`gatewayctl logs -f` after its first line."""
    log = folder / ".gatewayctl" / "logs" / "litellm.log"
    log.write_text(LINE.format("one"))
    argv = [sys.executable, "-m", "gatewayctl", "-C", str(folder), "logs", "-f"]
    if ignoring is not None:
        # As nohup does: the signal is already ignored when the program starts.
        ignore = f"import os, signal, sys; signal.signal({int(ignoring)}, signal.SIG_IGN);"
        argv = [sys.executable, "-c", f"{ignore} os.execv(sys.argv[1], sys.argv[1:])", *argv]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            follower = Follower(process, log)
            assert follower.line().endswith(b"one\n")
            yield follower
        finally:
            process.kill()


class Follower:
    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def log(self, text: str) -> None:
        with self._log.open("a") as file:
            file.write(LINE.format(text))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_following_is_ended_by_a_signal_with_exit_code_130_and_no_word_about_it(
    kind: signal.Signals, folder: Path
) -> None:
    with following(folder) as follower:
        follower.process.send_signal(kind)
        _, err = follower.process.communicate()

    assert follower.process.returncode == 130
    assert err.decode() == ""


def test_a_hang_up_is_ignored_under_nohup(folder: Path) -> None:
    with following(folder, ignoring=signal.SIGHUP) as follower:
        follower.process.send_signal(signal.SIGHUP)
        follower.log("two")

        assert follower.line().endswith(b"two\n")


def test_a_closed_pipe_is_not_an_internal_error(folder: Path) -> None:
    with following(folder) as follower:
        assert follower.process.stdout is not None
        follower.process.stdout.close()
        follower.log("two")
        assert follower.process.stderr is not None
        err = follower.process.stderr.read()

    assert b"Traceback" not in err
    assert b"nternal error" not in err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_characters_that_the_encoding_lacks_are_escaped(encoding: str, folder: Path) -> None:
    done = gatewayctl(folder, "status", PYTHONIOENCODING=encoding)

    assert done.returncode == 4, "the only problem is that the stack does not run"
    masked = "sk-…WXYZ".encode(encoding, "backslashreplace")
    assert masked in done.stdout


def test_the_version_of_the_program() -> None:
    done = gatewayctl(Path(), "--version")

    assert done.returncode == 0
    assert done.stdout.startswith(b"gatewayctl ")


def test_the_module_is_run_as_the_program() -> None:
    done = gatewayctl(Path(), "up", "--help")

    assert done.returncode == 0
    assert b"Usage: gatewayctl up [OPTIONS]" in done.stdout


@pytest.mark.parametrize(
    ("command", "streams", "code"),
    [
        ("chat", "<&-", 2),
        ("down --volumes", "<&-", 2),
        ("env", "<&- >&- 2>&-", 0),
        ("chat", "<&- >&- 2>&-", 2),
        ("chat", "2>/dev/full", 2),
        ("env", ">/dev/full", 4),
        ("env --json", ">/dev/full", 4),
    ],
)
def test_streams_that_are_closed_or_full_are_not_an_internal_error(
    folder: Path, command: str, streams: str, code: int
) -> None:
    program = f'exec "{sys.executable}" -m gatewayctl -C "{folder}" {command} {streams}'

    done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (code, b""), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Internal error" not in done.stderr
    assert done.stderr == b"" or done.stderr.startswith(b"Error: ")


def test_a_hint_works_as_it_is_printed(folder: Path) -> None:
    module = gatewayctl(folder, "restart", "--nonsense")
    hint = re.search(r"Try '(.*)' for help", module.stderr.decode())
    assert hint is not None
    again = subprocess.run(["/bin/sh", "-c", hint[1]], capture_output=True, check=False)

    assert hint[1].startswith(f"{sys.executable} -m gatewayctl restart ")
    assert again.returncode == 0


def test_hints_name_the_script_and_the_folder_as_they_were_given(folder: Path) -> None:
    script = Path(sys.executable).with_name("gatewayctl")
    called = os.path.relpath(script, folder.parent)
    done = subprocess.run(
        [called, "-C", folder.name, "status"],
        cwd=folder.parent,
        env={**os.environ, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    hint = re.search(r"`(.*) up`", done.stderr)
    assert hint is not None
    assert hint[1] == f"{called} -C {folder.name}"


def test_documents_keep_the_plain_name(folder: Path) -> None:
    found = json.loads(gatewayctl(folder, "status", "--json").stdout)

    assert found["error"]["hint"] == "Start the stack with `gatewayctl up`."
