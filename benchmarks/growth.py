"""Time grows with the data and memory stays flat: verbs with a tenth of the data, then with all.

``python -m benchmarks.growth [keys] [models] [traces] [stream]``, all of them without a name: an
embedded stack with copies of the rows of real calls, and for the stream an upstream of its own,
because LiteLLM needs half an hour for a million chunks. Prints a table, and exits with 1 where ten
times the data takes more than 1.5 times ten times as long, or more memory than is allowed for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.growth_rows import declare_models, declare_upstream, make_keys, make_traces
from benchmarks.growth_upstream import serve_chunks
from benchmarks.stack import PROGRAM, gatewayctl, project

TOLERANCE: Final = 1.5
ENDED: Final = {0, 7, 8}
"""Exit codes of a verb that did its work: 7 and 8 report problems that it found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A command, and how many MiB its peak may grow from a tenth of the data to all of it.

    ``count`` finds in its JSON what it has read, which must be all the data.
    """

    words: str
    allowance: float
    count: Callable[[Any], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of a verb took; ``mib`` is its peak of memory."""

    seconds: float
    cpu: float
    mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The verbs that one kind of data concerns, and its full size."""

    title: str
    size: int
    run: Callable[[Part], Iterator[tuple[int, Verb, Run]]]
    verbs: tuple[Verb, ...]


Run = Callable[[], Cost]
"""Runs a verb once."""


def measure(folder: Path, verb: Verb, size: int) -> Cost:
    """Run a verb; its memory is that of the largest process it is or starts.

    Linux counts the memory of who starts a process as the process's own, so this one stays small.
    """
    env = {name: value for name, value in os.environ.items() if name != "TRACEPARENT"}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        argv = [str(PROGRAM), *verb.words.split()]
        started = subprocess.Popen(argv, cwd=folder, env=env, stdout=out, stderr=err)
        _, status, used = os.wait4(started.pid, 0)
        took = time.perf_counter() - began
        started.returncode = os.waitstatus_to_exitcode(status)
        if started.returncode not in ENDED:
            err.seek(0)
            raise RuntimeError(f"{verb.words} ended with {started.returncode}: {err.read()}")
        if verb.count is not None:
            out.seek(0)
            found = verb.count(json.load(out)["data"])
            if found < size:
                raise RuntimeError(f"{verb.words} found {found} of {size}")
    return Cost(
        seconds=took, cpu=used.ru_utime + used.ru_stime, mib=used.ru_maxrss / _MAXRSS_PER_MIB
    )


_MAXRSS_PER_MIB: Final = 2**20 if sys.platform == "darwin" else 2**10


def _run_with_rows(make: Callable[[Path, Mapping[str, int], int], None]) -> Callable[[Part], Any]:
    def run(part: Part) -> Iterator[tuple[int, Verb, Run]]:
        with project() as (folder, ports):
            gatewayctl(folder, "up")
            for _ in range(3):
                gatewayctl(folder, "chat", "--model", "demo", "--verify", "Hello")
            for size in (part.size // 10, part.size):
                make(folder, ports, size)
                for verb in part.verbs:
                    yield size, verb, partial(measure, folder, verb, size)

    return run


def _run_with_models(part: Part) -> Iterator[tuple[int, Verb, Run]]:
    with project() as (folder, _):
        declared = (folder / "gateway.yaml").read_text(encoding="utf-8")
        for size in (part.size // 10, part.size):
            declare_models(folder, declared, size)
            gatewayctl(folder, "up", "--yes")
            for verb in part.verbs:
                yield size, verb, partial(measure, folder, verb, size)


def _run_with_stream(part: Part) -> Iterator[tuple[int, Verb, Run]]:
    for size in (part.size // 10, part.size):
        with tempfile.TemporaryDirectory() as name, serve_chunks(size) as port:
            declare_upstream(Path(name), port)
            for verb in part.verbs:
                yield size, verb, partial(measure, Path(name), verb, size)


PARTS: Final = {
    "keys": Part(
        title="virtual keys",
        size=10_000,
        run=_run_with_rows(make_keys),
        verbs=(
            Verb(words="keys list", allowance=24),
            Verb(words="keys list --json", allowance=40, count=lambda data: len(data["keys"])),
            Verb(words="usage --by environment", allowance=8),
            Verb(words="keys check", allowance=40),
            Verb(words="plan", allowance=40),
            Verb(words="doctor", allowance=40),
        ),
    ),
    "models": Part(
        title="models",
        size=200,
        run=_run_with_models,
        verbs=(
            Verb(words="render", allowance=8),
            Verb(words="plan", allowance=8),
            Verb(words="up --yes", allowance=8),
            Verb(words="status", allowance=8),
            Verb(words="models list", allowance=8),
            Verb(words="doctor", allowance=8),
        ),
    ),
    "traces": Part(
        title="traces",
        size=100_000,
        run=_run_with_rows(make_traces),
        verbs=(
            Verb(words="trace list", allowance=8),
            Verb(words="trace list --status error", allowance=8),
            Verb(words="usage --json", allowance=8, count=lambda data: data["total"]["requests"]),
            Verb(words="usage reconcile --json", allowance=48, count=lambda data: data["matched"]),
            Verb(words="doctor", allowance=8),
        ),
    ),
    "stream": Part(
        title="chunks",
        size=1_000_000,
        run=_run_with_stream,
        verbs=(
            Verb(words="chat --model text Hello", allowance=32),
            Verb(words="chat --model reasoning Hello", allowance=32),
            Verb(
                words="chat --model text --json Hello",
                allowance=32,
                count=lambda data: len(data["reply"].split()),
            ),
        ),
    ),
}


def main(names: list[str]) -> int:
    """Run the named parts, or all; 1 if a bound is broken."""
    print("| verb | data | seconds | CPU s | MiB, peak |\n|---|---|---|---|---|", flush=True)
    broken: list[str] = []
    for name in names or list(PARTS):
        part = PARTS[name]
        tenth: dict[Verb, Cost] = {}
        for size, verb, run in part.run(part):
            words = f"`{verb.words.removesuffix(' Hello')}`"
            cost = run()
            if size < part.size:
                tenth[verb] = cost
            elif any(_find_broken(verb, tenth[verb], cost)):
                # What else runs on the machine only ever adds time.
                cost = min(cost, run(), key=lambda each: each.seconds)
            print(
                f"| {words} | {size:,} {part.title}"
                f" | {cost.seconds:.1f} | {cost.cpu:.1f} | {cost.mib:.0f} |",
                flush=True,
            )
            if size == part.size:
                broken += [f"{words}: {why}" for why in _find_broken(verb, tenth[verb], cost)]
    for line in broken:
        print(line)
    return 1 if broken else 0


def _find_broken(verb: Verb, tenth: Cost, full: Cost) -> Iterator[str]:
    if full.seconds > TOLERANCE * 10 * tenth.seconds:
        yield f"{full.seconds:.1f} s are more than {TOLERANCE} x 10 x {tenth.seconds:.1f} s"
    if full.mib > tenth.mib + verb.allowance:
        yield f"{full.mib:.0f} MiB are more than {tenth.mib:.0f} + {verb.allowance:.0f} MiB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
