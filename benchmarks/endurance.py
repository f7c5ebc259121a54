"""An hour of load at half of what the gateway carries: memory, failures, and the spend logs.

``python -m benchmarks.endurance [MINUTES [RATE]]``: an embedded stack in production. RATE is in
requests a second, for a machine that does other things too. Prints the memory of each service each
minute. Exit 1 if a service ever has 10 % more than in its first ten minutes, a request failed, or
one of them is in no spend log. The most of each time counts, because PostgreSQL's memory follows
the number of its connections, which come and go.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

import psutil

from benchmarks.side_by_side.starting import Peer, ours
from benchmarks.stack import query
from gatewayctl.operations.bench.workers import start_load, start_upstream
from gatewayctl.runtimes.embedded.orphans import iterate_tree
from gatewayctl.runtimes.metering.json_program import JsonProgram

WARM = 10
"""Minutes until caches and pools have their size."""
ALLOWED = 1.10
COUNT = "select count(*) from \"LiteLLM_SpendLogs\" where status = 'success'"
MIB = 2**20


def main(minutes: int, rate: float | None) -> int:
    with (
        start_upstream(["127.0.0.1"], latency_ms=50, tokens=16, tokens_per_second=1000) as (
            _,
            port,
        ),
        start_load() as load,
        ours("production", "", port) as (gateway, folder, ports),
    ):
        # That of the first answer is written some seconds later.
        time.sleep(20)
        before = int(query(folder, ports, "litellm", COUNT))
        sent = 0
        if rate is None:
            rate, sent = find_half(load, gateway)
        print(f"{rate:.0f} requests a second", flush=True)
        memory: list[Mapping[str, float]] = []
        failed, reasons = 0, dict[str, str]()
        for minute in range(1, minutes + 1):
            order = gateway.order(clients=64, seconds=60.0) | {"rate": rate}
            found = load.ask(order)
            sent += len(found["samples"])
            failed += sum(found["errors"].values())
            reasons |= found["reasons"]
            memory.append(measure(gateway))
            print(
                f"{minute:3d} min  {sent} answered, {failed} failed  {show(memory[-1])}", flush=True
            )
        time.sleep(30)
        logged = int(query(folder, ports, "litellm", COUNT)) - before
    first, rest = memory[:WARM], memory[WARM:] or memory
    grown = {name: most(rest, name) / most(first, name) for name in memory[-1]}
    print(f"most memory, against that of the first {WARM} minutes: {show(grown, 2)}")
    print(f"{sent} answered, {failed} failed {reasons or ''}, {logged} in spend logs")
    return int(failed > 0 or logged != sent or max(grown.values()) > ALLOWED)


def find_half(load: JsonProgram, gateway: Peer) -> tuple[float, int]:
    """Half of the rate at which 16 clients are answered, and how many requests that took."""
    warm = load.ask(gateway.order(clients=16, requests=100))
    found = load.ask(gateway.order(clients=16, requests=600))
    answered = [*warm["samples"], *found["samples"]]
    return len(found["samples"]) / found["seconds"] / 2, len(answered)


def most(memory: Sequence[Mapping[str, float]], name: str) -> float:
    return max(each[name] for each in memory)


def measure(gateway: Peer) -> dict[str, float]:
    """MiB of each service that are its own: PostgreSQL's shared buffers fill up to their size."""
    return {name: sum(map(own_memory, iterate_tree(pid))) for name, pid in gateway.pids.items()}


def own_memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().uss / MIB)
    except psutil.Error:
        # PostgreSQL's workers come and go.
        return 0.0


def show(values: Mapping[str, float], digits: int = 0) -> str:
    return "  ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


if __name__ == "__main__":
    numbers = [float(word) for word in sys.argv[1:]]
    sys.exit(main(int(numbers[0]) if numbers else 60, numbers[1] if numbers[1:] else None))
