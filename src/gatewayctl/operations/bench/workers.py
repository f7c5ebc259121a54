"""The two programs of a benchmark: its upstream and its load generator.

Each is a process of its own, so that its processor time is known and counts for no service. Owns
their orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from gatewayctl.runtimes.metering.json_program import JsonProgram, start_program

_PROGRAMS: Final = "gatewayctl.operations.bench.programs"


def start_load() -> AbstractContextManager[JsonProgram]:
    """Start the load generator; it ends with the block. Raises RuntimeProblem."""
    return start_program("load generator of the benchmark", f"{_PROGRAMS}.load")


@contextmanager
def start_upstream(
    addresses: Sequence[str], *, latency_ms: float, tokens: int, tokens_per_second: float
) -> Iterator[tuple[JsonProgram, int]]:
    """Start the upstream; yields it and its port."""
    with start_program("upstream of the benchmark", f"{_PROGRAMS}.upstream") as program:
        answer = program.ask(
            {
                "addresses": list(addresses),
                "latency": latency_ms / 1000,
                "tokens": tokens,
                "interval": 1 / tokens_per_second,
            }
        )
        yield program, int(answer["port"])
