"""Programs that read and write files, and interactive psql.

Owns pipes and open files of programs whose data may exceed memory. Must not know what the programs
do.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from gatewayctl.errors import FileUnwritable, RuntimeProblem
from gatewayctl.runtimes.database_shell import clean_psql_errors
from gatewayctl.runtimes.process import Completed, log_end, spawn, terminate

_POLL_SECONDS: Final = 0.2
_PATIENCE: Final = 10.0


def run_streamed(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: Path | None = None,
    stdout: Path | None = None,
) -> Generator[int, None, Completed]:
    """Run a program to its end; yield the bytes read so far, or without ``stdin`` those written.

    The program reads and writes the files itself. ``stdout`` is created with mode 0600. Closing
    the generator ends the program. Raises RuntimeProblem if it cannot be started, FileUnwritable
    if ``stdout`` cannot be created.
    """
    with ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        source = stack.enter_context(stdin.open("rb")) if stdin else None
        sink: IO[bytes] = stack.enter_context(_sink(stdout))
        given = source or subprocess.DEVNULL
        process = spawn(argv, env=env, cwd=cwd, stdin=given, stdout=sink, stderr=errors)
        began = time.monotonic()
        try:
            while not _has_ended(process):
                # The position of an open file is shared with the program that inherited it.
                counted = source or sink
                yield os.lseek(counted.fileno(), 0, os.SEEK_CUR)
        finally:
            terminate(process)
            log_end(argv, process.returncode, began)
        return Completed(
            returncode=process.returncode,
            stdout="" if stdout else _text(sink),
            stderr=_text(errors),
        )


def _sink(path: Path | None) -> IO[bytes]:
    if path is None:
        return tempfile.TemporaryFile()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.fdopen(os.open(path, flags, 0o600), "wb")
    except OSError as error:
        raise FileUnwritable(f"Cannot write {path}: {error.strerror}.") from error


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


class PsqlSession:
    """A running psql that reads statements from its standard input."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors

    def ask(self, sql: str) -> tuple[str, ...]:
        """Run statements and return their rows. Raises RuntimeProblem with PostgreSQL's message."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        assert self._process.stdout is not None  # noqa: S101 - same
        mark = f"gatewayctl-{uuid.uuid4().hex}"
        try:
            # Ends a last statement without a semicolon; after one with it, an empty statement.
            self._process.stdin.write(f"{sql}\n;\n\\echo {mark}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None
        rows: list[str] = []
        for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            if text == mark:
                return tuple(rows)
            rows.append(text)
        raise self._failure()

    def _failure(self) -> RuntimeProblem:
        self._process.wait()
        message = clean_psql_errors(_text(self._errors))
        return RuntimeProblem(f"PostgreSQL refused: {message or 'psql ended'}")


@contextmanager
def open_psql(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[PsqlSession]:
    """Start a psql that ends with the block. Raises RuntimeProblem."""
    with tempfile.TemporaryFile() as errors:
        pipe = subprocess.PIPE
        process = spawn(argv, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=errors)
        began = time.monotonic()
        try:
            yield PsqlSession(process, errors)
        finally:
            _close(process)
            log_end(argv, process.returncode, began)


def _close(process: subprocess.Popen[bytes]) -> None:
    """End its input, at which psql exits and PostgreSQL rolls back an open transaction."""
    for pipe in (process.stdin, process.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except BrokenPipeError:
            continue
    try:
        process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        terminate(process)
