"""Gateways side by side: one upstream, one machine, rounds in turn.

``python -m benchmarks.side_by_side peers|knobs [NAMES] [--rounds 4] [--json FILE]``:
gateways of others (`peers`), or ours with one setting changed (`knobs`). Traced gateways stand
beside traced ones, and untraced beside untraced. Each is measured with one client and with 16, for
so long that what comes after the answers is a part of the load, and the next one waits until that
is done. Processor time includes it, and not that of an idle gateway.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.side_by_side import knobs, peers
from benchmarks.side_by_side.plot import render_bars
from benchmarks.side_by_side.starting import Peer
from gatewayctl.operations.bench.workers import start_load, start_upstream
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.metering.containers import find_bridge
from gatewayctl.runtimes.metering.json_program import JsonProgram
from gatewayctl.runtimes.metering.processes import measure_tree

SETS = {"peers": peers.PEERS, "knobs": knobs.STARTS}
SETTLE = 20.0
"""Seconds until spend logs are written and spans are stored."""
SECONDS = {1: 2.0, 16: 10.0}
"""Of a round, by the number of clients."""
IDLE_SECONDS = 45.0
"""Three times the longest pause between the jobs of an idle gateway."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side")
    parser.add_argument("what", choices=SETS)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--clients", type=int, choices=SECONDS, help="only with so many")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--plot", type=Path, help="draw the processor time into this SVG")
    given = parser.parse_args()
    starts = SETS[given.what]
    addresses = ["127.0.0.1"]
    if "docker" in (given.names or starts):
        addresses += find_bridge(engine.endpoint())
    with ExitStack() as stack:
        _, port = stack.enter_context(
            start_upstream(addresses, latency_ms=0, tokens=16, tokens_per_second=1000)
        )
        load = stack.enter_context(start_load())
        started = {}
        for name in given.names or starts:
            print(f"starting {name}", file=sys.stderr, flush=True)
            started[name] = stack.enter_context(starts[name](port))
        found = {
            clients: measure(load, started, clients=clients, rounds=given.rounds)
            for clients in ([given.clients] if given.clients else SECONDS)
        }
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if given.plot:
        given.plot.write_text(render_bars(next(iter(found.values()))), encoding="utf-8")
    for clients, rows in found.items():
        print_table(clients, rows)
    return 0


def measure(
    load: JsonProgram, started: Mapping[str, Peer], *, clients: int, rounds: int
) -> dict[str, dict[str, Any]]:
    """The figures of each peer: milliseconds, requests per second, processor time by service."""
    for peer in started.values():
        load.ask(peer.order(clients=clients, requests=2 * clients + 10))
    time.sleep(SETTLE)
    idle = _watch_idle(started)
    before, began = _usage(started), time.monotonic()
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in started}
    for number in range(rounds):
        # Each begins a round as often as another.
        names = [*started][number % len(started) :] + [*started][: number % len(started)]
        print(f"{clients} clients: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for name in names:
            order = started[name].order(clients=clients, seconds=SECONDS[clients])
            answer = load.ask(order)
            answers[name].append(answer | {"rest": _wait_until_quiet(started[name])})
    time.sleep(SETTLE)
    after, seconds = _usage(started), time.monotonic() - began
    return {
        name: _summarize(
            answers[name],
            {
                service: after[name][service]
                - before[name][service]
                - idle[name][service] * seconds
                for service in before[name]
            },
        )
        for name in started
    }


def _wait_until_quiet(peer: Peer, *, step: float = 0.5, longest: float = 60.0) -> float:
    """Wait until it uses less than a tenth of a core; returns for how long it was busy.

    Spans are stored after the answers of their requests.
    """
    began, before = time.monotonic(), _sum(peer)
    while (waited := time.monotonic() - began) < longest:
        time.sleep(step)
        after = _sum(peer)
        if after - before < step / 10:
            return waited
        before = after
    return longest


def _sum(peer: Peer) -> float:
    return sum(measure_tree(pid).cpu_seconds for pid in peer.pids.values())


def _watch_idle(started: Mapping[str, Peer]) -> dict[str, dict[str, float]]:
    before = _usage(started)
    time.sleep(IDLE_SECONDS)
    after = _usage(started)
    return {
        name: {each: (after[name][each] - cpu) / IDLE_SECONDS for each, cpu in services.items()}
        for name, services in before.items()
    }


def _usage(started: Mapping[str, Peer]) -> dict[str, dict[str, float]]:
    return {
        name: {service: measure_tree(pid).cpu_seconds for service, pid in peer.pids.items()}
        for name, peer in started.items()
    }


def _summarize(rounds: list[dict[str, Any]], cpu: Mapping[str, float]) -> dict[str, Any]:
    latency = sorted(sample[0] for each in rounds for sample in each["samples"])
    failed = sum(sum(each["errors"].values()) for each in rounds)
    if not latency:
        reasons = [reason for each in rounds for reason in each["reasons"].values()]
        raise RuntimeError(f"no request succeeded: {reasons[:1]}")
    services = {name: round(1000 * each / len(latency), 2) for name, each in cpu.items()}
    return {
        "requests": len(latency),
        "failed": failed,
        "p50_ms": round(_at(latency, 0.50), 2),
        "p99_ms": round(_at(latency, 0.99), 2),
        "rps": round(len(latency) / sum(each["seconds"] for each in rounds), 1),
        # With the time in which what they left behind is stored.
        "stored_rps": round(len(latency) / sum(r["seconds"] + r["rest"] for r in rounds), 1),
        "cpu_ms": round(sum(services.values()), 2),
        "cpu_ms_by_service": services,
    }


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def print_table(clients: int, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A table in Markdown, as the page about performance has it."""
    print(f"\n{clients} client{'s' * (clients > 1)}\n")
    heads = ("gateway", "p50 ms", "p99 ms", "requests/s", "stored/s", "failed", "CPU ms/request")
    print(f"| {' | '.join(heads)} | of which |")
    print(f"|{'---|' * (len(heads) + 1)}")
    for name, row in rows.items():
        parts = ", ".join(f"{each} {cpu:.1f}" for each, cpu in row["cpu_ms_by_service"].items())
        print(
            f"| {name} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['rps']:.0f} |"
            f" {row['stored_rps']:.0f} | {row['failed']} | {row['cpu_ms']:.1f} | {parts} |"
        )


if __name__ == "__main__":
    sys.exit(main())
