"""The program as a process: signals, encodings, a reader that had enough."""

from __future__ import annotations

import os
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
    # Whatever this machine has: the logs of the embedded runtime are files.
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
    """`gatewayctl logs -f` that has shown its first line."""
    log = folder / ".gatewayctl" / "logs" / "litellm.log"
    log.write_text(LINE.format("one"))
    argv = [sys.executable, "-m", "gatewayctl", "-C", str(folder), "logs", "-f"]
    if ignoring is not None:
        # As nohup does it: the signal is ignored when the program begins.
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
def test_a_polite_end_is_exit_code_130(kind: signal.Signals, folder: Path) -> None:
    with following(folder) as follower:
        follower.process.send_signal(kind)
        _, err = follower.process.communicate()

    assert follower.process.returncode == 130
    assert err.decode() == ("Error: Interrupted.\nHint: Run the command again to finish.\n")


def test_a_program_that_was_told_to_ignore_a_hang_up_goes_on(folder: Path) -> None:
    with following(folder, ignoring=signal.SIGHUP) as follower:
        follower.process.send_signal(signal.SIGHUP)
        follower.log("two")

        assert follower.line().endswith(b"two\n")


def test_a_reader_that_had_enough_is_no_bug(folder: Path) -> None:
    with following(folder) as follower:
        assert follower.process.stdout is not None
        follower.process.stdout.close()
        follower.log("two")
        assert follower.process.stderr is not None
        err = follower.process.stderr.read()

    assert b"Traceback" not in err
    assert b"bug" not in err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_sign_is_no_reason_to_fail(encoding: str, folder: Path) -> None:
    done = gatewayctl(folder, "status", PYTHONIOENCODING=encoding)

    assert done.returncode == 4, "the stack does not run, and that is all"
    masked = "sk-…WXYZ".encode(encoding, "backslashreplace")
    assert masked in done.stdout


def test_the_version_of_the_program() -> None:
    done = gatewayctl(Path(), "--version")

    assert done.returncode == 0
    assert done.stdout.startswith(b"gatewayctl ")
