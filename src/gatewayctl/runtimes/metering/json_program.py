"""A program of ours in the background that answers each line of JSON with another.

Owns its start, its orders and its end. It has to end by itself when its standard input does, so
that none is left behind when this process is killed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.files.json_text import parse_json
from gatewayctl.runtimes import process

_LOGGER: Final = logging.getLogger(__name__)
_PATIENCE: Final = 2.0


class JsonProgram:
    """A running program; ``name`` is what messages call it, ``errors`` is what it complains to."""

    def __init__(self, name: str, running: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._name = name
        self._process = running
        self._errors = errors

    def ask(self, order: Mapping[str, Any]) -> Any:
        """Send an order and wait for its answer. Raises RuntimeProblem if the program ended."""
        assert self._process.stdin is not None  # noqa: S101 - pipes were asked for
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(dict(order)).encode() + b"\n")
            self._process.stdin.flush()
            return parse_json(self._process.stdout.readline().decode())
        except (OSError, ValueError):
            raise RuntimeProblem(
                f"The {self._name} ended.", hint="Run the command again with -v."
            ) from None

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.terminate(self._process, _PATIENCE)
        self._errors.seek(0)
        for line in self._errors:
            _LOGGER.info("%s: %s", self._name, line.decode(errors="replace").rstrip())


@contextmanager
def start_program(name: str, module: str) -> Iterator[JsonProgram]:
    """Run a module of gatewayctl as a program, which ends with the block. Raises RuntimeProblem."""
    # -P: a folder named gatewayctl in the current one must not take the place of the package.
    argv = [sys.executable, "-P", "-m", module]
    with tempfile.TemporaryFile() as errors:
        # A session of its own: Ctrl-C reaches gatewayctl, which ends the program in order.
        running = process.spawn(
            argv, env=None, cwd=None, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=errors, start_new_session=True,
        )  # fmt: skip
        program = JsonProgram(name, running, errors)
        try:
            yield program
        finally:
            program.close()
