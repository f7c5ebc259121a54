"""The only place that starts programs, in the foreground or in the background.

Commands are data: a list of arguments and an environment. Secrets are passed in the environment or
on standard input, never as an argument.
"""

from __future__ import annotations

import io
import logging
import shlex
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar

from gatewayctl.errors import ProgramTimeout, RuntimeProblem
from gatewayctl.generators import transform

News = TypeVar("News")

_LOGGER: Final = logging.getLogger(__name__)

_PATIENCE: Final = 10.0
_UTF8: Final = "utf-8"
"""For input and output, whatever the locale: compose files, passwords, logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a program ended, and its output as text."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run a program to its end and return its output, whatever its exit code.

    ``env`` replaces the whole environment if given; ``timeout`` in seconds. Raises RuntimeProblem
    if the program cannot be started or does not end in time.
    """
    began = time.monotonic()
    try:
        done = subprocess.run(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding=_UTF8,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise RuntimeProblem(f"Cannot run {argv[0]}: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        log_end(argv, f"not ended within {timeout:g} s", began)
        raise ProgramTimeout(f"{argv[0]} did not end within {timeout:g} s.") from error
    log_end(argv, done.returncode, began)
    return Completed(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def follow(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    patience: float = _PATIENCE,
    keep: bool = True,
) -> Generator[str, None, Completed]:
    """Run a program and yield its output line by line, both streams merged.

    Returns Completed with the whole output in ``stdout``; without ``keep``, for programs that run
    for days, ``stdout`` is empty. Closing the generator terminates the program, and kills it after
    ``patience`` seconds. Raises RuntimeProblem if it cannot be started.
    """
    process = spawn(argv, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    began = time.monotonic()
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    lines: list[str] = []
    with io.TextIOWrapper(process.stdout, encoding=_UTF8, errors="replace") as output:
        try:
            for line in output:
                if keep:
                    lines.append(line)
                yield line.rstrip("\n")
            process.wait()
        finally:
            terminate(process, patience)
            log_end(argv, process.returncode, began)
    return Completed(returncode=process.returncode, stdout="".join(lines), stderr="")


def map_lines(
    lines: Generator[str, None, Completed], parse: Callable[[str], News | None]
) -> Generator[News, None, Completed]:
    """Yield what ``parse`` finds in the lines of a followed program; closing ends the program."""

    def convert(line: str) -> tuple[News, ...]:
        news = parse(line)
        return () if news is None else (news,)

    return transform(lines, convert)


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    start_new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program in the background that the caller has to end. Raises RuntimeProblem."""
    try:
        process = subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=start_new_session,
        )
    except OSError as error:
        raise RuntimeProblem(f"Cannot run {argv[0]}: {error.strerror}.") from error
    _LOGGER.debug("started pid %d: %s", process.pid, LazyCommand(argv))
    return process


def log_end(argv: Sequence[str], result: int | str, began: float) -> None:
    """Log the end of a program: its exit code, or why there is none; ``began`` is monotonic."""
    code = result if isinstance(result, str) else f"exit code {result}"
    _LOGGER.info("ran %s: %s (%.2f s)", LazyCommand(argv), code, time.monotonic() - began)


class LazyCommand:
    """A command line that is quoted only if the log is written."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv

    def __str__(self) -> str:
        return shlex.join(self._argv)


def terminate(process: subprocess.Popen[bytes], patience: float = _PATIENCE) -> None:
    """Terminate a program, and kill it if it does not end within ``patience`` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a program that outlives us, in its own session, with its output in ``log``.

    Raises RuntimeProblem if it cannot be started.
    """
    try:
        out = log.open("ab")
    except OSError as error:
        raise RuntimeProblem(f"Cannot write to {log}: {error.strerror}.") from error
    with out:
        return spawn(argv, env=env, cwd=cwd, stdout=out, stderr=out, start_new_session=True)
