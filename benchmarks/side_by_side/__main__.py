"""Gateways side by side: one upstream, one machine, rounds in turn.

``python -m benchmarks.side_by_side [NAMES] [--rounds 8] [--json FILE]``; see `peers` for the names. Traced
gateways stand beside traced ones, and untraced beside untraced. Each is measured with one client
and with 16; processor time includes the work after the answers, and not that of an idle gateway.
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

from benchmarks.side_by_side.peers import PEERS, Peer
from gatewayctl.operations.bench.workers import start_load, start_upstream
from gatewayctl.runtimes.metering.json_program import JsonProgram
from gatewayctl.runtimes.metering.processes import measure_tree

SETTLE = 20.0
"""Seconds until spend logs are written and spans are stored."""
REQUESTS = {1: 25, 16: 80}
"""Of a round, by the number of clients."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side")
    parser.add_argument("names", nargs="*", default=[], help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    given = parser.parse_args()
    with ExitStack() as stack:
        _, port = stack.enter_context(
            start_upstream(["127.0.0.1"], latency_ms=0, tokens=16, tokens_per_second=1000)
        )
        load = stack.enter_context(start_load())
        peers = {}
        for name in given.names or PEERS:
            print(f"starting {name}", file=sys.stderr, flush=True)
            peers[name] = stack.enter_context(PEERS[name](port))
        found = {
            clients: measure(load, peers, clients=clients, rounds=given.rounds)
            for clients in REQUESTS
        }
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for clients, rows in found.items():
        print_table(clients, rows)
    return 0


def measure(
    load: JsonProgram, peers: Mapping[str, Peer], *, clients: int, rounds: int
) -> dict[str, dict[str, Any]]:
    """The figures of each peer: milliseconds, requests per second, processor time by service."""
    for peer in peers.values():
        load.ask(peer.order(clients=clients, requests=2 * clients + 10))
    time.sleep(SETTLE)
    idle = _watch_idle(peers)
    before, began = _usage(peers), time.monotonic()
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in peers}
    for number in range(rounds):
        # Each begins a round as often as another.
        names = [*peers][number % len(peers) :] + [*peers][: number % len(peers)]
        print(f"{clients} clients: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for name in names:
            order = peers[name].order(clients=clients, requests=REQUESTS[clients])
            answers[name].append(load.ask(order))
    time.sleep(SETTLE)
    after, seconds = _usage(peers), time.monotonic() - began
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
        for name in peers
    }


def _watch_idle(peers: Mapping[str, Peer], seconds: float = 10.0) -> dict[str, dict[str, float]]:
    before = _usage(peers)
    time.sleep(seconds)
    after = _usage(peers)
    return {
        name: {each: (after[name][each] - cpu) / seconds for each, cpu in services.items()}
        for name, services in before.items()
    }


def _usage(peers: Mapping[str, Peer]) -> dict[str, dict[str, float]]:
    return {
        name: {service: measure_tree(pid).cpu_seconds for service, pid in peer.pids.items()}
        for name, peer in peers.items()
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
        "cpu_ms": round(sum(services.values()), 2),
        "cpu_ms_by_service": services,
    }


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def print_table(clients: int, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A table in Markdown, as the page about performance has it."""
    print(f"\n{clients} client{'s' * (clients > 1)}\n")
    print("| gateway | p50 ms | p99 ms | requests/s | failed | CPU ms/request | of which |")
    print("|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        parts = ", ".join(f"{each} {cpu:.1f}" for each, cpu in row["cpu_ms_by_service"].items())
        print(
            f"| {name} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['rps']:.0f} |"
            f" {row['failed']} | {row['cpu_ms']:.1f} | {parts} |"
        )


if __name__ == "__main__":
    sys.exit(main())
