"""Programs that end when we do, however we end: kubectl, and what its credential plugins start.

Each leads a process group, in which a shell kills the group once the pipe to us is closed. The
kernel closes it after a kill -9 too, on Linux as on macOS. Must not know what they do.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

_GUARD: Final = 'exec 3<&0; (read -r _ <&3; kill -9 0) >/dev/null 2>&1 & exec "$@" </dev/null 3<&-'
"""Becomes the program, and leaves a shell beside it that reads the pipe."""
_CHUNK: Final = 2**16
_LAST_LINES: Final = 20


class Child:
    """A running program; its standard output is read by the owner, what it complains is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._complaints: list[str] = []
        self._reading = asyncio.create_task(self._keep_complaints())

    @classmethod
    async def start(cls, argv: Sequence[str]) -> Child:
        """Start a program with our environment. Raises OSError."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", _GUARD, "sh", *argv),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            process_group=0,
            limit=2**20,
        )
        return cls(process)

    @property
    def output(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdout

    async def wait(self) -> str:
        """Read its output to the end, end the group, and return what it complained about last."""
        while await self.output.read(_CHUNK):
            pass
        self.kill()
        await self._process.wait()
        await self._reading
        return "\n".join(self._complaints)

    def kill(self) -> None:
        """End the whole group at once. Repeatable."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep_complaints(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        async for line in self._process.stderr:
            self._complaints.append(line.decode(errors="replace").rstrip())
            del self._complaints[:-_LAST_LINES]
