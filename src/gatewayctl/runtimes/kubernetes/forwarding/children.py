"""Programs that end when we do, however we end: kubectl, and what its credential plugins start.

Each is the leader of a process group behind a shell, which kills the group once the pipe to us is
closed. The kernel closes it after a kill -9 too, on Linux as on macOS. Must not know what they do.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

_GUARD: Final = '("$@"; kill -9 0) & read -r _; kill -9 0'
"""The group ends with the program, and the program ends when nothing holds the pipe any more."""
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

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> str:
        """Wait for the end and return what it complained about last."""
        await self._process.wait()
        with suppress(TimeoutError):
            # Something else in the group can hold the pipe for a moment.
            await asyncio.wait_for(asyncio.shield(self._reading), 1)
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
