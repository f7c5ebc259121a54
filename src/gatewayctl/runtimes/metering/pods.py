"""The usage of a project's pods, from the control group that each container sees as its own.

One program stays in each pod and answers as often as it is asked: to start one each time would cost
more than what is measured. It needs the right to run programs in pods, as backups do, and no
metrics server. Owns these programs and what they print.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from gatewayctl.runtimes import process
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod
from gatewayctl.runtimes.metering.base import ServiceUsage
from gatewayctl.settings.model import LOOPBACK

GROUPS: Final = "/sys/fs/cgroup"
# Of control groups of version 2 and 1: each system has those of one.
_FILES: Final = ("cpu.stat", "memory.stat", "cpuacct/cpuacct.usage", "memory/memory.stat")
_END: Final = "."
# Without a program of its own for each answer, and in words that every shell knows.
_SHELL: Final = (
    'cd "$0" && while read -r asked; do'
    f" for file in {' '.join(_FILES)}; do"
    ' [ -r "$file" ] && while read -r line; do echo "${file##*/} $line"; done < "$file";'
    f" done; echo {_END}; done"
)
_PYTHON: Final = f"""\
import os, sys
os.chdir(sys.argv[1])
for _ in sys.stdin:
    for name in {_FILES!r}:
        if os.access(name, os.R_OK):
            for line in open(name):
                print(name.rpartition("/")[2], line.strip())
    print({_END!r}, flush=True)
"""
_WITHOUT_SHELL: Final = frozenset({"phoenix"})
"""Its image has Python and no shell."""
_SECONDS: Final = 30.0
"""Until an answer, the first of which waits for the connection to the pod."""
_PATIENCE: Final = 2.0


class PodMeter:
    """Satisfies ``metering.base.Meter`` for these pods; they are asked until ``close``.

    A service whose pod ends meanwhile is measured no longer, and one that starts later is not.
    """

    host: Final = LOOPBACK
    addresses: Final[tuple[str, ...]] = (LOOPBACK,)

    def __init__(self, kubectl: Kubectl, pods: Iterable[Pod], *, groups: str = GROUPS) -> None:
        running = [pod for pod in pods if pod.is_alive and pod.phase == "Running"]
        self._programs = [_PodProgram(kubectl, pod, groups) for pod in running]
        self.unavailable = "" if self.read() else self._explain()

    def read(self) -> Mapping[str, ServiceUsage]:
        """Add up the pods of each service; one with a pod that does not answer is left out."""
        for program in self._programs:
            program.ask()
        found: dict[str, list[ServiceUsage | None]] = defaultdict(list)
        for program in self._programs:
            found[program.service].append(parse_groups(program.answer()))
        return {
            service: ServiceUsage(
                cpu_seconds=sum(each.cpu_seconds for each in known),
                memory_bytes=sum(each.memory_bytes for each in known),
            )
            for service, usages in found.items()
            if len(known := [each for each in usages if each is not None]) == len(usages)
        }

    def close(self) -> None:
        for program in self._programs:
            program.close()

    def _explain(self) -> str:
        reasons = (program.complaint() for program in self._programs)
        reason = next(filter(None, reasons), "no pod shows its control group")
        return f"the pods cannot be asked ({reason})"


def parse_groups(text: str) -> ServiceUsage | None:
    """Parse what a program printed; None if a figure is missing."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if value.isdigit():
            found[name] = int(value)
    if (microseconds := found.get("cpu.stat usage_usec")) is not None:
        seconds = microseconds / 1e6
    elif (nanoseconds := found.get("cpuacct.usage")) is not None:
        seconds = nanoseconds / 1e9
    else:
        return None
    # The whole usage would include the page cache.
    memory = (found.get(f"memory.stat {name}") for name in ("anon", "total_rss"))
    known = next((each for each in memory if each is not None), None)
    return None if known is None else ServiceUsage(cpu_seconds=seconds, memory_bytes=known)


class _PodProgram:
    """A program in a pod that prints its control group for each line that it reads.

    It ends with its standard input, also when this process is killed.
    """

    def __init__(self, kubectl: Kubectl, pod: Pod, groups: str) -> None:
        self.service = pod.service
        python = ("python3", "-ISc", _PYTHON)
        words = python if pod.service in _WITHOUT_SHELL else ("sh", "-c", _SHELL)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        # A session of its own: Ctrl-C reaches gatewayctl, which ends the program in order.
        self._process = process.spawn(
            kubectl.exec_argv(pod.name, pod.container, (*words, groups)), env=None, cwd=None,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            start_new_session=True,
        )  # fmt: skip

    def ask(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - pipes were asked for
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            self._end()

    def answer(self) -> str:
        """What it printed for one question; empty if it ended or does not answer in time."""
        assert self._process.stdout is not None  # noqa: S101
        if self._process.stdout.closed:
            return ""
        found, end = b"", f"\n{_END}\n".encode()
        deadline = time.monotonic() + _SECONDS
        while not (b"\n" + found).endswith(end):
            left = max(deadline - time.monotonic(), 0.0)
            ready, _, _ = select.select([self._process.stdout], [], [], left)
            more = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not more:
                # An answer that comes later would be taken for the next one.
                self._end()
                return ""
            found += more
        return found.decode(errors="replace")

    def complaint(self) -> str:
        """The last line of what it or kubectl complained about."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def close(self) -> None:
        self._end()
        process.terminate(self._process, _PATIENCE)
        self._errors.close()

    def _end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                # What was not written yet; the pipe is closed all the same.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
