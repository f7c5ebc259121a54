"""The only place that runs programs to their end. Services are started elsewhere.

Commands are data: a list of words and an environment. Secrets go by environment or
standard input, never as a word.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
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
