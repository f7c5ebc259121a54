"""The only place that runs programs to their end, or starts one that stays.

Commands are data: a list of words and an environment. Secrets go by environment or
standard input, never as a word.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.errors import RuntimeProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a program ended and what it wrote, as text."""

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
    """Run a program to its end and hand back what it wrote, whatever its exit code.

    ``env`` replaces the whole environment where given; ``timeout`` in seconds. Raises
    RuntimeProblem when the program cannot be started or does not end in time.
    """
    try:
        done = subprocess.run(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise RuntimeProblem(f"Cannot run {argv[0]}: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise RuntimeProblem(f"{argv[0]} did not end within {timeout:g} s.") from error
    return Completed(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def follow(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    patience: float = 10,
    keep: bool = True,
) -> Generator[str, None, Completed]:
    """Run a program, yielding what it writes line by line; both streams are one here.

    Returns Completed with everything in ``stdout``, or with nothing where ``keep`` is false, for
    programs that go on for days. Closing the generator ends the program:
    it is asked to, and killed after ``patience`` seconds. Raises RuntimeProblem when it
    cannot be started.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise RuntimeProblem(f"Cannot run {argv[0]}: {error.strerror}.") from error
    lines: list[str] = []
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            if keep:
                lines.append(line)
            yield line.rstrip("\n")
        process.wait()
    finally:
        _end(process, patience)
        if process.stdout is not None:
            process.stdout.close()
    return Completed(returncode=process.returncode, stdout="".join(lines), stderr="")


def _end(process: subprocess.Popen[str], patience: float) -> None:
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
    """Start a program that outlives us: a session of its own, output into ``log``.

    Raises RuntimeProblem when it cannot be started.
    """
    try:
        with log.open("ab") as out:
            return subprocess.Popen(
                list(argv),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
    except OSError as error:
        raise RuntimeProblem(f"Cannot start {argv[0]}: {error.strerror}.") from error
